"""The usual way: the same chain as the libraries' documentation shows it, by somebody who reads it well.

FastStream with one topic an event and one message a handler, pydantic for what comes in and goes out, SQLAlchemy async
sessions on asyncpg, an inbox table against repeats, `faststream-outbox` as outbox and relay. Same durability as the
product: acks=all, idempotent producer, synchronous_commit, one transaction a message. Same events, states and messages:
what a company leads to is replayed from a sample of the product, so the rules cost it nothing.
"""

import asyncio
import multiprocessing
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faststream_outbox import outbox_autovacuum_ddl
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.schema import CreateSchema

from benchmarks.machine import Cost, metered
from benchmarks.peer_service import READS, Job, events_of, serve, tables, url_of
from benchmarks.sample import Sample
from common.declare.service import PARTITIONS
from croissance.proof.wiring import TOLD
from embedded.progress import Say
from embedded.stack import infrastructure

STOP_AFTER: Final = 60.0
"""Seconds without any message recorded after which the run is given up."""

LOOK_EVERY: Final = 0.25

SERVICES: Final = ("companies", "diagnostic", "matching", "labels", "vouchers", "notifications")


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


async def _prepare(bootstrap: str, dsn: str) -> None:
    """Topics and tables."""
    topics = sorted(
        {topic for found in READS.values() for topic in found} | {t for n in SERVICES for t in events_of(n)}
    )
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(f"peer.{topic}", PARTITIONS, 1) for topic in topics])
    await admin.close()
    engine = create_async_engine(url_of(dsn))
    async with engine.begin() as connection:
        for name in SERVICES:
            await connection.execute(CreateSchema(f"peer_{name}"))
            await connection.run_sync(tables(name)[0].create_all)
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
            workers = {name: context.Process(target=serve, args=(name, job), daemon=True) for name in SERVICES}
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
