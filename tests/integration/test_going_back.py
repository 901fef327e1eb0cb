"""A database that is set back, on the real broker: nothing is written, `croissance recover`, nothing is told twice."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import uuid4

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from common.core.codec import Codec
from common.core.commands import Ask, to_message
from common.core.inbox import sequence_of
from common.core.requests import apply_commands
from common.core.told import fact_id
from common.declare.service import Service
from common.http.application import HttpSettings
from common.kafka.tail import reading
from common.postgres.connections import connect_pool
from common.postgres.storage import Storage
from common.postgres.transaction import postgres
from common.process.main import run
from common.process.provision import provision
from common.process.settings import Settings, database_address
from common.testing.apps import app_of
from common.testing.chain import COUNTER, GRANTER, READER, Count
from croissance.proof.database import schemas
from croissance.recovery import forgotten
from embedded.ports import free_port

pytestmark = pytest.mark.stack
KEYS = [f"k{number}" for number in range(24)]
SERVICES = (COUNTER, GRANTER, READER)
COPY = "create table {saved}.{table} as table {schema}.{table}"
PUT_BACK = "insert into {schema}.{table} ({columns}) overriding system value select {columns} from {saved}.{table}"
COLUMNS = """select string_agg(quote_ident(column_name), ', ') from information_schema.columns
    where table_schema = $1 and table_name = $2 and is_generated = 'NEVER'"""


class Running(NamedTuple):
    """A process of a service."""

    url: str

    async def problems(self) -> list[str]:
        """Why it is not ready."""
        async with httpx.AsyncClient(trust_env=False) as client:
            try:
                return (await client.get(f"{self.url}/health/ready")).json()["problems"]
            except httpx.HTTPError as error:
                return [repr(error)]


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 120) -> None:
    """Wait for something the system does by itself; fails when it does not."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  nobody here can signal it
            await asyncio.sleep(0.05)


class World:
    """A counter, a granter and their reader under a namespace of their own, and a copy of what they know."""

    def __init__(self, connection: Any, bootstrap: str) -> None:
        self.connection, self.bootstrap = connection, bootstrap
        self.namespace = f"b{uuid4().hex[:8]}."
        self.codecs = {service.name: Codec(service, self.namespace) for service in SERVICES}
        self.counted = 0

    def settings(self, **more: Any) -> Settings:
        return Settings(namespace=self.namespace, **more)

    @asynccontextmanager
    async def process(self, service: Service) -> AsyncGenerator[Running]:
        """One process of a service, in a task."""
        stop, port = asyncio.Event(), free_port()
        settings = self.settings(instance=f"{service.name}-1", http=HttpSettings(port=port))
        task = asyncio.create_task(run(app_of(service), settings, stop))
        try:
            yield Running(f"http://127.0.0.1:{port}")
        finally:
            stop.set()
            assert await asyncio.wait_for(task, 40) == 0

    async def count(self, times: int) -> None:
        """`times` commands on every key."""
        codec = self.codecs["counter"]
        pool = await connect_pool(database_address(), codec.schema)
        for _ in range(times):
            commands = [to_message(Ask(Count(), key), 0, "", "") for key in KEYS]
            await apply_commands(codec, postgres(codec, Storage(), pool), commands)
        await pool.close()
        self.counted += times

    async def applied(self, reader: str) -> int:
        """Events that a service has applied."""
        return await self.connection.fetchval(f"select sum(applied)::bigint from {self.schema(reader)}.positions")

    async def all_applied(self) -> bool:
        """Whether everybody has everything, also the reminders that fell due meanwhile."""
        counted, granted = await self.heads("counter"), await self.heads("granter")
        return await self.applied("granter") == counted and await self.applied("reader") == counted + granted

    async def heads(self, service: str) -> int:
        return await self.connection.fetchval(f"select sum(sequence)::bigint from {self.schema(service)}.outbox_heads")

    def schema(self, service: str) -> str:
        return f'"{self.codecs[service].schema}"'

    async def tables(self, service: str) -> list[str]:
        query = """select tablename from pg_tables where schemaname = $1
            and tablename !~ '^(outbox_[0-9]+|outbox_segments|migrations)$'"""
        return [row[0] for row in await self.connection.fetch(query, self.codecs[service].schema)]

    async def back_up(self) -> None:
        """Copy every table of every service, at one moment."""
        async with self.connection.transaction(isolation="repeatable_read"):
            for service in self.codecs:
                saved = f'"saved_{self.codecs[service].schema}"'
                await self.connection.execute(f"create schema {saved}")
                for table in await self.tables(service):
                    await self.connection.execute(COPY.format(schema=self.schema(service), saved=saved, table=table))

    async def restore(self) -> None:
        """Put the copies back."""
        async with self.connection.transaction():
            for service in self.codecs:
                schema, saved = self.schema(service), f'"saved_{self.codecs[service].schema}"'
                for table in await self.tables(service):
                    await self.connection.execute(f"truncate {schema}.{table}")
                    columns = await self.connection.fetchval(COLUMNS, self.codecs[service].schema, table)
                    names = {"schema": schema, "saved": saved, "table": table, "columns": columns}
                    await self.connection.execute(PUT_BACK.format(**names))

    async def croissance(self, *arguments: str) -> Any:
        """The JSON that a command answers, whatever its exit code."""
        where = ("--bootstrap", self.bootstrap, "--dsn", database_address(), "--namespace", self.namespace)
        command = (sys.executable, "-m", "croissance", *arguments, *where, "--json")
        process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
        output, errors = await process.communicate()
        assert process.returncode in (0, 1), errors.decode()
        assert output, errors.decode()
        return json.loads(output)

    async def log(self, service: str) -> dict[int, list[tuple[int, str]]]:
        """Number and id of every record on the topic of a service, by partition."""
        topic = self.codecs[service].topic
        places = [TopicPartition(topic, number) for number in range(12)]
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap)
        await consumer.start()
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        found: dict[int, list[tuple[int, str]]] = {number: [] for number in range(12)}
        while sum(map(len, found.values())) < sum(ends.values()):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    found[record.partition].append((sequence_of(record) or 0, fact_id(record)))
        await consumer.stop()
        return found


@pytest.fixture
async def world() -> AsyncIterator[World]:
    connection: Any = await asyncpg.connect(database_address())
    made = World(connection, os.environ["CROISSANCE_KAFKA__BOOTSTRAP_SERVERS"])
    await provision([app_of(service) for service in SERVICES], made.settings())
    await connection.execute(f"insert into {made.schema('granter')}.pools values ('budget', 'all', '100000')")
    yield made
    for codec in made.codecs.values():
        await connection.execute(f'drop schema if exists "{codec.schema}", "saved_{codec.schema}" cascade')
    await connection.close()


@asynccontextmanager
async def all_running(world: World) -> AsyncGenerator[dict[str, Running]]:
    async with world.process(COUNTER) as counter, world.process(GRANTER) as granter, world.process(READER) as reader:
        yield {"counter": counter, "granter": granter, "reader": reader}


async def test_a_database_set_back_gives_no_number_twice(world: World) -> None:
    async with all_running(world):
        await world.count(3)
        await until(world.all_applied)
        await world.back_up()
        await world.count(4)
        await until(world.all_applied)
    told = {service: await world.log(service) for service in ("counter", "granter")}
    await world.restore()
    heads = {service: await world.heads(service) for service in world.codecs}

    async with all_running(world) as running:

        async def complaint(service: str) -> str:
            return next((p for p in await running[service].problems() if p.startswith("database behind Kafka")), "")

        for service in ("counter", "granter"):
            await until(lambda service=service: _true(complaint(service)))
            said = await complaint(service)
            assert world.codecs[service].topic in said
            assert "nothing is written until `croissance recover`" in said
        assert {service: await world.heads(service) for service in world.codecs} == heads

        trial = await world.croissance("recover")
        facts = {name: each["facts"] for name, each in trial["services"].items()}
        numbers = {name: sum(map(len, told[name].values())) for name in told}
        assert {name: len(each) for name, each in facts.items()} == {name: numbers[name] - heads[name] for name in told}
        counted = [fact for fact in facts["counter"] if fact["type"] == "Counted"]
        assert [fact["again"] for fact in counted] == [False] * 96, "commands are lost"
        assert [fact["again"] for fact in facts["granter"]] == [True] * 96
        assert {service: await world.heads(service) for service in world.codecs} == heads, "a trial changes nothing"
        assert await complaint("counter")

        assert (await world.croissance("recover", "--yes"))["applied"]
        await until(world.all_applied)
        for service, process in running.items():
            await until(lambda process=process: _none(process.problems()))
            assert service in world.codecs
        await world.count(2)
        await until(world.all_applied)

        left = await world.croissance("recover")
        assert left["services"] == {}
        assert {fact["status"] for fact in left["waiting"]["counter"]} == {"open"}
        assert {fact["status"] for fact in left["waiting"].get("granter", [])} <= {"otherwise"}

    for service, before in told.items():
        after = await world.log(service)
        for partition, records in after.items():
            assert records[: len(before[partition])] == before[partition], "what was told stays"
            assert [number for number, _ in records] == list(range(1, len(records) + 1)), "and no number comes twice"
            assert len({identity for _, identity in records}) == len(records), "and no fact comes twice"
    audit = await world.croissance("audit")
    assert audit["duplicated"] == audit["gaps"] == audit["lost"] == audit["altered"] == 0, audit


async def test_what_is_published_while_recover_looks_is_not_forgotten(world: World) -> None:
    """Numbers read before the ends of the logs would be behind them on any system that works."""
    async with all_running(world):
        seen = await schemas(world.connection, world.namespace)
        await world.count(2)
        await until(world.all_applied)

        async with reading(world.settings().kafka, "looking") as consumer:
            assert await forgotten(consumer, world.connection, seen) == []


async def _true(value: Awaitable[Any]) -> bool:
    return bool(await value)


async def _none(value: Awaitable[Any]) -> bool:
    return not await value
