"""The unit of work in memory, with locks, crashes and lost sessions as the simulator wants them."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from common.core.codec import Codec
from common.core.dead_letter import DeadLetter, Parked, digest_of, record_place
from common.core.inbox import ArrivalId, Position, TopicPartition
from common.core.outbox import Batch, Outgoing
from common.core.told import fact_id
from common.core.unit_of_work import Begin, Changes, Due, Remembered, Replay, StateKey, Timer, Versioned
from common.declare.decision import Schedule
from common.declare.errors import Conflict, Misconfigured, Transient
from common.declare.message import trace_of
from common.declare.pool import Ref
from common.testing.memory_database import (
    NO_STORAGE,
    PENDING,
    MemoryDatabase,
    MemoryLog,
    MemoryStorage,
    storable,
)
from common.testing.memory_locks import MemorySession
from common.testing.memory_outbox import MemoryOutbox

__all__ = ["MemoryDatabase", "MemoryLog", "MemoryOutbox", "MemoryStorage", "memory"]


@dataclass(slots=True, eq=False, kw_only=True)
class MemoryTransaction(MemorySession):
    """`unit_of_work.Transaction` in memory: writes wait in a list until commit; every step lets others run."""

    codec: Codec
    storage: MemoryStorage = NO_STORAGE
    pending: list[Any] = field(default_factory=list[Any])
    expected: dict[StateKey, int] = field(default_factory=dict[StateKey, int])
    checks: list[Any] = field(default_factory=list[Any])

    def commit(self) -> None:
        """Apply all writes at once."""
        if self.dead:
            raise Transient("the session was ended by the server")
        for check in self.checks:
            check()
        for place, version in self.expected.items():
            if self.database.states.get(place, ("", 0))[1] != version:
                raise Conflict("a state was saved by another transaction")
        for write in self.pending:
            write()
        if self.pending:
            self.database.commits += 1

    async def lock_positions(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Position]:
        """See `Transaction.lock_positions`."""
        await self.lock("positions", partitions)
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
        await self.lock("letters", [TopicPartition(key, 0) for key in sorted(self.database.blocking() & keys)])
        return self.database.blocking() & keys

    async def arrived(self, ids: Sequence[ArrivalId]) -> dict[ArrivalId, bytes]:
        """See `Transaction.arrived`."""
        await self.step()
        return {each: self.database.arrivals[each] for each in ids if each in self.database.arrivals}

    async def admit(self, contents: Mapping[ArrivalId, bytes]) -> None:
        """See `Transaction.admit`."""
        await self.step()

        def check() -> None:
            if self.database.arrivals.keys() & contents.keys():
                raise Conflict("a record was applied by another transaction meanwhile")

        self.checks.append(check)
        self.pending.append(lambda: self.database.arrivals.update(contents))

    async def load(self, keys: set[StateKey]) -> dict[StateKey, Versioned]:
        """See `Transaction.load`."""
        await self.step()
        rows = {place: self.database.states[place] for place in sorted(keys) if place in self.database.states}
        decode = self.codec.decode_state
        return {place: Versioned(decode[place[0]](doc), version) for place, (doc, version) in rows.items()}

    async def lock_pools(self, refs: Sequence[Ref]) -> dict[Ref, Any]:
        """See `Transaction.lock_pools`."""
        await self.lock("pools", refs)
        return {ref: self._pool(ref) for ref in refs}

    def _pool(self, ref: Ref) -> Any:
        if ref.pool not in self.codec.pools:
            raise Misconfigured(f"pool {ref.pool} is not declared by {self.codec.service.name}")
        own = self.storage.pools.get(ref.pool)
        if own is not None:
            return own(self.database, ref.key)
        doc = self.database.pools.get(ref)
        return self.codec.pools[ref.pool].initial(ref.key) if doc is None else self.codec.decode_pool[ref.pool](doc)

    async def views(self) -> Mapping[str, Any]:
        """See `Transaction.views`."""
        await self.step()
        return {name: read(self.database) for name, read in self.storage.views.items()}

    async def save(self, changes: Changes) -> None:
        """See `Transaction.save`."""
        await self.step()
        storable(*(key for _, key in changes.states), *(key for _, key in changes.after))
        for place, state in changes.states.items():
            read = changes.versions.get(place, 0)
            self.expected.setdefault(place, read)
            self.pending.append(partial(self.database.states.update, {place: (self.codec.encode(state), read + 1)}))
        for ref, value in changes.after.items():
            if ref.pool in self.codec.decode_pool:
                self.pending.append(partial(self.database.pools.update, {ref: self.codec.encode(value)}))
        self.pending.append(lambda: self.database.rows.extend(changes.rows))
        self.checks.append(partial(self.storage.check, self.database, changes))

    async def untold(self, outgoing: Sequence[Outgoing]) -> Sequence[Outgoing]:
        """See `Transaction.untold`."""
        return [event for event in outgoing if fact_id(event) not in self.database.recovered]

    async def lock_heads(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """See `Transaction.lock_heads`."""
        await self.lock("heads", partitions)
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
        storable(*(text for letter in new for text in (letter.key or "", letter.reason)))

        def write() -> None:
            for letter in new:
                self.database.bury(letter)

        self.pending.append(write)
        return new

    async def park(self, parked: Iterable[Parked]) -> None:
        """See `Transaction.park`."""
        await self.step()
        self.pending.append(lambda: self.database.parked.extend(parked))

    async def set_timers(self, timers: Sequence[Timer]) -> None:
        """See `Transaction.set_timers`."""
        await self.step()
        rows = {_row(timer.kind, timer.key, timer.change.name) for timer in timers}
        storable(*rows)
        await self.lock("deadlines", [TopicPartition(row, 0) for row in sorted(rows)])
        for message, kind, key, partition, region, change, timer_id in timers:
            place = (kind, key, change.name)
            if isinstance(change, Schedule):
                what = (type(change.input).__name__, message.correlation, region)
                data = self.codec.encode(change.input)
                due = Due(*place, partition, change.due, timer_id, *what, data, trace_of(message))
                self.pending.append(partial(self.database.deadlines.update, {place: due}))
            else:
                self.pending.append(partial(self.database.deadlines.pop, place, None))

    async def take_due(self, now: datetime, limit: int) -> Sequence[Due]:
        """See `Transaction.take_due`."""
        await self.step()
        due = sorted(
            (d for d in self.database.deadlines.values() if d.due <= now and self.free("deadlines", _row(*d[:3]))),
            key=lambda d: (d.due, d.key, d.name),
        )
        taken = due[:limit]
        self.database.locks.update({("deadlines", TopicPartition(_row(*d[:3]), 0)): self for d in taken})
        self.pending.append(lambda: [self.database.deadlines.pop(d[:3], None) for d in taken])
        return taken

    async def postpone(self, due: Due, until: datetime) -> None:
        """See `Transaction.postpone`."""
        await self.step()
        later = due._replace(due=until)
        self.pending.append(lambda: self.database.deadlines.setdefault(due[:3], later))

    async def take_replay(self, most: int) -> Replay | None:
        """See `Transaction.take_replay`."""
        await self.step()
        waiting = [
            b for b in self.database.letters.values() if b.status == "replay" and self.free("letters", b.letter.key)
        ]
        if not waiting:
            return None
        chosen = waiting[0]
        key = chosen.letter.key
        self.database.locks["letters", TopicPartition(key or "", 0)] = self
        others = [
            b
            for b in self.database.letters.values()
            if b.id != chosen.id and b.status in PENDING and b.letter.key == key and b.letter.sequence
        ]
        parked = [] if others or key is None else [p for p in self.database.parked if p.key == key]
        return Replay(chosen.id, chosen.letter.record, chosen.letter.sequence or 0, key, parked[:most])

    async def settle_replay(self, replay: Replay, reason: str | None) -> None:
        """See `Transaction.settle_replay`."""
        await self.step()
        storable(reason or "")

        def write() -> None:
            buried = self.database.letters[replay.id]
            if reason is not None:
                letter = buried.letter._replace(reason=reason)
                self.database.letters[replay.id] = buried._replace(status="open", letter=letter)
                return
            self.database.letters[replay.id] = buried._replace(status="replayed")
            self.database.parked[:] = [p for p in self.database.parked if p not in replay.parked]

        self.pending.append(write)

    async def release(self, key: str) -> None:
        """See `Transaction.release`."""
        await self.step()
        self.pending.append(lambda: self.database.release(key))

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


def _place(letter: DeadLetter) -> tuple[str, int, int, bytes]:
    return *record_place(letter.record), digest_of(letter.record)


def _row(kind: str, key: str, name: str) -> str:
    return f"{kind}/{key}/{name}"


def memory(codec: Codec, database: MemoryDatabase, storage: MemoryStorage = NO_STORAGE) -> Begin:
    """Transactions of a service in memory."""

    @asynccontextmanager
    async def begin() -> AsyncGenerator[MemoryTransaction]:
        transaction = MemoryTransaction(database=database, codec=codec, storage=storage)
        database.sessions.append(transaction)
        try:
            yield transaction
            await transaction.step()
            transaction.commit()
        finally:
            transaction.end()

    return begin
