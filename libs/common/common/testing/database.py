"""A service on the real database, in a schema of its own: what every test of a store or of a door starts from."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import asyncpg
from pydantic import SecretStr

from common.core import clock
from common.core.codec import Codec
from common.core.record_batch import unseal
from common.postgres.connections import ConnectionPool, DatabaseSettings
from common.postgres.migrations import declare_topics, migrate
from common.process.app import App
from common.process.context import Context
from common.process.opening import opened
from common.process.settings import database_address


@asynccontextmanager
async def service_context(app: App, *, pool_size: int = 8, **settings: Any) -> AsyncGenerator[Context]:
    """The service opened on a schema made for the block and dropped after it; no broker is needed.

    Raises:
        Misconfigured: no database is named: tests that need one fail, they do not skip.
    """
    namespace = f"t{clock.new_id().hex[-12:]}."
    codec = Codec(app.service, namespace, writers=settings.get("writers", ()))
    connection: Any = await asyncpg.connect(database_address())
    try:
        await migrate(connection, codec.schema, app.storage.migrations)
        await declare_topics(connection, codec.topics, codec.owned_topics)
        database = DatabaseSettings(dsn=SecretStr(database_address()), pool_size=pool_size)
        async with opened(app, app.settings(namespace=namespace, database=database, **settings)) as context:
            yield context
    finally:
        await connection.execute(f'drop schema if exists "{codec.schema}" cascade')
        await connection.close()


class Published(NamedTuple):
    """One event of an outbox."""

    type: str
    key: str
    region: str
    value: bytes
    headers: dict[str, bytes]


async def published(pool: ConnectionPool) -> list[Published]:
    """What a service has decided to publish, in order within each partition; `type` is the event's name alone."""
    rows = await pool.fetch("select data from outbox order by topic, partition, last")
    events: list[Published] = []
    for (data,) in rows:
        for key, value, pairs in unseal(data):
            headers = dict(pairs)
            name = headers["ce_type"].rpartition(b".")[2].decode()
            events.append(
                Published(name, (key or b"").decode(), headers.get("ce_region", b"").decode(), value or b"", headers)
            )
    return events
