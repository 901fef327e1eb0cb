"""The drill in short: the database is lost, restored and recovered; no number is given twice, the audit is clean."""

from pathlib import Path

import pytest
import uvloop

from chaos.drill import drill
from croissance.console import say

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1200)]


def test_a_lost_database_is_restored_and_recovered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA__BOOTSTRAP_SERVERS", "DATABASE__DSN", "SMTP__URL"):
        monkeypatch.delenv(f"CROISSANCE_{name}", raising=False)

    figures = uvloop.run(drill(tmp_path, 2, 5, say))

    assert figures["numbers"]["restored"] < figures["numbers"]["before"]
    assert figures["numbers"]["written_while_behind"] == 0
    assert figures["processes_waiting"] >= 4
    assert figures["decided_again"] > 0
    assert figures["known_to_kafka_alone"] > 0
    assert figures["audit"]["ok"], figures["audit"]
