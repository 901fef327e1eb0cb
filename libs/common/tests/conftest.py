"""Where the core's own tests find a service: in memory, and on the real database."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from common.codec import Codec
from common.postgres import connect_pool, declare_topics, migrate, postgres
from common.service import Service
from common.testing.memory import MemoryDatabase, memory
from common.unit_of_work import Begin

Opened = tuple[Codec[Any, Any], Begin[Any, Any]]
Open = Callable[[Service[Any, Any]], Awaitable[Opened]]


@pytest.fixture
def dsn() -> str:
    """The real database; without it these tests fail, they do not skip."""
    found = os.environ.get("CROISSANCE_DATABASE__DSN", "")
    assert found, "no database: run through `make test` or set CROISSANCE_DATABASE__DSN"
    return found


@pytest.fixture
def bootstrap() -> str:
    """The real broker; without it these tests fail, they do not skip."""
    found = os.environ.get("CROISSANCE_KAFKA__BOOTSTRAP_SERVERS", "")
    assert found, "no broker: run through `make test` or set CROISSANCE_KAFKA__BOOTSTRAP_SERVERS"
    return found


@pytest.fixture
async def open_postgres(dsn: str) -> AsyncIterator[Open]:
    """Opens a service on a schema of its own, dropped at the end."""
    namespace = f"t{uuid4().hex[:8]}."
    pools: list[Any] = []
    schemas: list[str] = []

    async def open_service(service: Service[Any, Any]) -> Opened:
        codec: Codec[Any, Any] = Codec(service, namespace)
        connection: Any = await asyncpg.connect(dsn)
        await migrate(connection, codec.schema, service.migrations)
        await declare_topics(connection, codec.topics, codec.owned_topics)
        await connection.close()
        pool = await connect_pool(dsn, codec.schema)
        pools.append(pool)
        schemas.append(codec.schema)
        return codec, postgres(codec, pool)

    yield open_service
    for pool in pools:
        await pool.close()
    connection: Any = await asyncpg.connect(dsn)
    for schema in schemas:
        await connection.execute(f'drop schema if exists "{schema}" cascade')
    await connection.close()


@pytest.fixture(params=["memory", "postgres"])
def open_service(request: pytest.FixtureRequest) -> Open:
    """Both implementations of the unit of work: each test of the suite must pass on either."""
    if request.param == "postgres":
        return request.getfixturevalue("open_postgres")

    async def open_memory(service: Service[Any, Any]) -> Opened:
        codec: Codec[Any, Any] = Codec(service)
        return codec, memory(codec, MemoryDatabase())

    return open_memory
