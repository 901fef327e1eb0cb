"""The unit of work on one PostgreSQL connection."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import asyncpg

from common.core.codec import Codec
from common.core.dead_letter import DeadLetter, Parked, pack_headers, readable_headers
from common.core.guard import Guard
from common.core.inbox import ArrivalId, Position, TopicPartition
from common.core.outbox import Batch, Outgoing
from common.core.unit_of_work import Begin, Changes, Due, Remembered, Replay, StateKey, Timer, Versioned
from common.declare.decision import Schedule
from common.declare.errors import Conflict, Misconfigured
from common.declare.message import trace_of
from common.declare.pool import Ref
from common.postgres import statements as sql
from common.postgres.connections import Connection, ConnectionPool
from common.postgres.letters import RELEASE
from common.postgres.migrations import add_heads
from common.postgres.recovery import unrecognised
from common.postgres.rows import affected, columns, packed, stored, unpacked
from common.postgres.storage import Storage

PULSE: Final = 1.0
"""Seconds between signs of life in a transaction that decides."""

COPIED_FROM: Final = 100
"""New states of one transaction from which copying them in, two round trips more, is cheaper than inserting them."""

GO_ON: Final = RELEASE.format(of="")
STATE_COLUMNS: Final = ("kind", "key", "version", "doc")


@dataclass(slots=True)
class PostgresTransaction:
    """`unit_of_work.Transaction` on one PostgreSQL connection."""

    codec: Codec
    storage: Storage
    connection: Connection
    guard: Guard = field(default_factory=Guard)
    segment: int = 0
    heard: float = 0.0

    # --- what came in

    async def lock_positions(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Position]:
        """See `Transaction.lock_positions`."""
        rows = await self.connection.fetch(sql.LOCK_POSITIONS, *columns(partitions, 2))
        if len(rows) < len(partitions):
            await self.connection.execute(sql.OPEN_POSITIONS, *columns(partitions, 2))
            rows = await self.connection.fetch(sql.LOCK_POSITIONS, *columns(partitions, 2))
        return {TopicPartition(t, p): Position(*at) for t, p, *at in rows}

    async def move_positions(self, positions: Mapping[TopicPartition, Position]) -> None:
        """See `Transaction.move_positions`."""
        if positions:
            await self.connection.execute(sql.MOVE_POSITIONS, *columns([(*w, *at) for w, at in positions.items()], 5))

    async def arrived(self, ids: Sequence[ArrivalId]) -> dict[ArrivalId, bytes]:
        """See `Transaction.arrived`."""
        rows = await self.connection.fetch(sql.ARRIVED, *columns(ids, 2))
        return {(writer, each): content for writer, each, content in rows}

    async def admit(self, contents: Mapping[ArrivalId, bytes]) -> None:
        """See `Transaction.admit`."""
        rows = [(*each, content) for each, content in contents.items()]
        if affected(await self.connection.execute(sql.ADMIT, *columns(rows, 3))) != len(rows):
            raise Conflict("a record was applied by another transaction meanwhile")

    async def pulse(self) -> None:
        """See `Transaction.pulse`."""
        now = time.monotonic()
        if now - self.heard > PULSE:
            await self.connection.execute("select 1")
            self.heard = now
        else:
            await asyncio.sleep(0)

    # --- what is decided on

    async def load(self, keys: set[StateKey]) -> dict[StateKey, Versioned]:
        """See `Transaction.load`."""
        found: dict[StateKey, Versioned] = {}
        by_kind: dict[str, list[str]] = {}
        for kind, key in keys:
            by_kind.setdefault(kind, []).append(key)
        for kind, of_kind in by_kind.items():
            decode = self.codec.decode_state[kind]
            for key, doc, version in await self.connection.fetch(sql.LOAD, kind, of_kind):
                found[kind, key] = Versioned(decode(doc), version)
        return found

    async def lock_pools(self, refs: Sequence[Ref]) -> dict[Ref, Any]:
        """See `Transaction.lock_pools`."""
        held: dict[Ref, Any] = {}
        for name, group in groupby(refs, key=itemgetter(0)):
            pool = self.codec.pools.get(name)
            if pool is None:
                raise Misconfigured(f"pool {name} is not declared by {self.codec.service.name}")
            of_name = list(group)
            table = self.storage.pools.get(name)
            if table is None:
                found = await self._lock_documents(name, of_name)
            else:
                found = await table.lock(self.connection, [key for _, key in of_name])
            for ref in of_name:
                held[ref] = found[ref.key] if ref.key in found else pool.initial(ref.key)
        return held

    async def _lock_documents(self, name: str, refs: Sequence[Ref]) -> dict[str, Any]:
        """The documents of pools, locked; those never seen are opened first, so that they can be locked too."""
        rows = await self.connection.fetch(sql.LOCK_POOLS, *columns(refs, 2))
        if len(rows) < len(refs):
            await self.connection.execute(sql.OPEN_POOLS, *columns(refs, 2))
            rows = await self.connection.fetch(sql.LOCK_POOLS, *columns(refs, 2))
        decode = self.codec.decode_pool[name]
        return {key: decode(doc) for _, key, doc in rows if doc is not None}

    async def views(self) -> Mapping[str, Any]:
        """See `Transaction.views`."""
        return {name: await reader.read(self.connection) for name, reader in self.storage.views.items()}

    # --- what is written

    async def save(self, changes: Changes) -> None:
        """See `Transaction.save`."""
        if changes.after:
            await self._save_pools(changes)
        if changes.states:
            await self._save_states(changes.states, changes.versions)
        await self.storage.project(self.connection, changes)

    async def _save_pools(self, changes: Changes) -> None:
        """Write the pools that changed, kind by kind."""
        for name, group in groupby(sorted(changes.after), key=itemgetter(0)):
            refs = list(group)
            table = self.storage.pools.get(name)
            if table is None:
                rows = [(*ref, self.codec.encode(changes.after[ref])) for ref in refs]
                await self.connection.execute(sql.SAVE_POOLS, *columns(rows, 3))
            else:
                before = {ref.key: changes.before[ref] for ref in refs}
                await table.save(self.connection, before, {ref.key: changes.after[ref] for ref in refs})

    async def _save_states(self, states: Mapping[StateKey, Any], versions: Mapping[StateKey, int]) -> None:
        """Insert or replace, in order of key; where much is new it is copied in, at half the price of an insert."""
        encode = self.codec.encode
        rows = [(*place, versions.get(place, 0) + 1, encode(states[place])) for place in sorted(states)]
        if len(rows) - len(versions) >= COPIED_FROM:
            new = [row for row in rows if row[:2] not in versions]
            rows = [row for row in rows if row[:2] in versions]
            try:
                await self.connection.copy_records_to_table("states", records=new, columns=STATE_COLUMNS)
            except asyncpg.UniqueViolationError as error:
                raise Conflict("a state was made by another transaction") from error
        if rows and affected(await self.connection.execute(sql.SAVE, *columns(rows, 4))) != len(rows):
            raise Conflict("a state was saved by another transaction")

    async def lock_heads(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """See `Transaction.lock_heads`."""
        rows = await self.connection.fetch(sql.LOCK_HEADS, *columns(partitions, 2))
        if len(rows) < len(partitions):
            await add_heads(self.connection, sorted({p.topic for p in partitions}))
            rows = await self.connection.fetch(sql.LOCK_HEADS, *columns(partitions, 2))
        self.segment = rows[0]["segment"]
        return self.guard.note_heads({TopicPartition(t, p): sequence for t, p, sequence, _ in rows})

    async def untold(self, outgoing: Sequence[Outgoing]) -> Sequence[Outgoing]:
        """See `Transaction.untold`."""
        return await unrecognised(self.connection, outgoing) if self.guard.recovering else outgoing

    async def append(self, batches: Sequence[Batch], heads: Mapping[TopicPartition, int]) -> None:
        """See `Transaction.append`."""
        moved = columns([(*where, sequence) for where, sequence in heads.items()], 3)
        await self.connection.execute(sql.APPEND.format(segment=self.segment), *moved, *columns(batches, 5))

    # --- what went wrong

    async def blocked(self, keys: set[str]) -> set[str]:
        """See `Transaction.blocked`."""
        if not keys:
            return set()
        rows = await self.connection.fetch(sql.BLOCKING)
        found = keys if len(rows) == 1000 else {row[0] for row in rows} & keys
        if found:  # held until this batch ends: a replay that settles a letter meanwhile would leave what we park
            found = {row[0] for row in await self.connection.fetch(sql.BLOCKED, sorted(found))}
        return found

    async def bury(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """See `Transaction.bury`."""
        rows: list[tuple[object, ...]] = []
        for r, sequence, key, reason in letters:
            headers = (readable_headers(r.headers), pack_headers(r.headers))
            rows.append((r.topic, r.partition, r.offset, sequence, key, *headers, r.value, reason))
        new = {tuple(row) for row in await self.connection.fetch(sql.BURY, *columns(rows, 9))}
        return [each for each in letters if (each.record.topic, each.record.partition, each.record.offset) in new]

    async def park(self, parked: Iterable[Parked]) -> None:
        """See `Transaction.park`."""
        rows = [(r.topic, r.partition, s, r.offset, key, pack_headers(r.headers), r.value) for r, s, key in parked]
        await self.connection.execute(sql.PARK, *columns(rows, 7))

    async def take_replay(self, most: int) -> Replay | None:
        """See `Transaction.take_replay`."""
        row = await self.connection.fetchrow(sql.TAKE_REPLAY)
        if row is None:
            return None
        key: str | None = row["key"]
        alone = key is None or await self.connection.fetch(sql.OTHER_LETTERS, key, row["id"])
        parked = [] if alone else await self.connection.fetch(sql.TAKE_PARKED, key, most)
        waiting = [Parked(stored(line), line["sequence"], line["key"]) for line in parked]
        return Replay(row["id"], stored(row), row["sequence"] or 0, key, waiting)

    async def settle_replay(self, replay: Replay, reason: str | None) -> None:
        """See `Transaction.settle_replay`."""
        if reason is not None:
            await self.connection.execute(sql.REOPEN, replay.id, reason)
            return
        await self.connection.execute(sql.SETTLED, replay.id)
        rows = [(p.record.topic, p.record.partition, p.sequence) for p in replay.parked]
        await self.connection.execute(sql.UNPARK, replay.key, *columns(rows, 3))

    async def release(self, key: str) -> None:
        """See `Transaction.release`."""
        await self.connection.execute(GO_ON, key, "waits behind a letter that is settled")

    # --- time and answers

    async def set_timers(self, timers: Sequence[Timer]) -> None:
        """See `Transaction.set_timers`."""
        last = {(timer.kind, timer.key, timer.change.name): timer for timer in timers}
        set_rows: list[tuple[object, ...]] = []
        cancelled: list[tuple[str, str, str]] = []
        for place, timer in sorted(last.items(), key=itemgetter(0)):
            change = timer.change
            if isinstance(change, Schedule):
                what = (type(change.input).__name__, timer.message.correlation)
                data = self.codec.encode(change.input)
                trace = trace_of(timer.message)
                set_rows.append((*place, timer.partition, change.due, timer.id, *what, timer.region, data, trace))
            else:
                cancelled.append(place)
        if cancelled:
            await self.connection.execute(sql.CANCEL_TIMERS, *columns(cancelled, 3))
        if set_rows:
            await self.connection.execute(sql.SET_TIMERS, *columns(set_rows, 11))

    async def take_due(self, now: datetime, limit: int) -> Sequence[Due]:
        """See `Transaction.take_due`."""
        rows = await self.connection.fetch(sql.TAKE_DUE, now, limit)
        return sorted((Due(*row) for row in rows), key=lambda due: (due.due, due.key, due.name))

    async def postpone(self, due: Due, until: datetime) -> None:
        """See `Transaction.postpone`."""
        await self.connection.execute(sql.POSTPONE, *due._replace(due=until))

    async def recall(self, keys: Sequence[str]) -> dict[str, Remembered]:
        """See `Transaction.recall`."""
        rows = await self.connection.fetch(sql.RECALL, keys)
        return {key: Remembered(body_hash, status, unpacked(answer)) for key, body_hash, status, answer in rows}

    async def remember(self, answers: Mapping[str, Remembered]) -> None:
        """See `Transaction.remember`."""
        rows = [(key, hashed, status, packed(body)) for key, (hashed, status, body) in sorted(answers.items())]
        if affected(await self.connection.execute(sql.REMEMBER, *columns(rows, 4))) != len(rows):
            raise Conflict("the idempotency key was used by another request meanwhile")


def postgres(codec: Codec, storage: Storage, pool: ConnectionPool, guard: Guard | None = None) -> Begin:
    """Transactions of a service on a pool, none while `guard` is closed; it is asked when the connection is there.

    Database errors come out as `Transient`, `Conflict` or `Unstorable`.
    """
    guard = guard or Guard()

    @asynccontextmanager
    async def begin() -> AsyncGenerator[PostgresTransaction]:
        async with pool.acquire() as connection:
            guard.check()
            async with connection.transaction():
                yield PostgresTransaction(codec, storage, connection, guard)

    return begin
