"""The unit of work: one transaction, seen as the few storage steps the core needs.

Two implementations, PostgreSQL (postgres.py) and memory (testing/memory.py), held to one conformance suite.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar
from uuid import UUID

from common.dead_letter import DeadLetter, Parked
from common.decision import Cancel, Schedule
from common.inbox import Position, Record, TopicPartition
from common.message import Message
from common.outbox import Batch
from common.service import Changes

State = TypeVar("State")
Shared = TypeVar("Shared")


@dataclass(frozen=True, slots=True)
class Loaded(Generic[State, Shared]):
    """What a batch decides on: known states with the version read, and the shared aggregate."""

    states: Mapping[str, tuple[State, int]]
    shared: Shared


class Remembered(NamedTuple):
    """The stored answer of a command: same key and body hash get it again."""

    body_hash: bytes
    status: int
    answer: bytes


class Timer(NamedTuple):
    """A deadline to set or withdraw, with the message that asked for it."""

    message: Message[object]
    change: Schedule | Cancel
    id: UUID


class Due(NamedTuple):
    """A deadline that fell due, taken and locked by this transaction."""

    key: str
    name: str
    partition: int
    due: datetime
    id: UUID
    type: str
    correlation: UUID
    region: str
    input: str


class Replay(NamedTuple):
    """A dead letter that an operator asked to replay, with what is parked behind it, in order of arrival."""

    id: int
    record: Record
    sequence: int
    key: str | None
    parked: Sequence[Parked]


class Transaction(Protocol[State, Shared]):
    """One open transaction of a service. Lock order: positions, shared rows, states, heads."""

    async def lock_positions(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Position]:
        """Lock and read the positions, in the order given (sorted); a partition never seen starts at `Position()`."""
        ...

    async def move_positions(self, positions: Mapping[TopicPartition, Position]) -> None:
        """Write the positions that moved."""
        ...

    async def pulse(self) -> None:
        """Let others run and show that this process lives: the server ends a transaction it hears nothing of."""
        ...

    async def blocked(self, keys: set[str]) -> set[str]:
        """Those of `keys` that have an open dead letter."""
        ...

    async def load(self, messages: Sequence[Message[object]]) -> Loaded[State, Shared]:
        """The shared aggregate, then the states of the batch's keys."""
        ...

    async def save(self, changes: Changes[State, Shared], versions: Mapping[str, int]) -> None:
        """Write changed states, each one version up, then what the service's store adds.

        Raises:
            Conflict: another transaction saved one of these states since `load`.
        """
        ...

    async def lock_heads(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Lock and read the last numbers given, in the order given (sorted)."""
        ...

    async def append(self, batches: Sequence[Batch], heads: Mapping[TopicPartition, int]) -> None:
        """Add numbered, sealed events to the outbox and write the new heads."""
        ...

    async def bury(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """Keep dead letters; returns the new ones: one kept already (same topic, partition, offset) stays as it is."""
        ...

    async def park(self, parked: Iterable[Parked]) -> None:
        """Keep good records that wait for a dead letter of their key."""
        ...

    async def set_timers(self, timers: Sequence[Timer]) -> None:
        """Set and withdraw deadlines, in order."""
        ...

    async def take_due(self, now: datetime, limit: int) -> Sequence[Due]:
        """Take up to `limit` deadlines due at `now`, skipping those another process holds; they are deleted."""
        ...

    async def postpone(self, due: Due, until: datetime) -> None:
        """Put back a deadline whose rule failed."""
        ...

    async def take_replay(self) -> Replay | None:
        """Take one dead letter marked for replay, skipping those another process holds."""
        ...

    async def settle_replay(self, replay: Replay, reason: str | None) -> None:
        """Close a replayed dead letter and its parked records, or open it again with a new reason."""
        ...

    async def recall(self, keys: Sequence[str]) -> dict[str, Remembered]:
        """The answers stored under idempotency keys, of those that are known."""
        ...

    async def remember(self, answers: Mapping[str, Remembered]) -> None:
        """Store answers by their key.

        Raises:
            Conflict: another transaction stored one under one of these keys meanwhile.
        """
        ...


Begin: TypeAlias = Callable[[], AbstractAsyncContextManager[Transaction[State, Shared]]]
"""Opens a transaction: commits when the block ends, rolls back when it raises."""
