"""What stands is said within half a minute, part by part, and no library says anything."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from croissance import standing
from croissance.addresses import Addresses
from croissance.standing import tell, watched
from embedded.ports import free_port

pytestmark = pytest.mark.timeout(120)


def nowhere() -> Addresses:
    """A system of which nothing answers."""
    broker, database, door = free_port(), free_port(), free_port()
    doors = {"labels": (f"http://127.0.0.1:{door}",)}
    return Addresses(f"127.0.0.1:{broker}", f"postgresql://a:secret@127.0.0.1:{database}/a", "", doors)


async def test_each_part_that_does_not_answer_is_named_with_its_address() -> None:
    here = nowhere()
    broker, database, process = await standing.standing(here)
    assert broker.startswith(f"le courtier ne répond pas ({here.bootstrap}, ")
    assert database.startswith("la base ne répond pas (127.0.0.1:")
    assert "secret" not in database
    assert process.startswith(f"labels ({here.doors['labels'][0]}) : ne répond pas (")
    assert await standing.standing(Addresses("", "")) == []


async def test_people_are_told_once_nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    heard = asyncio.Event()

    def said(text: str) -> None:
        told.append(text)
        heard.set()

    async def faults(_: Any) -> list[str]:
        return ["le courtier ne répond pas"]

    monkeypatch.setattr(standing, "say", said)
    monkeypatch.setattr(standing, "standing", faults)
    async with watched(lambda: 1, nowhere, after=0.05, again=60):
        await heard.wait()
    assert told == ["Rien n’avance depuis 0 s :\n  ✘ le courtier ne répond pas"]
    tell(30, [])
    assert told[1:] == ["Rien n’avance depuis 30 s ; tout répond."]


def test_the_limits_keep_the_promise_of_half_a_minute() -> None:
    assert standing.AFTER * 1.1 + standing.PATIENCE + 3 < 30


def test_no_library_speaks_to_people(tmp_path: Path) -> None:
    here = nowhere()
    command = [sys.executable, "-m", "croissance", "recover", "--bootstrap", here.bootstrap, "--dsn", here.dsn]
    done = subprocess.run([*command, "--data", str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Erreur: courtier ou base injoignable")
    assert "Unclosed" not in done.stderr
    assert "aiokafka" not in done.stderr
