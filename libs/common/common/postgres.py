"""PostgreSQL: the pool, the migrations and the unit of work. With the services' stores, the only place with SQL."""

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

import asyncpg
from aiokafka.codec import zstd_decode, zstd_encode

from common.codec import Codec
from common.dead_letter import DeadLetter, Parked, pack_headers, readable_headers, unpack_headers
from common.decision import Schedule
from common.errors import Conflict, Misconfigured, Transient, Unstorable
from common.inbox import Headers, Position, TopicPartition
from common.message import Message
from common.outbox import Batch
from common.service import PARTITIONS, Changes
from common.unit_of_work import Begin, Due, Loaded, Remembered, Replay, Timer

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection = Pool = Any

State = TypeVar("State")
Shared = TypeVar("Shared")

TRANSIENT: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,
    TimeoutError,
)
"""What a database that is away, restarting or too busy raises."""

LOST_RACE: Final = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
UNSTORABLE: Final = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)

PULSE: Final = 1.0
"""Seconds between signs of life in a transaction that decides."""

PACKED_FROM: Final = 4096
"""Bytes from which a stored answer is compressed."""

ZSTD: Final = b"\x28\xb5\x2f\xfd"
"""First bytes of whatever zstd compressed; JSON never starts so."""

BATCH_TIMEOUT: Final = timedelta(seconds=20)
"""A transaction longer than this is ended by the server: a frozen process must not hold its row locks."""


async def connect_pool(dsn: str, schema: str, *, size: int = 6) -> Pool:
    """Open a pool whose connections see only `schema`, with the time limits that a frozen process must meet.

    Raises:
        Transient: the database cannot be reached.
    """
    try:
        return await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=size,
            max_inactive_connection_lifetime=60,
            timeout=10,
            command_timeout=30,
            reset=_leave_as_it_is,
            server_settings={
                "application_name": f"croissance-{schema}",
                "search_path": schema,
                "jit": "off",
                "idle_in_transaction_session_timeout": "5000",
                "transaction_timeout": str(int(BATCH_TIMEOUT.total_seconds() * 1000)),
            },
        )
    except TRANSIENT as error:
        raise Transient(f"database: {error}") from error


async def _leave_as_it_is(_: object) -> None:
    """Nothing here changes a session, so that nothing needs to be reset (asyncpg would ask the server each time)."""


# --- migrations ------------------------------------------------------------------------------------------------------

MESSAGING: Final = Path(__file__).parent / "migrations"
_LOCK: Final = "select pg_advisory_lock(hashtext($1))"
_UNLOCK: Final = "select pg_advisory_unlock(hashtext($1))"
_APPLIED_TABLE: Final = """create table if not exists migrations
    (name text primary key, checksum text not null, applied_at timestamptz not null default now())"""
_APPLIED: Final = "select name, checksum from migrations"
_RECORD: Final = "insert into migrations (name, checksum) values ($1, $2)"


async def migrate(connection: Connection, schema: str, *folders: Path) -> list[str]:
    """Bring a schema up to date: the core's files, then those of `folders`, in order of name; returns those applied.

    Each file runs once, in a transaction of its own, under a lock that lets one process migrate at a time.

    Raises:
        Misconfigured: a file that was applied has changed since.
    """
    done: list[str] = []
    await connection.execute(_LOCK, f"migrate {schema}")
    try:
        await connection.execute(f'create schema if not exists "{schema}"')
        await connection.execute(f'set search_path to "{schema}"')
        await connection.execute(_APPLIED_TABLE)
        applied = {row["name"]: row["checksum"] for row in await connection.fetch(_APPLIED)}
        for folder in (MESSAGING, *folders):
            origin = "common" if folder == MESSAGING else "service"
            for file in sorted(folder.glob("*.sql")):
                name = f"{origin}/{file.name}"
                checksum = hashlib.sha256(file.read_bytes()).hexdigest()
                if name not in applied:
                    async with connection.transaction():
                        await connection.execute(file.read_text("utf-8"))
                        await connection.execute(_RECORD, name, checksum)
                    done.append(name)
                elif applied[name] != checksum:
                    raise Misconfigured(f"{schema}: migration {name} was applied and has changed since")
    finally:
        await connection.execute(_UNLOCK, f"migrate {schema}")
    return done


_ADD_HEADS: Final = """insert into outbox_heads (topic, partition)
    select t, p from unnest($1::text[]) t, generate_series(0, $2::int - 1) p on conflict do nothing"""
_ADD_PUBLISHED: Final = _ADD_HEADS.replace("outbox_heads", "outbox_published")
_ADD_POSITIONS: Final = _ADD_HEADS.replace("outbox_heads", "positions")


async def declare_topics(connection: Connection, consumed: Sequence[str], owned: Sequence[str]) -> None:
    """Make the rows of positions and heads that a service will lock; nothing happens to those that exist."""
    async with connection.transaction():
        await connection.execute(_ADD_POSITIONS, consumed, PARTITIONS)
        await connection.execute(_ADD_HEADS, owned, PARTITIONS)
        await connection.execute(_ADD_PUBLISHED, owned, PARTITIONS)


# --- the unit of work ------------------------------------------------------------------------------------------------

_PLACES: Final = "(topic, partition) in (select * from unnest($1::text[], $2::int[]))"
_LOCK_POSITIONS: Final = f"""select topic, partition, sequence, next_offset, applied from positions
    where {_PLACES} order by topic, partition for update"""
_MOVE_POSITIONS: Final = """update positions p
    set sequence = u.sequence, next_offset = u.next_offset, applied = u.applied, moved_at = now()
    from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[])
        u (topic, partition, sequence, next_offset, applied)
    where p.topic = u.topic and p.partition = u.partition"""
_BLOCKING: Final = """select key from dead_letters
    where status in ('open', 'replay') and sequence is not null limit 1000"""
_BLOCKED: Final = """select distinct key from dead_letters
    where key = any($1::text[]) and status in ('open', 'replay') and sequence is not null"""
_LOAD: Final = "select key, doc, version from states where key = any($1::text[])"
_SAVE: Final = """insert into states as s (key, version, doc)
    select * from unnest($1::text[], $2::bigint[], $3::text[])
    on conflict (key) do update set version = excluded.version, doc = excluded.doc
    where s.version = excluded.version - 1"""
_LOCK_HEADS: Final = f"""select topic, partition, sequence, (select max(segment) from outbox_segments) as segment
    from outbox_heads where {_PLACES} order by topic, partition for update"""
_APPEND: Final = """with moved as (
        update outbox_heads h set sequence = u.sequence
        from unnest($1::text[], $2::int[], $3::bigint[]) u (topic, partition, sequence)
        where h.topic = u.topic and h.partition = u.partition)
    insert into outbox_{segment} (segment, topic, partition, first, last, data)
    select {segment}, * from unnest($4::text[], $5::int[], $6::bigint[], $7::bigint[], $8::bytea[])"""
_BURY: Final = """insert into dead_letters
        (topic, partition, "offset", sequence, key, headers, raw_headers, value, reason)
    select * from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::text[], $6::json[], $7::bytea[],
        $8::bytea[], $9::text[])
    on conflict (topic, partition, "offset") do nothing
    returning topic, partition, "offset" as at"""
_PARK: Final = """insert into parked (topic, partition, sequence, "offset", key, raw_headers, value)
    select * from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::text[], $6::bytea[], $7::bytea[])"""
_SET_TIMERS: Final = """insert into deadlines (key, name, partition, due, id, type, correlation, region, input)
    select * from unnest($1::text[], $2::text[], $3::int[], $4::timestamptz[], $5::uuid[], $6::text[], $7::uuid[],
        $8::text[], $9::text[])
    on conflict (key, name) do update set due = excluded.due, id = excluded.id, type = excluded.type,
        correlation = excluded.correlation, region = excluded.region, input = excluded.input"""
_CANCEL_TIMERS: Final = "delete from deadlines where (key, name) in (select * from unnest($1::text[], $2::text[]))"
_TAKE_DUE: Final = """delete from deadlines where (key, name) in (
        select key, name from deadlines where due <= $1 order by due, key, name limit $2 for update skip locked)
    returning key, name, partition, due, id, type, correlation, region, input"""
_POSTPONE: Final = """insert into deadlines (key, name, partition, due, id, type, correlation, region, input)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing"""
_TAKE_REPLAY: Final = """select id, topic, partition, "offset", sequence, key, raw_headers, value from dead_letters d
    where status = 'replay' order by id limit 1 for update skip locked"""
_TAKE_PARKED: Final = """select topic, partition, sequence, "offset", key, raw_headers, value from parked
    where key = $1 and not exists (select 1 from dead_letters d
        where d.key = $1 and d.id <> $2 and d.status in ('open', 'replay') and d.sequence is not null)
    order by parked_at, topic, partition, sequence for update"""
_SETTLED: Final = "update dead_letters set status = 'replayed', settled_at = now() where id = $1"
_REOPEN: Final = "update dead_letters set status = 'open', reason = $2 where id = $1"
_UNPARK: Final = """delete from parked where (topic, partition, sequence) in
    (select * from unnest($1::text[], $2::int[], $3::bigint[]))"""
_RECALL: Final = "select key, body_hash, status, answer from idempotency where key = any($1::text[])"
_REMEMBER: Final = """insert into idempotency (key, body_hash, status, answer)
    select * from unnest($1::text[], $2::bytea[], $3::int[], $4::bytea[]) on conflict do nothing"""

_STATE_COLUMNS: Final = ("key", "version", "doc")

COPIED_FROM: Final = 100
"""New states of one transaction from which copying them in, two round trips more, is cheaper than inserting them."""


class StoredRecord(NamedTuple):
    """A Kafka record read back from a table."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(slots=True)
class PostgresTransaction(Generic[State, Shared]):
    """`unit_of_work.Transaction` on one PostgreSQL connection."""

    codec: Codec[State, Shared]
    connection: Connection
    segment: int = 0
    heard: float = 0.0

    async def lock_positions(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, Position]:
        """See `Transaction.lock_positions`."""
        rows = await self.connection.fetch(_LOCK_POSITIONS, *_columns(partitions, 2))
        if len(rows) < len(partitions):
            missing = sorted({p.topic for p in partitions})
            await self.connection.execute(_ADD_POSITIONS, missing, PARTITIONS)
            rows = await self.connection.fetch(_LOCK_POSITIONS, *_columns(partitions, 2))
        return {TopicPartition(t, p): Position(sequence, offset, applied) for t, p, sequence, offset, applied in rows}

    async def move_positions(self, positions: Mapping[TopicPartition, Position]) -> None:
        """See `Transaction.move_positions`."""
        if positions:
            await self.connection.execute(_MOVE_POSITIONS, *_columns([(*w, *at) for w, at in positions.items()], 5))

    async def pulse(self) -> None:
        """See `Transaction.pulse`."""
        now = time.monotonic()
        if now - self.heard > PULSE:
            await self.connection.execute("select 1")
            self.heard = now
        else:
            await asyncio.sleep(0)

    async def blocked(self, keys: set[str]) -> set[str]:
        """See `Transaction.blocked`."""
        if not keys:
            return set()
        rows = await self.connection.fetch(_BLOCKING)
        if len(rows) == 1000:
            rows = await self.connection.fetch(_BLOCKED, list(keys))
        return {row[0] for row in rows} & keys

    async def load(self, messages: Sequence[Message[object]]) -> Loaded[State, Shared]:
        """See `Transaction.load`."""
        shared = await self.codec.service.store.load(self.connection, messages)
        rows = await self.connection.fetch(_LOAD, list({message.key for message in messages}))
        decode = self.codec.decode_state
        return Loaded({key: (decode(doc), version) for key, doc, version in rows}, shared)

    async def save(self, changes: Changes[State, Shared], versions: Mapping[str, int]) -> None:
        """See `Transaction.save`."""
        if changes.states:
            await self._save_states(changes.states, versions)
        await self.codec.service.store.save(self.connection, changes)

    async def _save_states(self, states: Mapping[str, State], versions: Mapping[str, int]) -> None:
        """Insert or replace, in order of key; where much is new it is copied in, at half the price of an insert."""
        encode = self.codec.encode_state
        rows = [(key, versions.get(key, 0) + 1, encode(states[key])) for key in sorted(states)]
        if len(rows) - len(versions) >= COPIED_FROM:
            new = [row for row in rows if row[0] not in versions]
            rows = [row for row in rows if row[0] in versions]
            try:
                await self.connection.copy_records_to_table("states", records=new, columns=_STATE_COLUMNS)
            except asyncpg.UniqueViolationError as error:
                raise Conflict("a state was made by another transaction") from error
        if rows:
            tag = await self.connection.execute(_SAVE, *_columns(rows, 3))
            if int(tag.rpartition(" ")[2]) != len(rows):
                raise Conflict("a state was saved by another transaction")

    async def lock_heads(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """See `Transaction.lock_heads`."""
        rows = await self.connection.fetch(_LOCK_HEADS, *_columns(partitions, 2))
        if len(rows) < len(partitions):
            await declare_topics(self.connection, [], sorted({p.topic for p in partitions}))
            rows = await self.connection.fetch(_LOCK_HEADS, *_columns(partitions, 2))
        self.segment = rows[0]["segment"]
        return {TopicPartition(topic, partition): sequence for topic, partition, sequence, _ in rows}

    async def append(self, batches: Sequence[Batch], heads: Mapping[TopicPartition, int]) -> None:
        """See `Transaction.append`."""
        moved = _columns([(*where, sequence) for where, sequence in heads.items()], 3)
        await self.connection.execute(_APPEND.format(segment=self.segment), *moved, *_columns(batches, 5))

    async def bury(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """See `Transaction.bury`."""
        rows = [
            (
                r.topic,
                r.partition,
                r.offset,
                sequence,
                key,
                readable_headers(r.headers),
                pack_headers(r.headers),
                r.value,
                reason,
            )
            for r, sequence, key, reason in letters
        ]
        new = {tuple(row) for row in await self.connection.fetch(_BURY, *_columns(rows, 9))}
        return [each for each in letters if (each.record.topic, each.record.partition, each.record.offset) in new]

    async def park(self, parked: Iterable[Parked]) -> None:
        """See `Transaction.park`."""
        rows = [(r.topic, r.partition, s, r.offset, key, pack_headers(r.headers), r.value) for r, s, key in parked]
        await self.connection.execute(_PARK, *_columns(rows, 7))

    async def set_timers(self, timers: Sequence[Timer]) -> None:
        """See `Transaction.set_timers`."""
        last = {(timer.message.key, timer.change.name): timer for timer in timers}
        set_rows: list[tuple[object, ...]] = []
        cancelled: list[tuple[str, str]] = []
        for (key, name), (message, change, timer_id) in sorted(last.items(), key=lambda item: item[0]):
            if isinstance(change, Schedule):
                kind, data = type(change.input).__name__, self.codec.encode_input(change.input)
                origin = (message.correlation, message.region, data)
                set_rows.append((key, name, message.partition, change.due, timer_id, kind, *origin))
            else:
                cancelled.append((key, name))
        if cancelled:
            await self.connection.execute(_CANCEL_TIMERS, *_columns(cancelled, 2))
        if set_rows:
            await self.connection.execute(_SET_TIMERS, *_columns(set_rows, 9))

    async def take_due(self, now: datetime, limit: int) -> Sequence[Due]:
        """See `Transaction.take_due`."""
        rows = await self.connection.fetch(_TAKE_DUE, now, limit)
        return sorted((Due(*row) for row in rows), key=lambda due: (due.due, due.key, due.name))

    async def postpone(self, due: Due, until: datetime) -> None:
        """See `Transaction.postpone`."""
        await self.connection.execute(_POSTPONE, *due._replace(due=until))

    async def take_replay(self) -> Replay | None:
        """See `Transaction.take_replay`."""
        row = await self.connection.fetchrow(_TAKE_REPLAY)
        if row is None:
            return None
        key: str | None = row["key"]
        parked = await self.connection.fetch(_TAKE_PARKED, key, row["id"]) if key is not None else []
        waiting = [Parked(_stored(line), line["sequence"], line["key"]) for line in parked]
        return Replay(row["id"], _stored(row), row["sequence"] or 0, key, waiting)

    async def settle_replay(self, replay: Replay, reason: str | None) -> None:
        """See `Transaction.settle_replay`."""
        if reason is not None:
            await self.connection.execute(_REOPEN, replay.id, reason)
            return
        await self.connection.execute(_SETTLED, replay.id)
        rows = [(p.record.topic, p.record.partition, p.sequence) for p in replay.parked]
        await self.connection.execute(_UNPARK, *_columns(rows, 3))

    async def recall(self, keys: Sequence[str]) -> dict[str, Remembered]:
        """See `Transaction.recall`."""
        rows = await self.connection.fetch(_RECALL, keys)
        return {key: Remembered(body_hash, status, _unpacked(answer)) for key, body_hash, status, answer in rows}

    async def remember(self, answers: Mapping[str, Remembered]) -> None:
        """See `Transaction.remember`."""
        rows = [(key, hashed, status, _packed(body)) for key, (hashed, status, body) in sorted(answers.items())]
        columns = _columns(rows, 4)
        if await self.connection.execute(_REMEMBER, *columns) != f"INSERT 0 {len(answers)}":
            raise Conflict("the idempotency key was used by another request meanwhile")


def postgres(codec: Codec[State, Shared], pool: Pool) -> Begin[State, Shared]:
    """Transactions of a service on a pool; database errors come out as `Transient`, `Conflict` or `Unstorable`."""

    @asynccontextmanager
    async def begin() -> AsyncGenerator[PostgresTransaction[State, Shared]]:
        try:
            async with pool.acquire() as connection, connection.transaction():
                yield PostgresTransaction(codec, connection)
        except LOST_RACE as error:
            raise Conflict(str(error)) from error
        except UNSTORABLE as error:
            raise Unstorable(f"{type(error).__name__}: {error}") from error
        except TRANSIENT as error:
            raise Transient(f"database: {type(error).__name__}: {error}") from error

    return begin


def _columns(rows: Iterable[Sequence[object]], width: int) -> list[list[object]]:
    """Rows turned into the column arrays of `unnest`."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    return columns or [[] for _ in range(width)]


def _packed(answer: bytes) -> bytes:
    """An answer as it is stored: JSON, compressed by zstd where it is that of a large batch."""
    return zstd_encode(answer) if len(answer) >= PACKED_FROM else answer


def _unpacked(answer: bytes) -> bytes:
    return zstd_decode(answer) if answer.startswith(ZSTD) else answer


def _stored(row: "asyncpg.Record") -> StoredRecord:
    key: str | None = row["key"]
    headers = unpack_headers(row["raw_headers"])
    return StoredRecord(
        row["topic"], row["partition"], row["offset"], key.encode() if key else None, row["value"], headers
    )


# --- the outbox as the relay reads it --------------------------------------------------------------------------------

_CLAIM: Final = """update outbox_published p set owner = $1, leased_until = clock_timestamp() + $2
    where (topic, partition) in (
        select topic, partition from outbox_published where owner = $1 or leased_until < clock_timestamp()
        order by topic, partition for update skip locked)
    returning topic, partition, published"""
_RELEASE: Final = "update outbox_published set leased_until = '-infinity' where owner = $1"
_READ: Final = """select o.topic, o.partition, o.first, o.last, o.data
    from unnest($1::text[], $2::int[], $3::bigint[]) c (topic, partition, after)
    join outbox_heads h on h.topic = c.topic and h.partition = c.partition and h.sequence > c.after
    cross join lateral (select * from outbox o
        where o.topic = c.topic and o.partition = c.partition and o.last > c.after
        order by o.last limit $4) o"""
_ADVANCE: Final = """update outbox_published p set published = greatest(p.published, u.last)
    from (select * from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) u (topic, partition, after, last)
        order by topic, partition) u
    where p.topic = u.topic and p.partition = u.partition and p.published >= u.after"""
_SEGMENTS: Final = "select segment, opened_at from outbox_segments order by segment"
_UNPUBLISHED: Final = """select exists (
    select 1 from outbox_{segment} o join outbox_published p using (topic, partition) where o.last > p.published)"""


@dataclass(frozen=True, slots=True)
class PostgresOutbox:
    """`relay.Outbox` on a pool of the service's schema."""

    pool: Pool

    async def claim(self, owner: str, lease: timedelta) -> dict[TopicPartition, int]:
        """See `Outbox.claim`."""
        rows = await self.pool.fetch(_CLAIM, owner, lease)
        return {TopicPartition(topic, partition): published for topic, partition, published in rows}

    async def release(self, owner: str) -> None:
        """See `Outbox.release`."""
        await self.pool.execute(_RELEASE, owner)

    async def read(self, after: Mapping[TopicPartition, int], limit: int) -> list[Batch]:
        """See `Outbox.read`."""
        rows = await self.pool.fetch(_READ, *_columns([(*where, last) for where, last in after.items()], 3), limit)
        return [Batch(*row) for row in rows]

    async def advance(self, ranges: Mapping[TopicPartition, tuple[int, int]]) -> None:
        """See `Outbox.advance`."""
        await self.pool.execute(_ADVANCE, *_columns([(*where, *span) for where, span in sorted(ranges.items())], 4))

    async def rotate(self, now: datetime, every: timedelta, keep: timedelta) -> None:
        """Open a segment when the newest is older than `every`; drop those closed for `keep` and all published."""
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK.replace("pg_advisory_lock", "pg_advisory_xact_lock"), "rotate outbox")
            segments = [(row["segment"], row["opened_at"]) for row in await connection.fetch(_SEGMENTS)]
            newest, opened = segments[-1]
            if now - opened >= every:
                await connection.execute(
                    f"create table outbox_{newest + 1} partition of outbox for values in ({newest + 1})"
                )
                await connection.execute(
                    "insert into outbox_segments (segment, opened_at) values ($1, $2)", newest + 1, now
                )
            for (segment, _), (_, closed) in pairwise(segments):
                if now - closed >= keep and not await connection.fetchval(_UNPUBLISHED.format(segment=segment)):
                    await connection.execute(f"drop table outbox_{segment}")
                    await connection.execute("delete from outbox_segments where segment = $1", segment)
