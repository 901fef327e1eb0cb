"""A service on the real database, in a schema of its own: what every test of a store or of a door starts from."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncpg
from pydantic import SecretStr

from common import clock
from common.codec import Codec
from common.postgres import declare_topics, migrate
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
