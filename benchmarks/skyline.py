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
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from benchmarks.machine import Cost, metered
from benchmarks.sample import Company, Sample
from common.codec import partition_of
from common.envelope import type_headers
from common.record_batch import Entry, SealedBatch, seal
from common.service import PARTITIONS
from croissance.proof.wiring import CONSUMES, TOLD
from embedded.progress import Say
from embedded.stack import infrastructure

PRELOADED: Final = 2000
"""Requests in one preloaded batch."""

BATCH: Final = 4000
STOP_AFTER: Final = 20.0
"""Seconds without any work after which a service gives up."""

REQUESTS: Final = ("companies", "diagnostic", "labels", "vouchers")
"""Services that companies send requests to."""

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
LOCK: Final = """select topic, partition, sequence from {s}.positions
    where (topic, partition) in (select * from unnest($1::text[], $2::int[])) order by 1, 2 for update"""
MOVE: Final = """update {s}.positions p set sequence = u.sequence, next_offset = u.next_offset
    from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[]) u (topic, partition, sequence, next_offset)
    where p.topic = u.topic and p.partition = u.partition"""
LOAD: Final = "select key, doc from {s}.states where key = any($1::text[])"
SAVE: Final = """insert into {s}.states as s select * from unnest($1::text[], $2::bigint[], $3::text[])
    on conflict (key) do update set version = s.version + 1, doc = excluded.doc"""
TELL: Final = """insert into {s}.messages select * from unnest($1::text[], $2::uuid[], $3::bytea[])
    on conflict do nothing"""
HEADS: Final = "select partition, sequence from {s}.heads where partition = any($1::int[]) order by 1 for update"
MOVE_HEADS: Final = """update {s}.heads h set sequence = u.sequence
    from unnest($1::int[], $2::bigint[]) u (partition, sequence) where h.partition = u.partition"""
UNSENT: Final = """select o.partition, o.first, o.last, o.data from {s}.published p join lateral (
    select * from {s}.outbox o where o.partition = p.partition and o.last > p.sequence
    order by o.last limit 8) o on true
    order by o.partition, o.last"""
SENT: Final = """update {s}.published p set sequence = greatest(p.sequence, u.sequence)
    from unnest($1::int[], $2::bigint[]) u (partition, sequence) where p.partition = u.partition"""

_decode = msgspec.json.Decoder().decode


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


def _requests_of(service: str) -> str:
    return f"skyline.{service}.requests"


def _topic(service: str) -> str:
    return f"skyline.{service}"


class Service:
    """One service in its process."""

    def __init__(self, name: str, sample: Sample, known: dict[bytes, int]) -> None:
        self.name = name
        self.sample = sample
        self.known = known
        self.topics = [_topic(producer) for producer in CONSUMES[name]]
        self.topics += [_requests_of(name)] if name in REQUESTS else []
        self.facts = [_facts_of(company) for company in sample.companies] if name == "notifications" else []

    def sql(self, statement: str) -> str:
        """A statement on this service's tables."""
        return statement.format(s=f"skyline_{self.name}")

    def company(self, key: bytes) -> Company:
        """The sampled company that a SIREN repeats."""
        return self.sample.companies[self.known[key]]


def _facts_of(company: Company) -> dict[str, bytes]:
    """Event → what its message tells, of a company."""
    told = [name for service in CONSUMES for name, _ in company.events[service] if f"{service}.{name}" in TOLD]
    return dict(zip(told, company.facts, strict=False))


@dataclass(frozen=True, slots=True)
class Job:
    """What every process is given; `known`: SIREN → place of the sampled company that it repeats."""

    bootstrap: str
    dsn: str
    sample: Sample
    known: dict[bytes, int]
    board: "Board"


async def _work(name: str, job: Job) -> None:
    """Consume, decide, relay, until told to stop."""
    service, board, bootstrap = Service(name, job.sample, job.known), job.board, job.bootstrap
    database, relaying = await asyncpg.connect(job.dsn), await asyncpg.connect(job.dsn)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_records=BATCH,
        fetch_max_wait_ms=20,
        fetch_min_bytes=65536,
        max_partition_fetch_bytes=262144,
    )
    await consumer.start()
    consumer.assign([KafkaPartition(topic, number) for topic in service.topics for number in range(PARTITIONS)])
    wake = asyncio.Event()
    relay = asyncio.create_task(_relay(service, bootstrap, relaying, wake))
    board.ready.release()
    board.go.wait()
    try:
        while not board.stop.is_set():
            records = await consumer.getmany(timeout_ms=50, max_records=BATCH)
            if records:
                await _apply(service, database, records, board)
                wake.set()
    finally:
        relay.cancel()
        await asyncio.gather(relay, return_exceptions=True)
        await consumer.stop()
        await asyncio.gather(database.close(), relaying.close())


async def _apply(service: Service, database: Any, records: Any, board: Any) -> None:
    """One transaction: positions, states, messages, outbox."""
    places = sorted((where.topic, where.partition) for where in records)
    keys: list[str] = []
    docs: dict[str, str] = {}
    told: list[tuple[str, UUID, bytes]] = []
    runs: dict[int, list[tuple[bytes, bytes, str, bytes]]] = defaultdict(list)
    async with database.transaction():
        locked = await database.fetch(service.sql(LOCK), *map(list, zip(*places, strict=True)))
        last = {(topic, partition): sequence for topic, partition, sequence in locked}
        moved: list[tuple[str, int, int, int]] = []
        for where, found in records.items():
            place = (where.topic, where.partition)
            for record in found:
                number = int(record.headers[0][1])
                if number <= last[place]:
                    continue
                if number != last[place] + 1:
                    raise RuntimeError(f"gap in {place}")
                last[place] = number
                _decide(service, record, docs, told, runs[where.partition])
            moved.append((*place, last[place], found[-1].offset + 1))
        keys = sorted(docs)
        if keys:
            await database.fetch(service.sql(LOAD), keys)
            await database.execute(service.sql(SAVE), keys, [1] * len(keys), [docs[key] for key in keys])
        if told:
            await database.execute(service.sql(TELL), *map(list, zip(*told, strict=True)))
        published = await _publish(service, database, {number: run for number, run in runs.items() if run})
        await database.execute(service.sql(MOVE), *map(list, zip(*sorted(moved), strict=True)))
    board.add(service.name, published, len(told))


def _decide(
    service: Service,
    record: Any,
    docs: dict[str, str],
    told: list[tuple[str, UUID, bytes]],
    run: list[tuple[bytes, bytes, str, bytes]],
) -> None:
    """What the product writes for this record, replayed from the sample."""
    name, key = service.name, record.key
    requested = record.topic == _requests_of(name)
    event = "" if requested else record.headers[1][1].rpartition(b".")[2].decode()
    company = service.company(key)
    if name == "notifications":
        fact = service.facts[service.known[key]].get(event)
        if fact is not None:
            _decode(record.value)
            told.append((key.decode(), UUID(record.headers[2][1].decode()), fact))
        return
    starts = requested or (name == "matching" and event == "DiagnosticCompleted")
    reads = starts or event in {"DiagnosticCompleted", "LabelGranted"} or name == "diagnostic"
    if not reads:
        return
    _decode(record.value)
    if name in company.states:
        docs[key.decode()] = company.states[name].replace(company.siren, key).decode()
    if starts:
        cause = record.headers[2][1] if len(record.headers) > 2 else key
        run.extend((key, value.replace(company.siren, key), what, cause) for what, value in company.events[name])


async def _publish(service: Service, database: Any, runs: dict[int, list[tuple[bytes, bytes, str, bytes]]]) -> int:
    """Number under the lock of the heads, seal, append."""
    if not runs:
        return 0
    numbers = sorted(runs)
    heads = dict(await database.fetch(service.sql(HEADS), numbers))
    rows: list[tuple[int, int, int, bytes]] = []
    count = 0
    for number in numbers:
        first = heads[number] + 1
        entries = list(_entries(service.name, first, runs[number]))
        heads[number] += len(entries)
        count += len(entries)
        rows.append((number, first, heads[number], seal(entries)))
    await database.copy_records_to_table(
        "outbox",
        schema_name=f"skyline_{service.name}",
        columns=["partition", "first", "last", "data"],
        records=rows,
    )
    await database.execute(service.sql(MOVE_HEADS), numbers, [heads[number] for number in numbers])
    return count


def _entries(service: str, first: int, run: list[tuple[bytes, bytes, str, bytes]]) -> Iterator[Entry]:
    """Records with the headers that the product gives them."""
    now = b"2026-01-01T00:00:00.000000Z"
    for index, (key, value, what, cause) in enumerate(run):
        digest = sha1(cause + what.encode(), usedforsecurity=False).hexdigest()
        identity = f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}".encode()
        version, kind, *fixed = type_headers(service, what, 1)
        headers = [("ce_sequence", b"%d" % (first + index)), kind, ("ce_id", identity), version, *fixed]
        headers += [("ce_subject", key), ("ce_region", b"84"), ("ce_time", now), ("ce_correlationid", identity)]
        yield Entry(key, value, [*headers, ("ce_causationid", identity)])


async def _relay(service: Service, bootstrap: str, database: Any, wake: asyncio.Event) -> None:
    """Send what the outbox holds, in order; `published` moves after the acknowledgement."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, max_batch_size=900_000
    )
    await producer.start()
    try:
        while True:
            rows = await database.fetch(service.sql(UNSENT))
            if not rows:
                await wake.wait()
                wake.clear()
                continue
            waiting = [
                await producer.send_batch(SealedBatch(data, last - first + 1), _topic(service.name), partition=number)
                for number, first, last, data in rows
            ]
            await asyncio.gather(*waiting)
            done = {number: last for number, _, last, _ in rows}
            await database.execute(service.sql(SENT), sorted(done), [done[number] for number in sorted(done)])
    finally:
        await producer.stop()


class Board:
    """What the processes tell each other."""

    def __init__(self, context: Any) -> None:
        self.ready, self.go, self.stop = context.Semaphore(0), context.Event(), context.Event()
        self.counts = context.Array("q", 2 * len(CONSUMES))
        self.places = {name: place for place, name in enumerate(CONSUMES)}

    def add(self, service: str, published: int, told: int) -> None:
        """Count what a service did; each writes its own places."""
        place = 2 * self.places[service]
        self.counts[place] += published
        self.counts[place + 1] += told

    def total(self, column: int) -> int:
        """Events published (0) or messages recorded (1) by all."""
        return sum(self.counts[column::2])


def _main(name: str, job: Job) -> None:
    uvloop.run(_work(name, job))


async def _prepare(bootstrap: str, dsn: str, sample: Sample, companies: int) -> dict[bytes, int]:
    """Tables, topics, and the requests of all companies; returns which sampled company each SIREN repeats."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    names = [_topic(name) for name in CONSUMES] + [_requests_of(name) for name in REQUESTS]
    await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
    await admin.close()
    await asyncio.sleep(2)  # leaders of new partitions
    database: Any = await asyncpg.connect(dsn)
    for name, producers in CONSUMES.items():
        schema = f"skyline_{name}"
        await database.execute(TABLES.format(s=schema))
        inputs = [_topic(producer) for producer in producers] + ([_requests_of(name)] if name in REQUESTS else [])
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
            place = (_requests_of(door), partition_of(siren.decode()))
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
    await (await producer.send_batch(SealedBatch(seal(run), len(run)), topic, partition=number))


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
            workers = {name: context.Process(target=_main, args=(name, job), daemon=True) for name in CONSUMES}
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
