"""What PostgreSQL and Kafka keep, in memory: the tables of a service and the log."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from common.core.dead_letter import DeadLetter, Parked
from common.core.inbox import ArrivalId, Headers, Position, StoredRecord, TopicPartition
from common.core.outbox import Batch
from common.core.record_batch import unseal
from common.core.unit_of_work import Changes, Due, Remembered, StateKey
from common.declare.errors import Unstorable
from common.declare.pool import Ref

Lock = tuple[str, tuple[str, int] | tuple[str, str]]


PENDING: Final = ("open", "replay")
"""The statuses of a letter that holds its key back."""


class Session(Protocol):
    """A transaction, as far as the database sees it."""

    dead: bool


@dataclass(slots=True)
class MemoryLog:
    """Kafka as far as the core sees it: append-only partitions that keep what they acknowledged."""

    partitions: dict[TopicPartition, list[StoredRecord]] = field(
        default_factory=lambda: defaultdict[TopicPartition, list[StoredRecord]](list)
    )

    def append(self, batch: Batch) -> None:
        """Write a sealed batch."""
        where = TopicPartition(batch.topic, batch.partition)
        for key, value, headers in unseal(batch.data):
            self.write(where, key, value, headers)

    def write(self, where: TopicPartition, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Write any record, also one that no service would write."""
        records = self.partitions[where]
        records.append(StoredRecord(where.topic, where.partition, len(records), key, value, headers))


class BuriedLetter(NamedTuple):
    """A dead letter as stored."""

    id: int
    letter: DeadLetter
    status: str


@dataclass(slots=True)
class MemoryDatabase:
    """The tables of one service."""

    states: dict[StateKey, tuple[str, int]] = field(default_factory=dict[StateKey, tuple[str, int]])
    pools: dict[Ref, str] = field(default_factory=dict[Ref, str])
    arrivals: dict[ArrivalId, bytes] = field(default_factory=dict[ArrivalId, bytes])
    rows: list[object] = field(default_factory=list[object])
    commits: int = 0
    positions: dict[TopicPartition, Position] = field(default_factory=dict[TopicPartition, Position])
    heads: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])
    outbox: dict[TopicPartition, list[Batch]] = field(
        default_factory=lambda: defaultdict[TopicPartition, list[Batch]](list)
    )
    published: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])
    recovered: dict[str, bytes] = field(default_factory=dict[str, bytes])
    letters: dict[int, BuriedLetter] = field(default_factory=dict[int, BuriedLetter])
    parked: list[Parked] = field(default_factory=list[Parked])
    deadlines: dict[tuple[str, str, str], Due] = field(default_factory=dict[tuple[str, str, str], Due])
    idempotency: dict[str, Remembered] = field(default_factory=dict[str, Remembered])
    locks: dict[Lock, "Session"] = field(default_factory=dict[Lock, "Session"])
    sessions: "list[Session]" = field(default_factory=list["Session"])

    def blocking(self) -> set[str]:
        """The keys that wait for a numbered letter."""
        letters = [b.letter for b in self.letters.values() if b.status in PENDING and b.letter.sequence is not None]
        return {letter.key for letter in letters if letter.key is not None}

    def release(self, key: str) -> None:
        """What is parked of a key goes on, if no letter holds it back: the first becomes a letter to replay."""
        first = next((each for each in self.parked if each.key == key), None)
        if first is not None and key not in self.blocking():
            self.parked.remove(first)
            self.bury(DeadLetter(first.record, first.sequence, key, "waits behind a letter that is settled"), "replay")

    def bury(self, letter: DeadLetter, status: str = "open") -> None:
        """Add a dead letter."""
        number = len(self.letters) + 1
        self.letters[number] = BuriedLetter(number, letter, status)

    def kill_sessions(self) -> None:
        """End every open transaction, as a restart of the server or its time limit would."""
        for session in self.sessions:
            session.dead = True
        self.sessions.clear()
        self.locks.clear()


@dataclass(frozen=True, slots=True)
class MemoryStorage:
    """What stands in memory for the tables and indexes that a service has of its own.

    Attributes:
        pools: name of a pool → its value by key, made of the database under the lock; all others are the documents that
            `MemoryDatabase.pools` keeps of every pool.
        views: name of a view → the index, made of the database.
        check: what the tables refuse when a batch is committed: it raises `Conflict`.
    """

    pools: Mapping[str, Callable[[MemoryDatabase, str], Any]] = field(
        default_factory=dict[str, Callable[[MemoryDatabase, str], Any]]
    )
    views: Mapping[str, Callable[[MemoryDatabase], Any]] = field(
        default_factory=dict[str, Callable[[MemoryDatabase], Any]]
    )
    check: Callable[[MemoryDatabase, Changes], None] = lambda _, __: None


NO_STORAGE = MemoryStorage()


def storable(*texts: str) -> None:
    """Refuse what PostgreSQL refuses as text.

    Raises:
        Unstorable: one of the texts holds a NUL or half a character.
    """
    for text in texts:
        if "\0" in text or text.encode(errors="replace").decode() != text:
            raise Unstorable("invalid byte sequence in text")
