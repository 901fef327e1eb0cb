"""A service of the skyline, in its process: consume, decide by replay, append to the outbox, relay."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha1
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import TopicPartition as KafkaPartition

from benchmarks.sample import Company, Sample
from common.core.envelope import type_headers
from common.core.record_batch import Entry, SealedBatch, packed
from common.declare.service import PARTITIONS
from croissance.proof.wiring import CONSUMES, TOLD

BATCH: Final = 4000


REQUESTS: Final = ("companies", "diagnostic", "labels", "vouchers")
"""Services that companies send requests to."""


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


def requests_of(service: str) -> str:
    """The topic with the requests of its companies."""
    return f"skyline.{service}.requests"


def topic_of(service: str) -> str:
    """The topic of its events."""
    return f"skyline.{service}"


class Service:
    """One service in its process."""

    def __init__(self, name: str, sample: Sample, known: dict[bytes, int]) -> None:
        self.name = name
        self.sample = sample
        self.known = known
        self.topics = [topic_of(producer) for producer in CONSUMES[name]]
        self.topics += [requests_of(name)] if name in REQUESTS else []
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
    requested = record.topic == requests_of(name)
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
        for size, data in packed(list(_entries(service.name, heads[number] + 1, runs[number]))):
            first = heads[number] + 1
            heads[number] += size
            count += size
            rows.append((number, first, heads[number], data))
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
                await producer.send_batch(
                    SealedBatch(data, last - first + 1, int(time.time() * 1000)),
                    topic_of(service.name),
                    partition=number,
                )
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


def serve(name: str, job: Job) -> None:
    """The whole life of the process."""
    uvloop.run(_work(name, job))
