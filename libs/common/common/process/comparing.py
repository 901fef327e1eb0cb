"""Comparing the numbers of a database with those in Kafka, before anything is written on it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from common.core.guard import Behind, behind
from common.core.inbox import TopicPartition
from common.kafka.tail import carried_beyond, reading
from common.postgres.connections import SERVER
from common.process.context import Context

AGAIN: Final = 2.0
"""Seconds between two comparisons of a database that was found behind: `croissance recover` mends it meanwhile."""

_HEADS: Final = f"""select topic, partition, sequence, ({SERVER}) as server,
    exists (select from recovered where status = 'open') as recovering from outbox_heads"""


async def compare(context: Context) -> dict[TopicPartition, Behind]:
    """Open or close the guard of a process; returns where the database is behind.

    Raises:
        OSError, KafkaError, asyncpg.PostgresError: one of both cannot be asked; the guard stays as it is.
    """
    before = {TopicPartition(row[0], row[1]): row[2] for row in await context.pool.fetch(_HEADS)}
    async with asyncio.timeout(30), reading(context.settings.kafka, f"{context.codec.group}-compare") as consumer:
        lasts = await carried_beyond(consumer, before)
    rows = await context.pool.fetch(_HEADS)  # after the look at Kafka: what is published meanwhile was numbered before
    heads = {TopicPartition(row["topic"], row["partition"]): row["sequence"] for row in rows}
    server = rows[0]["server"] if rows else context.guard.server
    recovering = bool(rows) and rows[0]["recovering"]
    if recovering and not behind(heads, lasts):
        async with context.pool.acquire() as connection, connection.transaction():
            await context.storage.adopt(connection)
    return context.guard.settle(server, heads, lasts, recovering=recovering)


async def keep_comparing(context: Context, on_open: Callable[[], Awaitable[None]]) -> None:
    """Compare whenever the guard is closed, until it opens; `on_open` runs each time that it has."""
    guard = context.guard
    while True:
        while guard.reason:
            guard.asked.clear()
            said = guard.reason
            found = await compare(context)
            if found:
                if guard.reason != said:
                    context.log.critical("database behind Kafka", reason=guard.reason)
                await asyncio.sleep(AGAIN)
        await on_open()
        await guard.asked.wait()


async def may_publish(context: Context, leased: Collection[TopicPartition]) -> bool:
    """Whether the relay may publish what it leases; for new leases the numbers are compared again."""
    if leased and not context.guard.reason:
        await compare(context)
    return not context.guard.reason
