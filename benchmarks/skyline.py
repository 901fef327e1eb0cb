"""The limit: the same chain written by hand on aiokafka and asyncpg, as fast as its guarantees allow.

Same topics, events, states, messages and durability as the product: acks=all, idempotent producer, synchronous_commit,
one transaction a batch (positions, states, outbox), gapless numbers under a lock, outbox of sealed batches, receivers
that drop what they have. Nothing else: no rules (what a company leads to is replayed from a sample of the product), no
validation, no HTTP, no tracing, no framework, one process a service. What is left is the cost of the guarantees.

The requests of companies wait in topics before the clock starts.
"""

import asyncio
import multiprocessing
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.machine import Cost, metered
from benchmarks.sample import Sample
from benchmarks.skyline_service import (
    REQUESTS,
    Board,
    Job,
    requests_of,
    serve,
    topic_of,
)
from common.core.codec import partition_of
from common.core.record_batch import Entry, SealedBatch, packed
from common.declare.service import PARTITIONS
from croissance.proof.wiring import CONSUMES, TOLD
from embedded.progress import Say
from embedded.stack import infrastructure

PRELOADED: Final = 2000
"""Requests in one preloaded batch."""

STOP_AFTER: Final = 20.0
"""Seconds without any work after which a service gives up."""


TABLES: Final = """create schema {s};
    create table {s}.positions (topic text, partition int, sequence bigint not null, next_offset bigint not null,
        primary key (topic, partition)) with (fillfactor = 10);
    create table {s}.heads (partition int primary key, sequence bigint not null) with (fillfactor = 10);
    create table {s}.published (partition int primary key, sequence bigint not null) with (fillfactor = 10);
    create table {s}.states (key text primary key, version bigint not null, doc text not null)
        with (fillfactor = 85, toast_tuple_target = 8160);
    create table {s}.messages (siren text, cause uuid, fact bytea, primary key (siren, cause))
        with (toast_tuple_target = 8160);
    create table {s}.outbox (partition int, first bigint, last bigint, data bytea, primary key (partition, last));
    alter table {s}.outbox alter column data set storage external;
    alter table {s}.states alter column doc set storage external;
    alter table {s}.messages alter column fact set storage external"""


@dataclass(slots=True)
class Outcome:
    """What a run came to: seconds from the first batch to the last message recorded."""

    companies: int
    seconds: float
    events: int
    messages: int
    cost: Cost

    @property
    def rate(self) -> float:
        """Companies a second."""
        return self.companies / self.seconds


async def _prepare(bootstrap: str, dsn: str, sample: Sample, companies: int) -> dict[bytes, int]:
    """Tables, topics, and the requests of all companies; returns which sampled company each SIREN repeats."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    names = [topic_of(name) for name in CONSUMES] + [requests_of(name) for name in REQUESTS]
    await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
    await admin.close()
    await asyncio.sleep(2)  # leaders of new partitions
    database: Any = await asyncpg.connect(dsn)
    for name, producers in CONSUMES.items():
        schema = f"skyline_{name}"
        await database.execute(TABLES.format(s=schema))
        inputs = [topic_of(producer) for producer in producers] + ([requests_of(name)] if name in REQUESTS else [])
        await database.executemany(
            f"insert into {schema}.positions values ($1, $2, 0, 0)",
            [(topic, number) for topic in inputs for number in range(PARTITIONS)],
        )
        for table in ("heads", "published"):
            await database.executemany(
                f"insert into {schema}.{table} values ($1, 0)", [(number,) for number in range(PARTITIONS)]
            )
    await database.close()
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_batch_size=900_000
    )
    await producer.start()
    known: dict[bytes, int] = {}
    runs: dict[tuple[str, int], list[Entry]] = defaultdict(list)
    numbers: dict[tuple[str, int], int] = defaultdict(int)
    for rank, (siren, company) in enumerate(sample.draw(companies)):
        known[siren] = rank % len(sample.companies)
        for door, body in company.requests.items():
            place = (requests_of(door), partition_of(siren.decode()))
            numbers[place] += 1
            headers = [("ce_sequence", b"%d" % numbers[place])]
            runs[place].append(Entry(siren, body.replace(company.siren, siren), headers))
            if len(runs[place]) == PRELOADED // 4:
                await _load(producer, place, runs.pop(place))
    for place, run in runs.items():
        await _load(producer, place, run)
    await producer.stop()
    return known


async def _load(producer: AIOKafkaProducer, place: tuple[str, int], run: list[Entry]) -> None:
    topic, number = place
    for size, data in packed(run):
        sealed = SealedBatch(data, size, int(time.time() * 1000))
        await (await producer.send_batch(sealed, topic, partition=number))


async def run(companies: int, sample: Sample, *, say: Say) -> Outcome:
    """Measure the skyline on a broker and a database of its own.

    Raises:
        RuntimeError: the run ended with other numbers of events or messages than the sample says.
    """
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="croissance-skyline-", ignore_cleanup_errors=True) as folder:
        async with infrastructure(Path(folder), say) as stack:
            say(f"preloading the requests of {companies:,} companies")
            known = await _prepare(stack.bootstrap_servers, stack.dsn, sample, companies)
            events, messages = _expected(sample, companies)
            board = Board(context)
            job = Job(stack.bootstrap_servers, stack.dsn, sample, known, board)
            workers = {name: context.Process(target=serve, args=(name, job), daemon=True) for name in CONSUMES}
            for worker in workers.values():
                worker.start()
            for _ in workers:
                await asyncio.to_thread(board.ready.acquire)
            children = stack.supervisor.children
            roles = {name: [worker.pid or 0] for name, worker in workers.items()}
            roles |= {name: [children[name].pid or 0] for name in ("kafka", "postgres")}
            began = time.monotonic()
            async with metered(lambda: roles, lambda: board.total(1) / messages) as cost:
                board.go.set()
                await _until_done(board, events, messages, say)
                seconds = time.monotonic() - began
            board.stop.set()
            for worker in workers.values():
                await asyncio.to_thread(worker.join, 20)
    if (board.total(0), board.total(1)) != (events, messages):
        raise RuntimeError(f"{board.total(0)} events and {board.total(1)} messages, expected {events} and {messages}")
    return Outcome(companies, seconds, events, messages, cost)


def _expected(sample: Sample, companies: int) -> tuple[int, int]:
    """Events and messages of a whole run."""
    events = messages = 0
    for _, company in sample.draw(companies):
        for service, found in company.events.items():
            if service in CONSUMES and service != "notifications":
                events += len(found)
                messages += sum(f"{service}.{name}" in TOLD for name, _ in found)
    return events, messages


async def _until_done(board: Board, events: int, messages: int, say: Say) -> None:
    """Wait for the last message; tell how far it is."""
    last, moved_at, told_at = 0, time.monotonic(), time.monotonic()
    while board.total(0) < events or board.total(1) < messages:
        await asyncio.sleep(0.02)
        now = time.monotonic()
        done = board.total(0) + board.total(1)
        if done != last:
            last, moved_at = done, now
        elif now - moved_at > STOP_AFTER:
            return
        if now - told_at > 5:
            say(f"skyline: {board.total(1):,} of {messages:,} messages")
            told_at = now
