"""Commands run in a thread of their own, against toy services on the session's real broker and database."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec
import pytest
from typer.testing import CliRunner, Result

from common.core import clock
from common.core.codec import Codec, partition_of
from common.core.envelope import cause_headers, event_headers, type_headers
from common.core.inbox import StoredRecord
from common.core.unit_of_work import Begin
from common.declare.service import Service
from common.postgres.connections import ConnectionPool, connect_pool
from common.postgres.migrations import declare_topics, migrate
from common.postgres.storage import Storage
from common.postgres.transaction import postgres
from common.process.settings import database_address
from croissance.main import app

RUNNER = CliRunner()
Croissance = Callable[..., Awaitable[Result]]


class Toy(NamedTuple):
    """A toy service on a schema of its own."""

    codec: Codec
    begin: Begin
    pool: ConnectionPool

    def counted(self, sequence: int, *, key: str = "k", value: bytes | None = None) -> StoredRecord:
        """The `sequence`-th record of the first topic that the service reads, as a relay would have written it."""
        data = msgspec.json.encode({"key": key, "n": sequence}) if value is None else value
        headers = (
            ("ce_sequence", b"%d" % sequence),
            *type_headers("counter", "Counted", 1),
            *event_headers(UUID(int=sequence).bytes, key.encode(), "84"),
            *cause_headers(UUID(int=1), clock.now(), UUID(int=1)),
        )
        return StoredRecord(self.codec.topics[0], partition_of(key), sequence - 1, key.encode(), data, headers)


@pytest.fixture
def namespace() -> str:
    """A prefix that no other test has."""
    return f"t{clock.new_id().hex[-12:]}."


@pytest.fixture
async def open_toy(namespace: str) -> AsyncIterator[Callable[[Service], Awaitable[Toy]]]:
    """Opens services on schemas of their own under `namespace`, dropped at the end."""
    opened: list[Toy] = []
    connection: Any = await asyncpg.connect(database_address())

    async def open_service(service: Service) -> Toy:
        codec = Codec(service, namespace)
        await migrate(connection, codec.schema)
        await declare_topics(connection, codec.topics, codec.owned_topics)
        pool = await connect_pool(database_address(), codec.schema)
        opened.append(Toy(codec, postgres(codec, Storage(), pool), pool))
        return opened[-1]

    yield open_service
    for toy in opened:
        await toy.pool.close()
        await connection.execute(f'drop schema if exists "{toy.codec.schema}" cascade')
    await connection.close()


@pytest.fixture
def croissance(namespace: str, tmp_path: Path) -> Croissance:
    """Runs a command on the session's broker and database and checks its exit code."""

    async def run(*arguments: str, code: int = 0) -> Result:
        command = [*arguments, "--data", str(tmp_path / "nothing"), "--namespace", namespace]
        result = await asyncio.to_thread(RUNNER.invoke, app, command)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    assert os.environ.get("CROISSANCE_KAFKA__BOOTSTRAP_SERVERS"), "no broker: run through `make test`"
    return run
