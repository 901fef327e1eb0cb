"""Each kind of fault once, under load: every one is recovered from, nothing is lost, doubled or reordered."""

import os
from pathlib import Path

import pytest
import uvloop

from chaos.run import run
from chaos.schedule import Kind, schedule
from croissance.console import say

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1800)]
SEED = int(os.environ.get("CHAOS_SEED", "1"))


def test_every_kind_of_fault_is_survived(tmp_path: Path) -> None:
    """Never on seconds: how fast a recovery is depends on the machine; `make chaos` judges that."""
    faults = schedule(SEED, minutes=2)

    report = uvloop.run(run(tmp_path, SEED, faults, say))

    assert report.wrong(limit=None) == []
    assert {outcome.fault.kind for outcome in report.outcomes} == set(Kind)
    assert report.companies > 0
