"""The usual way: the same chain as the libraries' documentation shows it, by somebody who reads it well.

FastStream with one topic an event and one message a handler, pydantic for what comes in and goes out, SQLAlchemy async
sessions on asyncpg, an inbox table against repeats, `faststream-outbox` as outbox and relay. Same durability as the
product: acks=all, idempotent producer, synchronous_commit, one transaction a message. Same events, states and messages:
what a company leads to is replayed from a sample of the product, so the rules cost it nothing.
"""

import asyncio
import logging
import multiprocessing
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec
import uvloop
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaMessage, KafkaResponse
from faststream_outbox import ExponentialRetry, OutboxBroker, make_outbox_table, outbox_autovacuum_ddl
from faststream_outbox.annotations import OutboxMessage
from pydantic import BaseModel, ConfigDict
from sqlalchemy import LargeBinary, MetaData, func, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.schema import CreateSchema

from benchmarks.machine import Cost, metered
from benchmarks.sample import Sample
from common.contract import contract
from common.service import PARTITIONS
from croissance.proof.wiring import TOLD
from embedded.progress import Say
from embedded.stack import infrastructure

STOP_AFTER: Final = 60.0
"""Seconds without any message recorded after which the run is given up."""

LOOK_EVERY: Final = 0.25

SERVICES: Final = ("companies", "diagnostic", "matching", "labels", "vouchers", "notifications")
READS: Final[dict[str, tuple[str, ...]]] = {
    "companies": ("requests.companies",),
    "diagnostic": ("requests.diagnostic", "companies.CompanyRegistered"),
    "matching": ("diagnostic.DiagnosticCompleted",),
    "labels": ("requests.labels", "diagnostic.DiagnosticCompleted"),
    "vouchers": ("requests.vouchers", "diagnostic.DiagnosticCompleted", "labels.LabelGranted"),
    "notifications": tuple(sorted(TOLD)),
}
"""Service → topics that it reads: one an event, as the documentation has it."""

STARTS: Final = {"matching": "diagnostic.DiagnosticCompleted"} | {
    name: f"requests.{name}" for name in ("companies", "diagnostic", "labels", "vouchers")
}
"""Service → topic whose messages lead to its events."""


class Request(BaseModel):
    """A request of a company: its fields are those of the product's doors."""

    model_config = ConfigDict(extra="allow")

    siren: str = ""


@dataclass(slots=True)
class Outcome:
    """What a run came to: seconds from the start of the services' work to the last message recorded."""

    companies: int
    seconds: float
    messages: int
    cost: Cost

    @property
    def rate(self) -> float:
        """Companies a second."""
        return self.companies / self.seconds


def events_of(name: str) -> list[str]:
    """The topics that a service publishes to."""
    (service,) = [point.load() for point in entry_points(group="croissance.services") if point.name == name]
    return [f"{name}.{kind.__name__}" for kind in service.publishes]


@cache
def model_of(topic: str) -> Any:
    """What pydantic reads from a topic."""
    service, _, name = topic.partition(".")
    if service == "requests":
        return Request
    (declared,) = [point.load() for point in entry_points(group="croissance.services") if point.name == service]
    return next(contract(kind) for kind in declared.publishes if kind.__name__ == name)


def _tables(name: str) -> tuple[Any, Any, Any, Any, Any]:
    """Metadata, inbox, states, messages and outbox of a service."""

    class Base(DeclarativeBase):
        metadata = MetaData(schema=f"peer_{name}")

    class Inbox(Base):
        __tablename__ = "inbox"
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
        received_at: Mapped[datetime] = mapped_column(server_default=func.now())

    class State(Base):
        __tablename__ = "states"
        key: Mapped[str] = mapped_column(primary_key=True)
        version: Mapped[int]
        doc: Mapped[dict[str, Any]] = mapped_column(JSONB)

    class Told(Base):
        __tablename__ = "messages"
        siren: Mapped[str] = mapped_column(primary_key=True)
        cause: Mapped[uuid.UUID] = mapped_column(primary_key=True)
        fact: Mapped[bytes] = mapped_column(LargeBinary)

    return Base.metadata, Inbox, State, Told, make_outbox_table(Base.metadata, table_name="outbox")


@dataclass(frozen=True, slots=True)
class Job:
    """What every process is given; `known`: SIREN → place of the sampled company that it repeats; `stop`: an event."""

    bootstrap: str
    dsn: str
    sample: Sample
    known: dict[str, int]
    stop: Any


def _build(name: str, job: Job) -> FastStream:  # noqa: C901  one service in one function, as the documentation writes it
    """One service: handlers, outbox, relay."""
    sample, known = job.sample, job.known
    log = logging.getLogger(name)
    log.setLevel(logging.WARNING)  # FastStream logs two lines a message by default
    _, inbox, state, told, outbox_table = _tables(name)
    engine = create_async_engine(_url(job.dsn), pool_size=12, max_overflow=20)
    new_session = async_sessionmaker(engine, expire_on_commit=False)
    kafka = KafkaBroker(job.bootstrap, acks="all", enable_idempotence=True, logger=log)
    outbox = OutboxBroker(engine, outbox_table=outbox_table, logger=log)
    app = FastStream(kafka, outbox, logger=log)

    into_inbox = insert(inbox).on_conflict_do_nothing().returning(inbox.id)
    upsert = insert(state)
    upsert = upsert.on_conflict_do_update(
        index_elements=[state.key], set_={"version": state.version + 1, "doc": upsert.excluded.doc}
    )

    async def handle(session: AsyncSession, topic: str, key: str, event_id: str) -> None:
        """All that a message leads to, in one transaction."""
        if await session.scalar(into_inbox, {"id": uuid.UUID(event_id)}) is None:
            return
        company = sample.companies[known[key]]
        mine = key.encode()
        if name == "notifications":
            session.add(told(siren=key, cause=uuid.UUID(event_id), fact=company.facts[0]))
            return
        if name in company.states:
            doc = msgspec.json.decode(company.states[name].replace(company.siren, mine))
            await session.execute(upsert, {"key": key, "version": 1, "doc": doc})
        if topic == STARTS[name]:
            for event, data in company.events[name]:
                kind = model_of(f"{name}.{event}")
                body = kind.dump_python(kind.validate_json(data.replace(company.siren, mine)), mode="json")
                headers = {"ce_id": str(uuid.uuid4()), "ce_type": event, "ce_subject": key}  # noqa: TID251
                await outbox.publish(body, queue=f"{name}.{event}", session=session, headers=headers)

    def subscribe(topic: str) -> None:
        reader = model_of(topic)

        @kafka.subscriber(
            f"peer.{topic}",
            group_id=f"peer.{name}.{topic}",
            ack_policy=AckPolicy.NACK_ON_ERROR,
            auto_offset_reset="earliest",
        )
        async def on_event(body: dict[str, Any], message: KafkaMessage) -> None:  # pyright: ignore[reportUnusedFunction]
            _ = reader.model_validate(body) if reader is Request else reader.validate_python(body)
            async with new_session() as session, session.begin():
                await handle(session, topic, message.headers["ce_subject"], message.headers["ce_id"])

    def relay(topic: str) -> None:
        @kafka.publisher(f"peer.{topic}")
        @outbox.subscriber(
            topic,
            fetch_batch_size=500,
            min_fetch_interval=0.05,
            max_fetch_interval=1.0,
            retry_strategy=ExponentialRetry(initial_delay_seconds=0.1, max_delay_seconds=5.0),
        )
        async def send(body: dict[str, Any], message: OutboxMessage) -> KafkaResponse:  # pyright: ignore[reportUnusedFunction]
            return KafkaResponse(body, key=message.headers["ce_subject"].encode(), headers=message.headers)

    for topic in READS[name]:
        subscribe(topic)
    for topic in events_of(name) if name != "notifications" else ():
        relay(topic)

    watching: list[asyncio.Task[None]] = []

    @app.after_startup
    async def watch() -> None:  # pyright: ignore[reportUnusedFunction]
        async def until_told() -> None:
            while not job.stop.is_set():  # noqa: ASYNC110  another process sets it
                await asyncio.sleep(0.2)
            app.exit()

        watching.append(asyncio.create_task(until_told()))

    @app.after_shutdown
    async def dispose() -> None:  # pyright: ignore[reportUnusedFunction]
        await engine.dispose()

    return app


def _url(dsn: str) -> str:
    return dsn.replace("postgresql://", "postgresql+asyncpg://", 1)


@dataclass(slots=True)
class Told:
    """Messages recorded so far, as the database has them: what a handler counts, a rebalance can cut off."""

    dsn: str
    count: int = 0

    async def until(self, expected: int, say: Say) -> None:
        """Look until all are there, or until nothing moves any more."""
        connection: Any = await asyncpg.connect(self.dsn)
        try:
            moved_at = said_at = time.monotonic()
            while self.count < expected and time.monotonic() - moved_at < STOP_AFTER:
                await asyncio.sleep(LOOK_EVERY)
                found: int = await connection.fetchval("select count(*) from peer_notifications.messages")
                if found != self.count:
                    self.count, moved_at = found, time.monotonic()
                if time.monotonic() - said_at > 5:
                    say(f"peer: {self.count:,} of {expected:,} messages")
                    said_at = time.monotonic()
        finally:
            await connection.close()


def _main(name: str, job: Job) -> None:
    uvloop.run(_build(name, job).run())


async def _prepare(bootstrap: str, dsn: str) -> None:
    """Topics and tables."""
    topics = sorted(
        {topic for found in READS.values() for topic in found} | {t for n in SERVICES for t in events_of(n)}
    )
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(f"peer.{topic}", PARTITIONS, 1) for topic in topics])
    await admin.close()
    engine = create_async_engine(_url(dsn))
    async with engine.begin() as connection:
        for name in SERVICES:
            await connection.execute(CreateSchema(f"peer_{name}"))
            await connection.run_sync(_tables(name)[0].create_all)
            await connection.execute(text(outbox_autovacuum_ddl("outbox", schema=f"peer_{name}")))
    await engine.dispose()


async def _ask(bootstrap: str, sample: Sample, companies: int, doors: Sequence[str]) -> None:
    """Send the requests of all companies, as a front end would."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=5)
    await producer.start()
    try:
        for siren, company in sample.draw(companies):
            for door in doors:
                if door in company.requests:
                    body = company.requests[door].replace(company.siren, siren)
                    headers = [
                        ("content-type", b"application/json"),
                        ("ce_id", str(uuid.uuid4()).encode()),  # noqa: TID251
                        ("ce_subject", siren),
                    ]
                    await producer.send(f"peer.requests.{door}", key=siren, value=body, headers=headers)
        await producer.flush()
    finally:
        await producer.stop()


async def run(companies: int, sample: Sample, *, say: Say) -> Outcome:
    """Measure the peer on a broker and a database of its own.

    Raises:
        RuntimeError: messages are missing at the end.
    """
    context = multiprocessing.get_context("spawn")
    known = {siren.decode(): rank % len(sample.companies) for rank, (siren, _) in enumerate(sample.draw(companies))}
    expected = sum(
        f"{service}.{name}" in TOLD
        for _, company in sample.draw(companies)
        for service, found in company.events.items()
        for name, _ in found
    )
    with tempfile.TemporaryDirectory(prefix="croissance-peer-", ignore_cleanup_errors=True) as folder:
        async with infrastructure(Path(folder), say) as stack:
            await _prepare(stack.bootstrap_servers, stack.dsn)
            told, stop = Told(stack.dsn), context.Event()
            job = Job(stack.bootstrap_servers, stack.dsn, sample, known, stop)
            workers = {name: context.Process(target=_main, args=(name, job), daemon=True) for name in SERVICES}
            for worker in workers.values():
                worker.start()
            await asyncio.sleep(15)  # consumer groups settle
            children = stack.supervisor.children
            roles = {name: [worker.pid or 0] for name, worker in workers.items()}
            roles |= {name: [children[name].pid or 0] for name in ("kafka", "postgres")}
            began = time.monotonic()
            async with metered(lambda: roles, lambda: told.count / expected) as cost:
                await _ask(
                    stack.bootstrap_servers, sample, companies, ("companies", "diagnostic", "labels", "vouchers")
                )
                await told.until(expected, say)
                seconds = time.monotonic() - began
            stop.set()
            for worker in workers.values():
                await asyncio.to_thread(worker.join, 20)
                worker.kill()
    if told.count != expected:
        raise RuntimeError(f"{told.count} messages recorded, expected {expected}")
    return Outcome(companies, seconds, expected, cost)
