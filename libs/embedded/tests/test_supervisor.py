"""Children die, freeze, never start, chatter: the supervisor keeps them up, and stops what it started."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from embedded import supervisor as module
from embedded.leftovers import stale, stop_stale
from embedded.progress import quiet
from embedded.supervisor import Spec, StartError, Supervisor

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]


async def at_once() -> bool:
    return True


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  the kernel gives no event
            await asyncio.sleep(0.02)


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    said: list[str] = []
    supervisor = Supervisor(tmp_path, said.append)
    yield supervisor
    await supervisor.stop()
    assert not supervisor.children


async def test_a_killed_child_comes_back_quickly_and_more_slowly_each_time(supervisor: Supervisor) -> None:
    child = await supervisor.start(Spec("child", SLEEP, at_once))
    pauses: list[float] = []
    for restarts in (1, 2):
        assert child.pid is not None
        former, killed = child.pid, time.monotonic()
        os.kill(former, signal.SIGKILL)
        await until(lambda former=former: child.pid not in {None, former})
        pauses.append(time.monotonic() - killed)
        assert child.restarts == restarts
    assert pauses[0] >= 0.2
    assert pauses[1] >= 0.4


async def test_a_child_that_keeps_dying_is_reported_with_its_log(supervisor: Supervisor) -> None:
    async def never() -> bool:
        return False

    with pytest.raises(StartError, match="no such flag"):
        await supervisor.start(Spec("broken", [sys.executable, "-c", "raise SystemExit('no such flag')"], never))
    assert not supervisor.children


async def test_a_missing_program_is_reported(supervisor: Supervisor) -> None:
    with pytest.raises(StartError, match=r"no-such-program.*No such file"):
        await supervisor.start(Spec("absent", ["/no-such-program"], at_once))


async def test_a_frozen_child_is_killed_and_restarted(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEADY_AFTER", 0.0)
    monkeypatch.setattr(module, "FROZEN_AFTER", 0.3)
    monkeypatch.setattr(module, "LOOK_EVERY", 0.05)

    async def live() -> bool:
        return psutil.Process(supervisor.children["frozen"].pid).status() != psutil.STATUS_STOPPED

    child = await supervisor.start(Spec("frozen", SLEEP, at_once, live=live))
    assert child.pid is not None
    former = child.pid
    await asyncio.sleep(0.5)
    assert child.pid == former
    os.kill(former, signal.SIGSTOP)
    await until(lambda: child.pid not in {None, former})


async def test_a_child_that_works_is_busy_and_has_longer(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("START_TAKES", 0.0), ("FROZEN_AFTER", 0.3), ("LOOK_EVERY", 0.05), ("BUSY_FOR", 2.5)):
        monkeypatch.setattr(module, name, seconds)
    looks: list[float] = []

    async def silent() -> bool:
        looks.append(time.monotonic())
        return False

    spin = [sys.executable, "-c", "while True: pass"]
    busy = await supervisor.start(Spec("busy", spin, at_once, live=silent))
    first = busy.pid
    await until(lambda: bool(looks) and looks[-1] - looks[0] > 1.0)
    assert busy.pid == first
    await until(lambda: busy.restarts > 0)
    assert looks[-1] - looks[0] > 2.0


async def test_a_deaf_or_frozen_child_is_stopped_for_good(supervisor: Supervisor) -> None:
    ignore = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    child = await supervisor.start(Spec("deaf", [sys.executable, "-c", ignore], at_once, stop_seconds=0.3))
    await until(lambda: "deaf" in supervisor.log_tail("deaf"))
    process = child.process
    await supervisor.stop_child("deaf")
    assert process is not None
    assert process.returncode == -signal.SIGKILL


async def test_a_log_stays_small_while_its_child_writes(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOG_LIMIT", 10_000)
    monkeypatch.setattr(module, "LOOK_EVERY", 0.05)
    chatter = "import time\nwhile True: print('x' * 99, flush=True); time.sleep(0.001)"
    await supervisor.start(Spec("chatter", [sys.executable, "-c", chatter], at_once))
    await until((tmp_path / "chatter.log.1").exists)
    await until(lambda: 0 < (tmp_path / "chatter.log").stat().st_size < 100_000)
    assert b"\0" not in (tmp_path / "chatter.log").read_bytes()


async def test_last_started_stops_first(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path, quiet)
    order: list[str] = []
    supervisor.changed = lambda: order.append(",".join(supervisor.children))
    for name in ("base", "middle"):
        await supervisor.start(Spec(name, SLEEP, at_once))
    for name in ("service-1", "service-2"):
        await supervisor.start(Spec(name, SLEEP, at_once, live=at_once))
    order.clear()
    await supervisor.stop()
    assert order[-2:] == ["base", ""]
    assert order[1].startswith("base,middle")


async def test_children_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    program = f"""
import asyncio, sys
from pathlib import Path
from embedded.supervisor import Spec, Supervisor
async def at_once(): return True
async def main():
    child = await Supervisor(Path({str(tmp_path)!r}), print).start(Spec("child", {SLEEP!r}, at_once))
    print(child.pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    orphan = psutil.Process(int(await process.stdout.readline()))
    process.kill()
    await process.wait()
    await until(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE)


def recorded(process: psutil.Process, *, later: float = 0.0) -> dict[str, Any]:
    return {"left": {"pid": process.pid, "created": process.create_time() + later, "stop_signal": int(signal.SIGTERM)}}


async def test_leftovers_are_stopped_by_number_and_start_time_only() -> None:
    process = await asyncio.create_subprocess_exec(*SLEEP, stdout=asyncio.subprocess.DEVNULL)
    left, said = psutil.Process(process.pid), list[str]()
    assert stop_stale(recorded(left, later=5.0), said.append) == 0, "another process bears the number now"
    assert left.is_running()
    waiting: Awaitable[int] = asyncio.to_thread(stop_stale, recorded(left), said.append)
    assert await waiting == 1
    await process.wait()
    assert not left.is_running()
    assert str(left.pid) in said[0]
    assert not stale(recorded(left) if left.is_running() else {"left": {"pid": None}, "odd": None})
