"""A service of the peer, in its process, as the libraries' documentation writes it."""

import asyncio
import logging
import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

import msgspec
import uvloop
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaMessage, KafkaResponse
from faststream_outbox import ExponentialRetry, OutboxBroker, make_outbox_table
from faststream_outbox.annotations import OutboxMessage
from pydantic import BaseModel, ConfigDict
from sqlalchemy import LargeBinary, MetaData, func
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from benchmarks.sample import Sample
from common.declare.contract import contract
from common.process.app import installed_services
from croissance.proof.wiring import TOLD

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


def events_of(name: str) -> list[str]:
    """The topics that a service publishes to."""
    return [f"{name}.{kind.__name__}" for kind in installed_services()[name].publishes]


@cache
def model_of(topic: str) -> Any:
    """What pydantic reads from a topic."""
    service, _, name = topic.partition(".")
    if service == "requests":
        return Request
    return next(contract(kind) for kind in installed_services()[service].publishes if kind.__name__ == name)


def tables(name: str) -> tuple[Any, Any, Any, Any, Any]:
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
    _, inbox, state, told, outbox_table = tables(name)
    engine = create_async_engine(url_of(job.dsn), pool_size=12, max_overflow=20)
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


def url_of(dsn: str) -> str:
    """The address of the database, as SQLAlchemy writes it."""
    return dsn.replace("postgresql://", "postgresql+asyncpg://", 1)


def serve(name: str, job: Job) -> None:
    """The whole life of the process."""
    uvloop.run(_build(name, job).run())
