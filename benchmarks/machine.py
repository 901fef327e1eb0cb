"""What a run costs: CPU seconds and memory of each process, sampled while it lasts."""

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import psutil

SAMPLE_EVERY = 1.0


@dataclass(slots=True)
class Cost:
    """What the processes of a run used.

    Attributes:
        cpu: role → CPU seconds (user and system), children included.
        resident: role → most resident bytes of one of its processes, see `Look`.
        resident_by_decile: role → the same at each tenth of the work.
        seconds: wall-clock length.
    """

    cpu: dict[str, float] = field(default_factory=dict[str, float])
    resident: dict[str, int] = field(default_factory=dict[str, int])
    resident_by_decile: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    seconds: float = 0.0


Processes = Callable[[], Mapping[str, Iterable[int]]]
"""Role → process ids, asked again at each sample: processes come and go."""


class Look(NamedTuple):
    """All processes at one moment.

    Attributes:
        cpu: (role, pid) → CPU seconds so far, of it, its living children and those it waited for.
        resident: role → resident bytes of its largest process, what it shares left out. A process with children
            (PostgreSQL) counts with them, and with what they share once: the part of it that the one who touched most
            of it has touched.
    """

    cpu: dict[tuple[str, int], float]
    resident: dict[str, int]


@asynccontextmanager
async def metered(processes: Processes, progress: Callable[[], float] = lambda: 0.0) -> AsyncGenerator[Cost]:
    """Meter processes while the block runs; `progress` tells how much of the work is done (0–1), for the deciles."""
    cost = Cost()
    before = _look(processes()).cpu
    latest = before
    began = time.monotonic()

    async def sample() -> None:
        nonlocal latest
        while True:
            look = await asyncio.to_thread(_look, processes())
            latest = latest | look.cpu
            _remember(cost, look.resident, progress())
            await asyncio.sleep(SAMPLE_EVERY)

    sampler = asyncio.create_task(sample())
    try:
        yield cost
    finally:
        sampler.cancel()
        await asyncio.gather(sampler, return_exceptions=True)
        cost.seconds = time.monotonic() - began
        latest |= _look(processes()).cpu
        total: defaultdict[str, float] = defaultdict(float)
        for (role, pid), seconds in latest.items():
            total[role] += seconds - before.get((role, pid), 0.0)
        cost.cpu = {role: round(seconds, 2) for role, seconds in total.items()}


def _look(processes: Mapping[str, Iterable[int]]) -> Look:
    """Look at all processes once, of this one without its children, which are other roles.

    Asking each for its children looks at all of them each time, and what measures runs on the cores that it measures.
    """
    roles = {pid: role for role, pids in processes.items() for pid in pids}
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    memory: dict[int, tuple[int, int]] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error), process.oneshot():
            times, held = process.cpu_times(), process.memory_info()
            parents[process.pid] = process.ppid()
            used[process.pid] = times.user + times.system
            memory[process.pid] = (held.rss - held.shared, held.shared)
            if process.pid in roles and process.pid != os.getpid():
                used[process.pid] += times.children_user + times.children_system
    cpu: defaultdict[tuple[str, int], float] = defaultdict(float)
    families: defaultdict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for pid, seconds in used.items():
        owner = pid
        while owner not in roles and owner in parents:
            owner = parents[owner]
        if owner in roles and (owner != os.getpid() or pid == owner):
            cpu[roles[owner], owner] += seconds
            families[roles[owner], owner].append(memory[pid])
    resident: dict[str, int] = {}
    for (role, _), family in families.items():
        together = sum(private for private, _ in family) + (max(s for _, s in family) if len(family) > 1 else 0)
        resident[role] = max(resident.get(role, 0), together)
    return Look(dict(cpu), resident)


def _remember(cost: Cost, resident: Mapping[str, int], progress: float) -> None:
    decile = min(9, int(progress * 10))
    for role, used in resident.items():
        cost.resident[role] = max(cost.resident.get(role, 0), used)
        row = cost.resident_by_decile.setdefault(role, [0] * 10)
        row[decile] = max(row[decile], used)
