"""The unit of work: one transaction, seen as the few storage steps the core needs.

Two implementations, PostgreSQL (common.postgres) and memory (common.testing.memory), held to one conformance suite.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeAlias
from uuid import UUID

from common.core.dead_letter import DeadLetter, Parked
from common.core.inbox import ArrivalId, Position, Record, TopicPartition
from common.core.outbox import Batch, Outgoing
from common.declare.decision import Cancel, Schedule
from common.declare.message import Message
from common.declare.pool import Ref

StateKey: TypeAlias = tuple[str, str]
"""Under what a state is kept: kind of its aggregate, key."""


class Versioned(NamedTuple):
    """A state as read, with the version that a save must still find."""

    state: Any
    version: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What a batch changed.

    Attributes:
        states: (kind, key) → new state, only those that changed.
        versions: (kind, key) → version read, of those that existed.
        before: the pools as locked, only those that changed.
        after: the same pools as the batch leaves them.
        rows: every `Decision.rows` of the batch, in order.
    """

    states: Mapping[StateKey, Any]
    versions: Mapping[StateKey, int]
    before: Mapping[Ref, Any]
    after: Mapping[Ref, Any]
    rows: Sequence[object]

    def states_of(self, kind: str) -> Mapping[str, Any]:
        """The changed states of an aggregate, by key."""
        return {key: state for (of, key), state in self.states.items() if of == kind}


class Remembered(NamedTuple):
    """The stored answer of a command: same key and body hash get it again."""

    body_hash: bytes
    status: int
    answer: bytes


class Timer(NamedTuple):
    """A deadline to set or withdraw, with the message that asked for it and the (kind, key) that decides it."""

    message: Message[object]
    kind: str
    key: str
    partition: int
    region: str
    change: Schedule | Cancel
    id: UUID


class Due(NamedTuple):
    """A deadline that fell due, taken and locked by this transaction.

    `traceparent`: the trace that it goes on with, if that is sampled.
    """

    kind: str
    key: str
    name: str
    partition: int
    due: datetime
    id: UUID
    type: str
    correlation: UUID
    region: str
    input: str
    traceparent: str | None = None


class Replay(NamedTuple):
    """A dead letter that an operator asked to replay, with what is parked behind it, in order of arrival."""

    id: int
    record: Record
    sequence: int
    key: str | None
    parked: Sequence[Parked]


class Transaction(Protocol):
    """One open transaction of a service. Lock order: positions, pools, states, heads."""

    async def lock_positions(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Position]:
        """Lock and read the positions, in the order given (sorted); a partition never seen starts at `Position()`."""
        ...

    async def move_positions(self, positions: Mapping[TopicPartition, Position]) -> None:
        """Write the positions that moved."""
        ...

    async def arrived(self, ids: Sequence[ArrivalId]) -> dict[ArrivalId, bytes]:
        """Those of these (writer, id) that were applied before, with their content."""
        ...

    async def admit(self, contents: Mapping[ArrivalId, bytes]) -> None:
        """Remember these (writer, id) as applied, with their content.

        Raises:
            Conflict: another transaction applied one of them meanwhile.
        """
        ...

    async def pulse(self) -> None:
        """Let others run and show that this process lives: the server ends a transaction it hears nothing of."""
        ...

    async def blocked(self, keys: set[str]) -> set[str]:
        """Those of `keys` that have an open dead letter; it stays as it is until this transaction ends."""
        ...

    async def load(self, keys: set[StateKey]) -> dict[StateKey, Versioned]:
        """The states that exist of these, with their versions; nothing is locked."""
        ...

    async def lock_pools(self, refs: Sequence[Ref]) -> dict[Ref, Any]:
        """Lock and read pools, in the order given (sorted); one never seen has its initial value."""
        ...

    async def views(self) -> Mapping[str, Any]:
        """The indexes that the rules read, brought up to date."""
        ...

    async def save(self, changes: Changes) -> None:
        """Write changed states, each one version up, the pools, then what the service keeps for itself.

        Raises:
            Conflict: another transaction saved one of these states since `load`.
        """
        ...

    async def untold(self, outgoing: Sequence[Outgoing]) -> Sequence[Outgoing]:
        """Those that Kafka does not have: after a recovery, what is decided again was told before the loss."""
        ...

    async def lock_heads(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Lock and read the last numbers given, in the order given (sorted)."""
        ...

    async def append(self, batches: Sequence[Batch], heads: Mapping[TopicPartition, int]) -> None:
        """Add numbered, sealed events to the outbox and write the new heads."""
        ...

    async def bury(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """Keep dead letters; returns the new ones: one kept already (same place, same content) stays as it is."""
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

    async def take_replay(self, most: int) -> Replay | None:
        """Take one dead letter marked for replay, with `most` parked events; skip those another process holds."""
        ...

    async def settle_replay(self, replay: Replay, reason: str | None) -> None:
        """Close a replayed dead letter and its parked records, or open it again with a new reason."""
        ...

    async def release(self, key: str) -> None:
        """Let what is parked of a key go on: the first of it becomes a letter to replay, if none holds it back."""
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


Begin: TypeAlias = Callable[[], AbstractAsyncContextManager[Transaction]]
"""Opens a transaction: commits when the block ends, rolls back when it raises."""
