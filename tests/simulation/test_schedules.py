"""Thousands of seeded schedules: nothing lost, doubled or reordered, whatever breaks; and the check itself can fail."""

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest

from common.core import records
from common.core.inbox import Intake, Position, Record, TopicPartition, sequence_of
from common.core.relay import Relay
from common.testing import memory
from common.testing.simulator import InvariantError, simulate

SCHEDULES = int(os.environ.get("SCHEDULES", "1000"))
BLOCK = min(100, SCHEDULES)


@pytest.mark.parametrize("first", range(0, SCHEDULES, BLOCK))
def test_effects_happen_exactly_once(first: int) -> None:
    for seed in range(first, first + BLOCK):
        simulate(seed)


# --- mutations: each takes one guarantee away, and the simulator must notice


def _accept_everything(keep: Callable[[int, int], bool]) -> Callable[..., Intake]:
    def accept(positions: Mapping[TopicPartition, Position], records: Iterable[Record]) -> Intake:
        intake, current = Intake(), dict[TopicPartition, Position]()
        for record in records:
            where = TopicPartition(record.topic, record.partition)
            at, sequence = current.get(where) or positions[where], sequence_of(record) or 0
            if keep(sequence, at.sequence):
                intake.fresh.append((sequence, record))
                current[where] = Position(sequence, record.offset + 1, at.applied + 1)
        intake.positions = current
        return intake

    return accept


def _without_lock(table: str) -> Callable[..., Any]:
    honest = memory.MemoryTransaction.lock

    async def lock(self: Any, name: str, partitions: Any) -> None:
        if name != table:
            await honest(self, name, partitions)

    return lock


def _without_versions(self: Any) -> None:
    self.expected.clear()
    for write in self.pending:
        write()


async def _advance_before_acknowledgement(self: Relay, publisher: Any) -> int:
    rows = await self.outbox.read(self.cursors, 1000)
    await self.outbox.advance({TopicPartition(row.topic, row.partition): (0, row.last) for row in rows})
    await publisher.publish(rows)
    return len(rows)


async def _none_blocked(*_: Any) -> set[str]:
    return set()


MUTATIONS: dict[str, tuple[Any, str, Any]] = {
    "duplicates are not dropped": (records, "accept", _accept_everything(lambda _, __: True)),
    "gaps are skipped": (records, "accept", _accept_everything(lambda new, last: new > last)),
    "positions are not locked": (memory.MemoryTransaction, "lock", _without_lock("positions")),
    "heads are not locked": (memory.MemoryTransaction, "lock", _without_lock("heads")),
    "pools are not locked": (memory.MemoryTransaction, "lock", _without_lock("pools")),
    "states are saved without their version": (memory.MemoryTransaction, "commit", _without_versions),
    "a letter holds nothing back": (memory.MemoryTransaction, "blocked", _none_blocked),
    "a replay does not wait for those who park": (memory.MemoryTransaction, "free", lambda *_: True),
    "what is dropped leaves behind what waits": (memory.MemoryDatabase, "release", lambda *_: None),
    "published moves before the acknowledgement": (Relay, "step", _advance_before_acknowledgement),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_the_simulator_notices(mutation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*MUTATIONS[mutation])

    def look() -> None:
        for seed in range(300):
            simulate(seed)

    with pytest.raises((InvariantError, KeyError)):
        look()
