"""The outbox as the relay reads it, and the rotation of its segments."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from common.core.inbox import TopicPartition
from common.core.outbox import Batch
from common.postgres.connections import Connection, ConnectionPool
from common.postgres.rows import columns

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
_LOCK: Final = "select pg_advisory_xact_lock(hashtext($1))"
PATIENCE: Final = 200
"""Milliseconds that rotation waits for a table; whoever comes meanwhile waits behind it."""

_OPEN: Final = (
    "create table outbox_{segment} (like outbox including all)",
    "alter table outbox attach partition outbox_{segment} for values in ({segment})",  # waits for no reader
)
_OPENED: Final = "insert into outbox_segments (segment, opened_at) values ($1, $2)"
_KNOWN: Final = "select to_regclass($1) is not null"
_SEGMENTS: Final = "select segment, opened_at from outbox_segments order by segment"
_UNPUBLISHED: Final = """select exists (
    select 1 from outbox_{segment} o join outbox_published p using (topic, partition) where o.last > p.published)"""


@dataclass(frozen=True, slots=True)
class PostgresOutbox:
    """`relay.Outbox` on a pool of the service's schema."""

    pool: ConnectionPool

    async def claim(self, owner: str, lease: timedelta) -> dict[TopicPartition, int]:
        """See `Outbox.claim`."""
        rows = await self.pool.fetch(_CLAIM, owner, lease)
        return {TopicPartition(topic, partition): published for topic, partition, published in rows}

    async def release(self, owner: str) -> None:
        """See `Outbox.release`."""
        await self.pool.execute(_RELEASE, owner)

    async def read(self, after: Mapping[TopicPartition, int], limit: int) -> list[Batch]:
        """See `Outbox.read`."""
        rows = await self.pool.fetch(_READ, *columns([(*where, last) for where, last in after.items()], 3), limit)
        return [Batch(*row) for row in rows]

    async def advance(self, ranges: Mapping[TopicPartition, tuple[int, int]]) -> None:
        """See `Outbox.advance`."""
        await self.pool.execute(_ADVANCE, *columns([(*where, *span) for where, span in sorted(ranges.items())], 4))

    async def rotate(self, now: datetime, every: timedelta, keep: timedelta) -> None:
        """Open a segment when the newest is older than `every`; drop those closed for `keep` and all published.

        A segment is opened beside whoever reads, a dump too. Dropping one needs the tables alone: it waits for that no
        longer than everybody behind it can bear.

        Raises:
            Transient: somebody reads the tables for long; nothing is lost by trying again later.
        """
        segments = await self._opened(now, every)
        for (segment, _), (_, closed) in pairwise(segments):
            if now - closed >= keep:
                await self._drop(segment)

    async def _opened(self, now: datetime, every: timedelta) -> list[tuple[int, datetime]]:
        """The segments with the time each was opened, one more where the newest is old."""
        async with self._alone() as connection:
            segments = [(row["segment"], row["opened_at"]) for row in await connection.fetch(_SEGMENTS)]
            newest, opened = segments[-1]
            if now - opened >= every:
                for statement in _OPEN:
                    await connection.execute(statement.format(segment=newest + 1))
                await connection.execute(_OPENED, newest + 1, now)
                segments.append((newest + 1, now))
        return segments

    async def _drop(self, segment: int) -> None:
        """Drop a segment unless something of it is not published yet."""
        async with self._alone() as connection:
            known = await connection.fetchval(_KNOWN, f"outbox_{segment}")
            if known and not await connection.fetchval(_UNPUBLISHED.format(segment=segment)):
                await connection.execute(f"drop table outbox_{segment}")
                await connection.execute("delete from outbox_segments where segment = $1", segment)

    @asynccontextmanager
    async def _alone(self) -> AsyncGenerator[Connection]:
        """A transaction that one process has at a time, and that waits for nothing longer than `PATIENCE`."""
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(f"set local lock_timeout = {PATIENCE}")
            await connection.execute(_LOCK, "rotate outbox")
            yield connection
