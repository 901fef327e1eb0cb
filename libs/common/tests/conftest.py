"""Where the core's own tests find a service: in memory, and on the real database."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from common.core.codec import Codec
from common.core.unit_of_work import Begin
from common.declare.service import Service
from common.postgres.connections import connect_pool
from common.postgres.migrations import declare_topics, migrate

from .places import MemoryPlace, OpenPlace, PostgresPlace

WRITERS = ("cci-lyon", "banque")
Opened = tuple[Codec, Begin]
OpenPostgres = Callable[[Service], Awaitable[PostgresPlace]]
Open = Callable[[Service], Awaitable[Opened]]


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
async def open_postgres(dsn: str) -> AsyncIterator[OpenPostgres]:
    """Opens a service on a schema of its own, dropped at the end."""
    namespace = f"t{uuid4().hex[:8]}."
    pools: list[Any] = []
    schemas: list[str] = []

    async def open_place(service: Service) -> PostgresPlace:
        codec = Codec(service, namespace, writers=WRITERS)
        connection: Any = await asyncpg.connect(dsn)
        await migrate(connection, codec.schema)
        await declare_topics(connection, codec.topics, codec.owned_topics)
        await connection.close()
        pool = await connect_pool(dsn, codec.schema)
        pools.append(pool)
        schemas.append(codec.schema)
        return PostgresPlace(codec, pool)

    yield open_place
    for pool in pools:
        await pool.close()
    connection: Any = await asyncpg.connect(dsn)
    for schema in schemas:
        await connection.execute(f'drop schema if exists "{schema}" cascade')
    await connection.close()


@pytest.fixture(params=["memory", "postgres"])
def open_place(request: pytest.FixtureRequest) -> OpenPlace:
    """Both implementations of the unit of work: each test of the suite must pass on either."""
    if request.param == "postgres":
        return request.getfixturevalue("open_postgres")

    async def open_memory(service: Service) -> MemoryPlace:
        return MemoryPlace(Codec(service, writers=WRITERS))

    return open_memory


@pytest.fixture
def open_service(open_place: OpenPlace) -> Open:
    """A place of which only the codec and the transactions are needed."""

    async def opened(service: Service) -> Opened:
        place = await open_place(service)
        return place.codec, place.begin

    return opened
