"""The life of a service process: settings, pool, relay, consumer, HTTP, SIGTERM drain. The only place that retries."""

import argparse
import asyncio
import gc
import os
import random
import signal
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, TypeVar

import uvicorn
import uvloop
from fastapi import Request as HttpRequest
from fastapi.responses import Response
from opentelemetry.trace import Tracer

from common import clock, telemetry
from common.codec import Codec
from common.commands import Command, body_hash, to_message
from common.decision import Rejection
from common.desk import Desk
from common.errors import CroissanceError, Misconfigured, Transient
from common.health import Progress
from common.http import build_app, render_batch, render_one, rendered, wants_little
from common.inbox import TopicPartition
from common.kafka import Records, Subscription, make_broker, publisher_opener
from common.postgres import Connection, Pool, PostgresOutbox, connect_pool, postgres
from common.processor import Failure, Report, Request, apply_commands, apply_due, apply_records, apply_replay
from common.relay import Relay
from common.service import Service
from common.settings import Settings, read_settings, show
from common.telemetry import Log, Metrics
from common.unit_of_work import Begin

State = TypeVar("State")
Shared = TypeVar("Shared")

STUCK_EXIT = 70
"""Exit code of a process that ends itself because it does not move; its supervisor starts it again."""

MIRROR_EVERY = 1.0
"""Seconds between two commits of Kafka's own offsets: a commit after each batch would cost it a round trip."""

SMALLEST_SLICE = 50
"""Records of the smallest transaction a struggling process falls back to."""

BUGS_BEFORE_EXIT = 5
"""How often in a row a batch may fail for a reason nobody foresaw before the process ends itself."""

_POSITIONS = """select topic, partition, next_offset from positions
    where (topic, partition) in (select * from unnest($1::text[], $2::int[]))"""
_WAITING = """select coalesce(sum(h.sequence - p.published), 0)::bigint
    from outbox_heads h join outbox_published p using (topic, partition)"""
_ANYTHING_DUE = """select exists (select from deadlines where due <= $1)
    or exists (select from dead_letters where status = 'replay')"""
_PROVISIONED = "select to_regclass('outbox_published') is not null"


@dataclass(slots=True)
class Context(Generic[State, Shared]):
    """What a service's doors and loops work with."""

    codec: Codec[State, Shared]
    settings: Settings
    pool: Pool
    begin: Begin[State, Shared]
    relay: Relay
    log: Log
    metrics: Metrics
    tracer: Tracer
    progress: Progress
    desk: Desk[State, Shared] = field(init=False)

    def __post_init__(self) -> None:
        """Open the desk where requests are handed in."""
        self.desk = Desk(self.codec, self.begin, on_failure=self.log_failure)

    @property
    def service(self) -> Service[State, Shared]:
        """The declaration of the service."""
        return self.codec.service

    def reading(self) -> AbstractAsyncContextManager[Connection]:
        """A connection for reads; nothing written on it is part of a unit of work."""
        return self.pool.acquire()

    async def state(self, key: str) -> State | None:
        """The state of a key as last committed, or None."""
        doc = await self.pool.fetchval("select doc from states where key = $1", key)
        return None if doc is None else self.codec.decode_state(doc)

    async def execute_all(self, commands: Sequence[Command], idempotency_key: str = "") -> list[object]:
        """Carry out commands in one transaction; one answer each, in order.

        Raises:
            Transient: nothing was written; try again.
        """
        messages = [to_message(command, index, idempotency_key, "") for index, command in enumerate(commands)]
        outcome = await apply_commands(self.codec, self.begin, messages)
        for failure in outcome.failures:
            self.log_failure(failure)
        self.metrics.add("commands", len(commands))
        self.relay.wake.set()
        return outcome.answers

    async def run(self, request: HttpRequest, command: Command, status: int = 200) -> Response:
        """Carry out the command of a request; `Idempotency-Key` is honoured. A rejection answers a problem."""
        return await self._run(request, [command], render_one(status))

    async def run_batch(self, request: HttpRequest, items: Sequence[Command | Rejection]) -> Response:
        """Carry out the commands of a `:batch` request in one transaction; each item is accepted or rejected alone.

        `Prefer: return=minimal` leaves out what accepted items would answer.
        """
        brief = wants_little(request)
        commands = [item for item in items if isinstance(item, Command)]
        response = await self._run(request, commands, render_batch(items, brief=brief))
        if brief:
            response.headers["Preference-Applied"] = "return=minimal"
        return response

    async def _run(
        self,
        request: HttpRequest,
        commands: Sequence[Command],
        render: Callable[[Sequence[object]], tuple[int, bytes]],
    ) -> Response:
        key = request.headers.get("idempotency-key", "")
        if len(key) > 200 or "\0" in key:
            rejection = Rejection(422, "En-tête invalide", "au plus 200 caractères", "Idempotency-Key")
            return rendered(*render_one(422)([rejection]))
        with telemetry.started_chain(self.tracer, f"{request.method} {request.url.path}") as traceparent:
            messages = [to_message(command, index, key, traceparent) for index, command in enumerate(commands)]
            digest = body_hash(request.method, request.url.path, await request.body()) if key else b""
            status, body = await self.desk.hand_in(Request(messages, render, key, digest))
        self.metrics.add("commands", len(commands))
        self.relay.wake.set()
        return rendered(status, body)

    def log_failure(self, failure: Failure) -> None:
        """Tell operators of a rule that raised."""
        message, error = failure
        self.log.error("rule failed", key=message.key, id=str(message.id), exc_info=error)


@dataclass(slots=True)
class Process(Generic[State, Shared]):
    """One running process of a service."""

    context: Context[State, Shared]
    subscription: Subscription | None = None
    bugs: int = 0
    failures: int = 0
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    # --- consuming

    async def on_batch(self, records: Records) -> None:
        """Apply what was fetched, slice by slice; an exception makes the subscriber hand the same records over again.

        A slice that fails for now (it may be too much for a slow machine) is halved, and doubled as it goes well.
        """
        largest = self.context.settings.kafka.batch_records
        done = 0
        while done < len(records):
            size = max(SMALLEST_SLICE, largest >> self.failures)
            await self._apply(records[done : done + size])
            done += size
            self.failures = max(0, self.failures - 1)
        self.bugs = 0

    async def _apply(self, records: Records) -> None:
        """One transaction, with what it means for health, logs, metrics and spans."""
        context = self.context
        started, started_ns = time.monotonic(), time.time_ns()
        try:
            report = await apply_records(context.codec, context.begin, records, clock.now())
        except Transient as error:
            self.failures += 1
            context.metrics.add("transient_failures")
            context.progress.failing = str(error)
            context.log.warning("batch will be taken again", reason=str(error), records=len(records))
            await asyncio.sleep(backoff(self.failures))
            raise
        except Exception as error:
            self.bugs += 1
            first, last = records[0], records[-1]
            span = f"{first.topic}/{first.partition}@{first.offset}…{last.topic}/{last.partition}@{last.offset}"
            context.log.exception("batch failed for an unforeseen reason", records=span, times=self.bugs)
            context.progress.failing = f"{type(error).__name__}: {error}"
            if self.bugs >= BUGS_BEFORE_EXIT:
                self.stop.set()
            await asyncio.sleep(backoff(self.bugs))
            raise
        self._note(report)
        for message in report.sampled:
            telemetry.span_of(context.tracer, message, started_ns, time.time_ns())
        context.metrics.observe("batch_records", len(records))
        context.metrics.observe("batch_seconds", time.monotonic() - started)

    def _note(self, report: Report) -> None:
        """What a batch did, for health, relay, logs and metrics."""
        context = self.context
        now = asyncio.get_running_loop().time()
        context.progress.note_gaps(report.gaps, report.moved - report.gaps.keys(), now)
        if report.fresh or report.duplicates or report.dead:
            context.progress.moved(now)
        if report.published:
            context.relay.wake.set()
        for letter in report.dead:
            where = f"{letter.record.topic}/{letter.record.partition}@{letter.record.offset}"
            context.log.warning("dead letter", record=where, key=letter.key, reason=letter.reason)
        metrics = context.metrics
        metrics.add("events_applied", report.fresh)
        metrics.add("duplicates_dropped", report.duplicates)
        metrics.add("dead_letters", len(report.dead))
        metrics.add("parked", report.parked)

    async def read_positions(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Where PostgreSQL says these partitions are to be read on from."""
        topics, numbers = [p.topic for p in partitions], [p.partition for p in partitions]
        rows = await self.context.pool.fetch(_POSITIONS, topics, numbers)
        known = {TopicPartition(topic, partition): offset for topic, partition, offset in rows}
        return {where: known.get(where, 0) for where in partitions}

    async def consume(self) -> None:
        """Belong to the consumer group until cancelled."""
        codec, settings = self.context.codec, self.context.settings
        broker = make_broker(settings.kafka, f"{codec.group}-{settings.instance}")
        self.subscription = Subscription(broker, self.read_positions, self.on_batch)
        self.subscription.subscribe(codec.topics, codec.group, settings.kafka)
        try:
            await broker.start()
            self.context.progress.moved(asyncio.get_running_loop().time())
            self.context.progress.started = True
            await asyncio.Event().wait()
        finally:
            await asyncio.wait_for(broker.stop(), 15)

    async def mirror(self) -> None:
        """Tell Kafka how far this process is, for lag monitors."""
        while True:
            await asyncio.sleep(MIRROR_EVERY)
            if self.subscription is not None:
                await self.subscription.mirror()

    # --- the other loops

    async def relay(self) -> None:
        """Publish what the outbox holds, until cancelled or failed."""
        settings = self.context.settings
        opener = publisher_opener(settings.kafka, f"{self.context.codec.group}-{settings.instance}-relay")
        metrics = self.context.metrics
        self.context.relay.on_published = lambda count: metrics.add("events_published", count)
        await self.context.relay.run(opener)

    async def timers(self) -> None:
        """Decide deadlines that fell due and replay what operators released."""
        context = self.context
        while True:
            if not await context.pool.fetchval(_ANYTHING_DUE, clock.now()):
                await asyncio.sleep(0.5)
                continue
            taken, failures = await apply_due(context.codec, context.begin, clock.now())
            for message, error in failures:
                context.log.error("deadline failed, tried again later", key=message.key, exc_info=error)
            context.metrics.add("deadlines", taken)
            replayed = await apply_replay(context.codec, context.begin)
            if taken or replayed:
                context.relay.wake.set()
            else:
                await asyncio.sleep(0.5)

    async def rotate(self) -> None:
        """Open and drop segments of the outbox; forget old idempotency answers."""
        settings = self.context.settings.outbox
        outbox = PostgresOutbox(self.context.pool)
        while True:
            await outbox.rotate(
                clock.now(), timedelta(hours=settings.segment_hours), timedelta(hours=settings.keep_hours)
            )
            await asyncio.sleep(60)

    async def watch(self) -> None:
        """Measure lag, read again where a gap stays, end a process that has work and does not move."""
        context = self.context
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1)
            now = loop.time()
            total = 0 if self.subscription is None else await self._watch_log(self.subscription, now)
            context.metrics.set("outbox_waiting", await context.pool.fetchval(_WAITING))
            if total == 0:
                context.progress.moved_at = now
            if context.progress.stuck(total, now):
                context.log.critical("no progress with records waiting: ending this process", lag=total)
                sys.stdout.flush()
                os._exit(STUCK_EXIT)

    async def _watch_log(self, subscription: Subscription, now: float) -> int:
        """Measure lag, notice what the broker lost, read again where a number is missing; returns the lag in all."""
        progress, metrics = self.context.progress, self.context.metrics
        lags: dict[str, int] = dict.fromkeys(self.context.codec.topics, 0)
        for where, lag in subscription.lag().items():
            lags[where.topic] += lag
        for topic, lag in lags.items():
            metrics.set("consumer_lag", lag, topic=topic)
        progress.note_assigned(subscription.assigned)
        progress.note_ends(subscription.cut_short(), now)
        metrics.set("sequence_gaps", len(progress.gaps.keys() | progress.cut_short.keys()))
        for where, from_start in progress.rereads(now).items():
            partition, missing = f"{where.topic}/{where.partition}", progress.gaps[where].missing
            self.context.log.warning("read again for a missing number", partition=partition, missing=missing)
            await subscription.seek(frozenset({where}), from_start=from_start)
        return sum(lags.values())

    async def ready(self) -> list[str]:
        """Why this process is not ready; empty when it is."""
        problems = self.context.progress.problems(asyncio.get_running_loop().time())
        try:
            await asyncio.wait_for(self.context.pool.fetchval("select 1"), 2)
        except Exception as error:  # noqa: BLE001  whatever keeps the database away is the answer
            problems.append(f"database: {type(error).__name__}")
        return problems

    async def kept_up(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        """Run a loop again after every failure, with a growing pause; failures show in logs and readiness."""
        context = self.context
        attempt = 0
        while True:
            began = time.monotonic()
            try:
                return await loop()
            except Exception as error:
                attempt = 1 if time.monotonic() - began > 30 else attempt + 1
                transient = isinstance(error, CroissanceError)
                context.log.warning("loop failed", loop=name, reason=repr(error), exc_info=None if transient else error)
                if name == "relay":
                    context.metrics.add("relay_failures")
                await asyncio.sleep(backoff(attempt))


def backoff(attempt: int) -> float:
    """Seconds to wait after the `attempt`-th failure in a row: 0.1 s doubling to 5 s, with jitter."""
    return min(5.0, 0.1 * 2 ** min(attempt - 1, 10)) * random.uniform(0.5, 1.0)  # noqa: S311  jitter, not a secret


@asynccontextmanager
async def opened(service: Service[State, Shared], settings: Settings) -> AsyncGenerator[Context[State, Shared]]:
    """The context of a service: waits until the database answers and is provisioned."""
    codec = Codec(service, settings.namespace, settings.kafka.compression)
    log = telemetry.configure_logs(service.name, settings.instance)
    attempt = 0
    while True:
        attempt += 1
        try:
            pool = await connect_pool(
                settings.database.dsn.get_secret_value(), codec.schema, size=settings.database.pool_size
            )
            if await pool.fetchval(_PROVISIONED):
                break
            await pool.close()
            log.warning("not provisioned yet", schema=codec.schema, mend="python -m common.provision")
        except (Transient, OSError) as error:
            log.warning("waiting for the database", reason=str(error))
        await asyncio.sleep(backoff(attempt))
    owner = f"{settings.instance or service.name}-{os.getpid()}-{clock.new_id()}"
    try:
        yield Context(
            codec=codec,
            settings=settings,
            pool=pool,
            begin=postgres(codec, pool),
            relay=Relay(PostgresOutbox(pool), owner),
            log=log,
            metrics=Metrics(),
            tracer=telemetry.configure_traces(settings, service.name),
            progress=Progress(settings.stuck_after_seconds),
        )
    finally:
        await asyncio.wait_for(pool.close(), 5)


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process decides when it stops."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals alone."""
        yield


async def run(service: Service[State, Shared], settings: Settings, stop: asyncio.Event | None = None) -> int:
    """Run a service until SIGTERM or SIGINT (or `stop`); returns the exit code. In-flight work is finished first."""
    loop = asyncio.get_running_loop()
    async with opened(service, settings) as context:
        process = Process(context, stop=stop or asyncio.Event())
        if stop is None:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, process.stop.set)
        router = None if service.routes is None else service.routes(context)
        app = build_app(context, router, process.ready)
        http = settings.http
        config = uvicorn.Config(
            app,
            host=http.host,
            port=http.port,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=5,
        )
        server = _Server(config)
        loops: dict[str, Callable[[], Awaitable[None]]] = {
            "relay": process.relay,
            "timers": process.timers,
            "rotate": process.rotate,
            "watch": process.watch,
        }
        if service.consumes:
            loops |= {"consume": process.consume, "mirror": process.mirror}
        else:
            context.progress.started = True
        for index, extra in enumerate(service.loops):
            loops[f"loop{index}"] = lambda extra=extra: extra(context)
        tasks = [asyncio.create_task(process.kept_up(name, loop), name=name) for name, loop in loops.items()]
        serving = asyncio.create_task(server.serve())
        context.log.info("started", http=f"http://{http.host}:{http.port}", topics=context.codec.topics)
        stopped = asyncio.create_task(process.stop.wait())
        await asyncio.wait([stopped, serving], return_when=asyncio.FIRST_COMPLETED)
        context.progress.stopping = True
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=20)
        await context.relay.outbox.release(context.relay.owner)
        server.should_exit = True
        await asyncio.wait([serving], timeout=10)
        context.log.info("stopped")
    return 1 if process.bugs >= BUGS_BEFORE_EXIT or not process.stop.is_set() else 0


def spare_collector() -> None:
    """Let the garbage collector look less: never again at what is loaded by now, and not at what one batch holds."""
    gc.freeze()
    gc.set_threshold(500_000, 20, 50)


def main(service: Service[Any, Any], kind: type[Settings] = Settings) -> None:
    """The command line of a service process."""
    parser = argparse.ArgumentParser(prog=f"python -m {service.name}", description=f"{service.title}.")
    parser.add_argument("--settings", action="store_true", help="print the effective settings and stop")
    arguments = parser.parse_args()
    try:
        settings = read_settings(kind)
    except Misconfigured as error:
        sys.exit(f"{service.name}: {error}")
    if arguments.settings:
        show(settings)
        return
    spare_collector()
    sys.exit(uvloop.run(run(service, settings)))
