"""What a run costs: CPU seconds and memory of each process, sampled while it lasts."""

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import psutil

SAMPLE_EVERY = 1.0


@dataclass(slots=True)
class Cost:
    """What the processes of a run used.

    Attributes:
        cpu: role → CPU seconds (user and system), children included.
        resident: role → most resident bytes of one of its processes, shared memory left out.
        resident_by_decile: role → the same at each tenth of the work.
        seconds: wall-clock length.
    """

    cpu: dict[str, float] = field(default_factory=dict[str, float])
    resident: dict[str, int] = field(default_factory=dict[str, int])
    resident_by_decile: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    seconds: float = 0.0


Processes = Callable[[], Mapping[str, Iterable[int]]]
"""Role → process ids, asked again at each sample: processes come and go."""


@asynccontextmanager
async def metered(processes: Processes, progress: Callable[[], float] = lambda: 0.0) -> AsyncGenerator[Cost]:
    """Meter processes while the block runs; `progress` tells how much of the work is done (0–1), for the deciles."""
    cost = Cost()
    before = _cpu(processes())
    latest = before
    began = time.monotonic()

    async def sample() -> None:
        nonlocal latest
        while True:
            latest = latest | await asyncio.to_thread(_cpu, processes())
            _remember(cost, processes(), progress())
            await asyncio.sleep(SAMPLE_EVERY)

    sampler = asyncio.create_task(sample())
    try:
        yield cost
    finally:
        sampler.cancel()
        await asyncio.gather(sampler, return_exceptions=True)
        cost.seconds = time.monotonic() - began
        latest |= _cpu(processes())
        total: defaultdict[str, float] = defaultdict(float)
        for (role, pid), seconds in latest.items():
            total[role] += seconds - before.get((role, pid), 0.0)
        cost.cpu = {role: round(seconds, 2) for role, seconds in total.items()}


def _cpu(processes: Mapping[str, Iterable[int]]) -> dict[tuple[str, int], float]:
    """(role, pid) → CPU seconds so far, of it, its living children and those it waited for; of this process alone.

    All processes are looked at once: asking each for its children looks at all of them each time, and what measures
    runs on the cores that it measures.
    """
    roles = {pid: role for role, pids in processes.items() for pid in pids}
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error), process.oneshot():
            times = process.cpu_times()
            parents[process.pid] = process.ppid()
            used[process.pid] = times.user + times.system
            if process.pid in roles and process.pid != os.getpid():
                used[process.pid] += times.children_user + times.children_system
    found: defaultdict[tuple[str, int], float] = defaultdict(float)
    for pid, seconds in used.items():
        owner = pid
        while owner not in roles and owner in parents:
            owner = parents[owner]
        if owner in roles and (owner != os.getpid() or pid == owner):  # the children of this process are other roles
            found[roles[owner], owner] += seconds
    return dict(found)


def _remember(cost: Cost, processes: Mapping[str, Iterable[int]], progress: float) -> None:
    decile = min(9, int(progress * 10))
    for role, pids in processes.items():
        for pid in pids:
            with suppress(psutil.Error):
                memory = psutil.Process(pid).memory_info()
                private = memory.rss - memory.shared
                cost.resident[role] = max(cost.resident.get(role, 0), private)
                row = cost.resident_by_decile.setdefault(role, [0] * 10)
                row[decile] = max(row[decile], private)
