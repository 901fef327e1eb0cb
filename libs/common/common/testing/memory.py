"""The unit of work and the log in memory, with locks, crashes and lost sessions as the simulator wants them."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar, cast

from common.codec import Codec
from common.dead_letter import DeadLetter, Parked
from common.decision import Schedule
from common.errors import Conflict, Transient
from common.inbox import Headers, Position, TopicPartition
from common.message import Message
from common.outbox import Batch
from common.record_batch import unseal
from common.service import Changes
from common.unit_of_work import Begin, Due, Loaded, Remembered, Replay, Timer

State = TypeVar("State")
Shared = TypeVar("Shared")

Lock = tuple[str, TopicPartition]


class LogRecord(NamedTuple):
    """A record of the memory log."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(slots=True)
class MemoryLog:
    """Kafka as far as the core sees it: append-only partitions that keep what they acknowledged."""

    partitions: dict[TopicPartition, list[LogRecord]] = field(
        default_factory=lambda: defaultdict[TopicPartition, list[LogRecord]](list)
    )

    def append(self, batch: Batch) -> None:
        """Write a sealed batch."""
        where = TopicPartition(batch.topic, batch.partition)
        for key, value, headers in unseal(batch.data):
            self.write(where, key, value, headers)

    def write(self, where: TopicPartition, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Write any record, also one that no service would write."""
        records = self.partitions[where]
        records.append(LogRecord(where.topic, where.partition, len(records), key, value, headers))


class BuriedLetter(NamedTuple):
    """A dead letter as stored."""

    id: int
    letter: DeadLetter
    status: str


@dataclass(slots=True)
class MemoryDatabase:
    """The tables of one service."""

    states: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    positions: dict[TopicPartition, Position] = field(default_factory=dict[TopicPartition, Position])
    heads: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])
    outbox: dict[TopicPartition, list[Batch]] = field(
        default_factory=lambda: defaultdict[TopicPartition, list[Batch]](list)
    )
    published: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])
    letters: dict[int, BuriedLetter] = field(default_factory=dict[int, BuriedLetter])
    parked: list[Parked] = field(default_factory=list[Parked])
    deadlines: dict[tuple[str, str], Due] = field(default_factory=dict[tuple[str, str], Due])
    idempotency: dict[str, Remembered] = field(default_factory=dict[str, Remembered])
    shared: dict[str, Any] = field(default_factory=dict[str, Any])
    locks: dict[Lock, "MemoryTransaction[Any, Any]"] = field(default_factory=dict[Lock, "MemoryTransaction[Any, Any]"])
    sessions: "list[MemoryTransaction[Any, Any]]" = field(default_factory=list["MemoryTransaction[Any, Any]"])

    def kill_sessions(self) -> None:
        """End every open transaction, as a restart of the server or its time limit would."""
        for session in self.sessions:
            session.dead = True
        self.sessions.clear()
        self.locks.clear()


@dataclass(slots=True, eq=False)
class MemoryTransaction(Generic[State, Shared]):
    """`unit_of_work.Transaction` in memory: writes wait in a list until commit; every step lets others run."""

    codec: Codec[State, Shared]
    database: MemoryDatabase
    dead: bool = False
    pending: list[Any] = field(default_factory=list[Any])
    expected: dict[str, int] = field(default_factory=dict[str, int])

    async def step(self) -> None:
        """A point where others may run, and where a lost session is noticed."""
        await asyncio.sleep(0)
        if self.dead:
            raise Transient("the session was ended by the server")

    async def _lock(self, table: str, partitions: Sequence[TopicPartition]) -> None:
        for where in partitions:
            await self.step()
            while self.database.locks.get((table, where), self) is not self:
                await self.step()
            self.database.locks[table, where] = self

    def commit(self) -> None:
        """Apply all writes at once."""
        if self.dead:
            raise Transient("the session was ended by the server")
        for key, version in self.expected.items():
            if self.database.states.get(key, ("", 0))[1] != version:
                raise Conflict("a state was saved by another transaction")
        for write in self.pending:
            write()

    def end(self) -> None:
        """Release the locks."""
        for lock in [lock for lock, holder in self.database.locks.items() if holder is self]:
            del self.database.locks[lock]
        if self in self.database.sessions:
            self.database.sessions.remove(self)

    async def lock_positions(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Position]:
        """See `Transaction.lock_positions`."""
        await self._lock("positions", partitions)
        return {where: self.database.positions.get(where, Position()) for where in partitions}

    async def move_positions(self, positions: Mapping[TopicPartition, Position]) -> None:
        """See `Transaction.move_positions`."""
        await self.step()
        self.pending.append(lambda: self.database.positions.update(positions))

    async def pulse(self) -> None:
        """See `Transaction.pulse`."""
        await self.step()

    async def blocked(self, keys: set[str]) -> set[str]:
        """See `Transaction.blocked`."""
        await self.step()
        letters = [b for b in self.database.letters.values() if b.status in ("open", "replay")]
        return {b.letter.key for b in letters if b.letter.key in keys and b.letter.sequence is not None}  # pyright: ignore[reportReturnType]

    async def load(self, messages: Sequence[Message[object]]) -> Loaded[State, Shared]:
        """See `Transaction.load`."""
        await self.step()
        shared = await self.codec.service.store.load(cast("Any", self), messages)
        await self.step()
        keys = {message.key for message in messages} & self.database.states.keys()
        rows = {key: self.database.states[key] for key in keys}
        return Loaded({key: (self.codec.decode_state(doc), version) for key, (doc, version) in rows.items()}, shared)

    async def save(self, changes: Changes[State, Shared], versions: Mapping[str, int]) -> None:
        """See `Transaction.save`."""
        await self.step()
        for key, state in changes.states.items():
            read = versions.get(key, 0)
            self.expected.setdefault(key, read)
            self.pending.append(partial(self.database.states.update, {key: (self.codec.encode_state(state), read + 1)}))
        await self.codec.service.store.save(cast("Any", self), changes)

    async def lock_heads(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """See `Transaction.lock_heads`."""
        await self._lock("heads", partitions)
        return {where: self.database.heads.get(where, 0) for where in partitions}

    async def append(self, batches: Sequence[Batch], heads: Mapping[TopicPartition, int]) -> None:
        """See `Transaction.append`."""
        await self.step()

        def write() -> None:
            for batch in batches:
                self.database.outbox[TopicPartition(batch.topic, batch.partition)].append(batch)
            self.database.heads.update(heads)

        self.pending.append(write)

    async def bury(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """See `Transaction.bury`."""
        await self.step()
        known = {_place(b.letter) for b in self.database.letters.values()}
        new = [letter for letter in letters if _place(letter) not in known]

        def write() -> None:
            for letter in new:
                number = len(self.database.letters) + 1
                self.database.letters[number] = BuriedLetter(number, letter, "open")

        self.pending.append(write)
        return new

    async def park(self, parked: Iterable[Parked]) -> None:
        """See `Transaction.park`."""
        await self.step()
        self.pending.append(lambda: self.database.parked.extend(parked))

    async def set_timers(self, timers: Sequence[Timer]) -> None:
        """See `Transaction.set_timers`."""
        await self.step()

        def write() -> None:
            for message, change, timer_id in timers:
                place = (message.key, change.name)
                if isinstance(change, Schedule):
                    kind, data = type(change.input).__name__, self.codec.encode_input(change.input)
                    origin = (message.correlation, message.region, data)
                    self.database.deadlines[place] = Due(*place, message.partition, change.due, timer_id, kind, *origin)
                else:
                    self.database.deadlines.pop(place, None)

        self.pending.append(write)

    async def take_due(self, now: datetime, limit: int) -> Sequence[Due]:
        """See `Transaction.take_due`."""
        await self.step()
        due = sorted(
            (d for d in self.database.deadlines.values() if d.due <= now), key=lambda d: (d.due, d.key, d.name)
        )
        taken = due[:limit]
        self.pending.append(lambda: [self.database.deadlines.pop((d.key, d.name), None) for d in taken])
        return taken

    async def postpone(self, due: Due, until: datetime) -> None:
        """See `Transaction.postpone`."""
        await self.step()
        later = due._replace(due=until)
        self.pending.append(lambda: self.database.deadlines.setdefault((due.key, due.name), later))

    async def take_replay(self) -> Replay | None:
        """See `Transaction.take_replay`."""
        await self.step()
        waiting = [b for b in self.database.letters.values() if b.status == "replay"]
        if not waiting:
            return None
        chosen = waiting[0]
        key = chosen.letter.key
        others = [
            b
            for b in self.database.letters.values()
            if b.id != chosen.id and b.status in ("open", "replay") and b.letter.key == key and b.letter.sequence
        ]
        parked = [] if others or key is None else [p for p in self.database.parked if p.key == key]
        return Replay(chosen.id, chosen.letter.record, chosen.letter.sequence or 0, key, parked)

    async def settle_replay(self, replay: Replay, reason: str | None) -> None:
        """See `Transaction.settle_replay`."""
        await self.step()

        def write() -> None:
            buried = self.database.letters[replay.id]
            if reason is not None:
                letter = buried.letter._replace(reason=reason)
                self.database.letters[replay.id] = buried._replace(status="open", letter=letter)
                return
            self.database.letters[replay.id] = buried._replace(status="replayed")
            self.database.parked[:] = [p for p in self.database.parked if p not in replay.parked]

        self.pending.append(write)

    async def recall(self, keys: Sequence[str]) -> dict[str, Remembered]:
        """See `Transaction.recall`."""
        await self.step()
        return {key: self.database.idempotency[key] for key in keys if key in self.database.idempotency}

    async def remember(self, answers: Mapping[str, Remembered]) -> None:
        """See `Transaction.remember`."""
        await self.step()
        if answers.keys() & self.database.idempotency.keys():
            raise Conflict("an idempotency key was used by another request meanwhile")
        self.pending.append(lambda: self.database.idempotency.update(answers))


def _place(letter: DeadLetter) -> tuple[str, int, int]:
    return letter.record.topic, letter.record.partition, letter.record.offset


def memory(codec: Codec[State, Shared], database: MemoryDatabase) -> Begin[State, Shared]:
    """Transactions of a service in memory."""

    @asynccontextmanager
    async def begin() -> AsyncGenerator[MemoryTransaction[State, Shared]]:
        transaction = MemoryTransaction(codec, database)
        database.sessions.append(transaction)
        try:
            yield transaction
            await transaction.step()
            transaction.commit()
        finally:
            transaction.end()

    return begin


@dataclass(frozen=True, slots=True)
class MemoryOutbox:
    """`relay.Outbox` in memory, without a lease: any number of relays at once, the hardest case."""

    database: MemoryDatabase

    async def claim(self, owner: str, lease: timedelta) -> dict[TopicPartition, int]:  # noqa: ARG002
        """See `Outbox.claim`."""
        await asyncio.sleep(0)
        return {where: self.database.published.get(where, 0) for where in self.database.heads}

    async def release(self, owner: str) -> None:
        """See `Outbox.release`."""

    async def read(self, after: Mapping[TopicPartition, int], limit: int) -> list[Batch]:
        """See `Outbox.read`."""
        await asyncio.sleep(0)
        return [
            batch
            for where, last in after.items()
            for batch in [batch for batch in self.database.outbox[where] if batch.last > last][:limit]
        ]

    async def advance(self, ranges: Mapping[TopicPartition, tuple[int, int]]) -> None:
        """See `Outbox.advance`."""
        await asyncio.sleep(0)
        for where, (after, last) in ranges.items():
            published = self.database.published.get(where, 0)
            if published >= after:
                self.database.published[where] = max(published, last)
