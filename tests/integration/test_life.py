"""The life of a process: it waits for its migrations by name, hears signals from the first moment, and ends in time."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from pydantic import SecretStr

from chaos.proxy import Proxy
from common.core.codec import Codec
from common.http.application import HttpSettings
from common.postgres.connections import DatabaseSettings
from common.postgres.storage import Storage
from common.process.app import App
from common.process.main import STOPS_WITHIN, run
from common.process.provision import provision
from common.process.settings import Settings, database_address
from common.testing.apps import app_of
from common.testing.chain import COUNTER

pytestmark = pytest.mark.stack


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@pytest.fixture
async def namespace() -> AsyncIterator[str]:
    """Of one test; its schema goes with it."""
    made = f"l{uuid4().hex[:8]}."
    yield made
    connection: Any = await asyncpg.connect(database_address())
    await connection.execute(f'drop schema if exists "{Codec(COUNTER, made).schema}" cascade')
    await connection.close()


def settings_of(namespace: str, dsn: str = "") -> Settings:
    return Settings(
        namespace=namespace,
        instance="life",
        http=HttpSettings(port=free_port()),
        database=DatabaseSettings(dsn=SecretStr(dsn or database_address())),
    )


@asynccontextmanager
async def process(app: App, settings: Settings) -> AsyncGenerator[httpx.AsyncClient]:
    """A process in a task, and who asks it; it ends within the time that it says."""
    stop = asyncio.Event()
    task = asyncio.create_task(run(app, settings, stop))
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.http.port}") as client:
            yield client
    finally:
        stop.set()
        assert await asyncio.wait_for(task, STOPS_WITHIN) == 0


async def told(client: httpx.AsyncClient, text: str) -> None:
    """Wait until readiness says `text`; "" is ready."""
    problems: list[str] = ["unasked"]
    try:
        async with asyncio.timeout(60):
            while problems if not text else not any(text in problem for problem in problems):
                try:
                    problems = (await client.get("/health/ready")).json()["problems"]
                except httpx.TransportError as error:
                    problems = [repr(error)]
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"{text or 'ready'}: never told, but {problems}")


def version(folder: Path, **files: str) -> App:
    """The counter with these migrations."""
    folder.mkdir()
    for name, sql in files.items():
        (folder / f"{name}.sql").write_text(sql, "utf-8")
    return replace(app_of(COUNTER), storage=Storage(migrations=folder))


async def test_a_new_version_waits_for_its_migrations_while_the_old_one_works(tmp_path: Path, namespace: str) -> None:
    """As on a cluster where the pods of a new version start before its provisioning has run."""
    first = {"0001_first": "create table kept (n int);"}
    old = version(tmp_path / "old", **first)
    new = version(tmp_path / "new", **first, **{"0002_more": "alter table kept add column more int;"})
    await provision([old], settings_of(namespace))

    async with process(old, settings_of(namespace)) as before, process(new, settings_of(namespace)) as after:
        await told(before, "")
        await told(after, "waits for its migrations: service/0002_more.sql")
        assert (await after.get("/health/live")).status_code == 200
        asked = await after.get("/anything")
        assert (asked.status_code, asked.headers["retry-after"]) == (503, "1")
        await told(before, "")

        assert await provision([new], settings_of(namespace)) == [
            f"{Codec(COUNTER, namespace).schema}: service/0002_more.sql"
        ]

        await told(after, "")
        await told(before, "")
    async with process(old, settings_of(namespace)) as again:  # the way back: what is more there harms nobody
        await told(again, "")


async def test_a_migration_with_another_content_is_waited_for_too(tmp_path: Path, namespace: str) -> None:
    await provision([version(tmp_path / "old", **{"0001_first": "create table kept (n int);"})], settings_of(namespace))
    other = version(tmp_path / "new", **{"0001_first": "create table kept (n bigint);"})

    async with process(other, settings_of(namespace)) as client:
        await told(client, "service/0001_first.sql (applied with another content)")


async def test_a_process_whose_database_is_frozen_ends_in_time(namespace: str) -> None:
    app = app_of(COUNTER)
    await provision([app], settings_of(namespace))
    address = database_address()
    host, _, tail = address.rpartition("@")
    port = int(tail.partition("/")[0].rpartition(":")[2])

    async with Proxy(port) as proxy:
        settings = settings_of(namespace, f"{host}@127.0.0.1:{proxy.port}/{tail.partition('/')[2]}")
        async with process(app, settings) as client:
            await told(client, "")
            silence = proxy.silenced(Codec(COUNTER, namespace).schema)
            silence.__enter__()
            await told(client, "database: does not answer")
        silence.__exit__(None, None, None)


async def test_a_process_that_waits_for_its_database_ends_at_once(namespace: str) -> None:
    settings = settings_of(namespace, f"postgresql://127.0.0.1:{free_port()}/nobody")

    async with process(app_of(COUNTER), settings) as client:
        await told(client, "database: ")


def first_of_a_namespace() -> list[str]:
    """What runs a command as the first process of a namespace of its own; nothing where the machine forbids it."""
    command = ["unshare", "--pid", "--fork", "--kill-child"]
    try:
        allowed = subprocess.run([*command, "true"], check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        allowed = False
    if not allowed:
        sys.stderr.write("no PID namespaces for this user: tried as an ordinary process\n")
    return command if allowed else []


def child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_first_process_of_a_container_hears_signals_while_it_waits(number: signal.Signals) -> None:
    """It has no default actions: what nobody handles is lost, and its supervisor waits in vain."""
    prefix = first_of_a_namespace()
    environment = os.environ | {"CROISSANCE_DATABASE__DSN": f"postgresql://127.0.0.1:{free_port()}/nobody"}
    started = await asyncio.create_subprocess_exec(
        *prefix, sys.executable, "-m", "labels", env=environment, stdout=asyncio.subprocess.PIPE
    )
    assert started.stdout is not None
    try:
        async with asyncio.timeout(60):
            while b"waiting for the database" not in await started.stdout.readline():
                pass
        pid = started.pid
        if prefix:
            pid = child_of(pid)
        os.kill(pid, number)
        assert await asyncio.wait_for(started.wait(), STOPS_WITHIN) == 0
    finally:
        if started.returncode is None:
            started.kill()


async def test_a_signal_before_anything_is_loaded_ends_it_too() -> None:
    """The handlers are the first thing a process makes: the imports of a service take a second."""
    listing = (
        "import signal, sys; from common.process import start; start.import_module = lambda _: signal.raise_signal({})"
    )
    code = f"{listing.format('signal.SIGTERM')}; start.start('labels.app')"
    done = await asyncio.create_subprocess_exec(*first_of_a_namespace(), sys.executable, "-c", code)

    assert await asyncio.wait_for(done.wait(), STOPS_WITHIN) == 0
