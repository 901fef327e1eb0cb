"""A service on the real database, in a schema of its own: what every test of a store or of a door starts from."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar

import asyncpg
from pydantic import SecretStr

from common import clock
from common.codec import Codec
from common.postgres import Pool, declare_topics, migrate
from common.record_batch import unseal
from common.runtime import Context, opened
from common.service import Service
from common.settings import DatabaseSettings, Settings, database_address

State = TypeVar("State")
Shared = TypeVar("Shared")


@asynccontextmanager
async def service_context(
    service: Service[State, Shared], kind: type[Settings] = Settings, *, pool_size: int = 8, **settings: Any
) -> AsyncGenerator[Context[State, Shared]]:
    """The service opened on a schema made for the block and dropped after it; no broker is needed.

    Raises:
        Misconfigured: no database is named: tests that need one fail, they do not skip.
    """
    namespace = f"t{clock.new_id().hex[-12:]}."
    codec = Codec(service, namespace)
    connection: Any = await asyncpg.connect(database_address())
    try:
        await migrate(connection, codec.schema, service.migrations)
        await declare_topics(connection, codec.topics, codec.owned_topics)
        database = DatabaseSettings(dsn=SecretStr(database_address()), pool_size=pool_size)
        async with opened(service, kind(namespace=namespace, database=database, **settings)) as context:
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


async def published(pool: Pool) -> list[Published]:
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
