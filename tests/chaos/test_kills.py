"""`kill -9` of every process in turn, broker and database too, while the demo runs: the audit is clean."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from embedded.stack import state_of

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]
COMPANIES = int(os.environ.get("CHAOS_COMPANIES", "3000"))
PAUSE = float(os.environ.get("CHAOS_PAUSE", "1.5"))
CROISSANCE = [sys.executable, "-m", "croissance"]


def environment() -> dict[str, str]:
    """A stack of our own: the session's addresses must not reach it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("CROISSANCE_") or "CACHE" in name}


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A running system, stopped at the end."""
    command = [*CROISSANCE, "up", "--detach", "--data", str(tmp_path)]
    subprocess.run(command, check=True, env=environment())
    yield tmp_path
    subprocess.run([*CROISSANCE, "down", "--data", str(tmp_path)], check=True, env=environment())


def children(data: Path) -> dict[str, int]:
    """Name → process id of what runs."""
    state = state_of(data)
    assert state is not None, "the supervisor died"
    return {name: child["pid"] for name, child in state["children"].items() if child["pid"]}


def test_every_process_may_be_killed_while_companies_flow(data: Path) -> None:
    log = (data / "demo.log").open("wb")
    demo = subprocess.Popen(
        [*CROISSANCE, "demo", "--data", str(data), "--companies", str(COMPANIES), "--json"],
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment(),
    )
    victims = [name for name in children(data) if name != "smtp"]
    killed: list[str] = []
    try:
        while demo.poll() is None and len(killed) < len(victims):
            time.sleep(PAUSE)  # the load between two faults
            name = victims[len(killed)]
            if (pid := children(data).get(name)) is not None:
                os.kill(pid, signal.SIGKILL)
                killed.append(name)
        output, _ = demo.communicate(timeout=600)
    finally:
        demo.kill()
        log.close()
    assert demo.returncode == 0, (data / "demo.log").read_text("utf-8")[-3000:]
    audit: dict[str, Any] = json.loads(output)["audit"]
    assert killed == victims, f"the demo was over before {victims[len(killed) :]} could be killed"
    assert audit["ok"], audit
    assert [audit[what] for what in ("lost", "duplicated", "out_of_order", "gaps", "overspent_cents")] == [0] * 5
