"""The chain as an assembly line: all services in this process, one after the other, nothing moves by itself."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import asyncpg
import httpx
from aiokafka.admin import AIOKafkaAdminClient
from pydantic import SecretStr

from benchmarks.wire import Log, Traffic, counted_database, opened_log
from common.core import clock
from common.core.deadlines import apply_due
from common.core.records import apply_records
from common.core.relay import Publisher
from common.kafka.client import client_options
from common.kafka.publishing import publisher_opener
from common.postgres.connections import DatabaseSettings
from common.process.app import installed_apps
from common.process.context import Context
from common.process.main import doors_of
from common.process.opening import opened
from common.process.provision import provision
from common.process.settings import Settings

RECORDS: Final = 500
"""Records of a transaction."""


_DUE: Final = 'select exists (select from "{schema}".deadlines where due <= $1)'


@dataclass(slots=True)
class Part:
    """One service, driven by hand.

    Attributes:
        context: as its process would have it.
        doors: a client of its HTTP API, in this process.
        traffic: what went to the database.
        kafka_bytes: record batches in its topic.
        kafka_batches: how many.
        events: event name → how many.
    """

    context: Context
    doors: httpx.AsyncClient
    traffic: Traffic
    kafka_bytes: int = 0
    kafka_batches: int = 0
    events: dict[str, int] = field(default_factory=dict[str, int])

    async def post(self, path: str, body: bytes, key: str) -> None:
        """Send a batch; every item must be taken.

        Raises:
            ValueError: one was refused: another thing would be measured.
        """
        headers = {"content-type": "application/json", "idempotency-key": key}
        answer = await self.doors.post(path, content=body, headers=headers)
        result: dict[str, Any] = answer.json()
        if answer.status_code >= 300 or result["rejected"]:
            raise ValueError(f"{path}: {answer.status_code} {str(result)[:300]}")


@dataclass(slots=True)
class Line:
    """The chain as an assembly line: nothing moves by itself; `watcher` looks into the tables without being counted."""

    parts: Mapping[str, Part]
    publisher: Publisher
    log: Log
    watcher: Any

    def readers(self, service: str) -> list[str]:
        """The services that read its topic, in alphabetical order: that in which they are driven."""
        return [name for name, part in self.parts.items() if service in part.context.service.consumes]

    async def send(self, service: str, path: str, body: bytes, key: str) -> None:
        """Post a request to a service, and carry what follows from it to the end of the chain."""
        if body:
            await self.parts[service].post(path, body, key)
            await self.carry(service)

    async def carry(self, service: str) -> None:
        """Decide what follows up, publish what a service decided, apply it everywhere, and carry on from there."""
        part = self.parts[service]
        while await self.watcher.fetchval(_DUE.format(schema=part.context.codec.schema), clock.now()):
            await apply_due(part.context.codec, part.context.begin, clock.now())
        relay = part.context.relay
        await relay.claim()
        while await relay.step(self.publisher):
            pass
        fetch = await self.log.read(part.context.codec.topic)
        part.kafka_bytes += fetch.size
        part.kafka_batches += fetch.batches
        for record in fetch.records:
            name = dict(record.headers)["ce_type"].rpartition(b".")[2].decode()  # pyright: ignore[reportOptionalMemberAccess]  never None
            part.events[name] = part.events.get(name, 0) + 1
        if fetch.records:
            for consumer in self.readers(service):
                context = self.parts[consumer].context
                for start in range(0, len(fetch.records), RECORDS):
                    batch = fetch.records[start : start + RECORDS]
                    report = await apply_records(context.codec, context.begin, batch, clock.now())
                    if report.fresh != len(batch) or report.dead:
                        raise ValueError(f"{consumer} did not apply everything of {service}: {report}")
                await self.carry(consumer)


@asynccontextmanager
async def assembled(settings: Settings) -> AsyncGenerator[Line]:
    """Every service on schemas and topics of its own, removed afterwards."""
    apps = installed_apps()
    await provision(list(apps.values()), settings)
    dsn = settings.database.dsn.get_secret_value()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(_remove, settings, list(apps))
        parts: dict[str, Part] = {}
        for name, app in apps.items():
            traffic = Traffic()
            counted = SecretStr(await stack.enter_async_context(counted_database(dsn, traffic)))
            own = settings.model_copy(update={"database": DatabaseSettings(dsn=counted)})
            context = await stack.enter_async_context(opened(app, own))
            transport = httpx.ASGITransport(doors_of(app, context))
            client = await stack.enter_async_context(
                httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")
            )
            parts[name] = Part(context, client, traffic)
        topics = [part.context.codec.topic for part in parts.values()]
        log = await stack.enter_async_context(opened_log(settings.kafka.bootstrap_servers, topics))
        publisher = await stack.enter_async_context(publisher_opener(settings.kafka, "croissance-counters")())
        watcher: Any = await asyncpg.connect(dsn)
        stack.push_async_callback(watcher.close)
        yield Line(parts, publisher, log, watcher)


async def _remove(settings: Settings, services: Iterable[str]) -> None:
    """Drop the schemas and the topics of a run."""
    prefix = settings.namespace.replace(".", "_")
    connection: Any = await asyncpg.connect(settings.database.dsn.get_secret_value())
    try:
        for service in services:
            await connection.execute(f'drop schema if exists "{prefix}{service}" cascade')
    finally:
        await connection.close()
    admin = AIOKafkaAdminClient(**client_options(settings.kafka))
    await admin.start()
    try:
        await admin.delete_topics(
            [topic for topic in await admin.list_topics() if topic.startswith(settings.namespace)]
        )
    finally:
        await admin.close()
