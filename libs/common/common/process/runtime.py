"""The loops of a service process: consume, relay, decide what falls due, watch. The only place that retries."""

import asyncio
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from common.core import clock
from common.core.dead_letter import PATIENCE, Brake
from common.core.deadlines import Taken, apply_due
from common.core.inbox import TopicPartition, partitions_of
from common.core.records import Report, apply_records
from common.core.replays import apply_replay
from common.declare.errors import CroissanceError, Transient
from common.kafka.consuming import Records, Subscription, make_broker
from common.kafka.publishing import publisher_opener
from common.process import tracing
from common.process.comparing import keep_comparing, may_publish
from common.process.context import Context
from common.process.topics import look_after_topics, where_to_read

STUCK_EXIT = 70
"""Exit code of a process that ends itself because it does not move; its supervisor starts it again."""

MIRROR_EVERY = 1.0
"""Seconds between two commits of Kafka's own offsets: a commit after each batch would cost it a round trip."""

SMALLEST_SLICE = 50
"""Records of the smallest transaction a struggling process falls back to."""

BUGS_BEFORE_EXIT = PATIENCE
"""How often the same record may fail for a reason nobody foresaw, and even to be set aside, before the process ends."""

_STANDING = """select coalesce(sum(h.sequence - p.published), 0)::bigint, coalesce(sum(p.published), 0)::bigint,
    (select count(*) from dead_letters where status in ('open', 'replay'))
    from outbox_heads h join outbox_published p using (topic, partition)"""
_ANYTHING_DUE = """select exists (select from deadlines where due <= $1)
    or exists (select from dead_letters where status = 'replay')"""

MOST_DUE = 500
"""Deadlines, or events behind a letter, of one transaction; half as many after it failed for now, as for batches."""

TIMERS_EVERY = 0.5
"""Seconds between looks at the deadlines where nothing of this process says that one is due."""


def backoff(attempt: int) -> float:
    """Seconds to wait after the `attempt`-th failure in a row: 0.1 s doubling to 5 s, with jitter."""
    return min(5.0, 0.1 * 2 ** min(attempt - 1, 10)) * random.uniform(0.5, 1.0)  # noqa: S311  jitter, not a secret


@dataclass(slots=True)
class Process:
    """One running process of a service."""

    context: Context
    subscription: Subscription | None = None
    bugs: int = 0
    failures: int = 0
    late: int = 0
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    brake: Brake = field(default_factory=Brake)

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
            report = await apply_records(context.codec, context.begin, records, clock.now(), self.brake)
        except Transient as error:
            self.failures += 1
            context.metrics.add("transient_failures")
            context.progress.note_failure(str(error), frozenset(partitions_of(records)))
            context.log.warning("batch will be taken again", reason=str(error), records=len(records))
            await asyncio.sleep(backoff(self.failures))
            raise
        except Exception as error:
            self.bugs = self.brake.bugs
            first, last = records[0], records[-1]
            span = f"{first.topic}/{first.partition}@{first.offset}…{last.topic}/{last.partition}@{last.offset}"
            context.log.exception("batch failed for an unforeseen reason", records=span, times=self.bugs)
            context.progress.note_failure(f"{type(error).__name__}: {error}", frozenset(partitions_of(records)))
            if self.bugs >= BUGS_BEFORE_EXIT:
                self.stop.set()
            await asyncio.sleep(backoff(self.bugs))
            raise
        self._note(report)
        tracing.handled_spans(context.tracer, context.codec, report.sampled, started_ns, len(records))
        context.metrics.observe("batch_records", len(records))
        context.metrics.observe("batch_seconds", time.monotonic() - started)

    def _note(self, report: Report) -> None:
        """What a batch did, for health, relay, logs and metrics."""
        context = self.context
        now = asyncio.get_running_loop().time()
        context.progress.note_gaps(report.gaps, report.moved - report.gaps.keys(), now)
        if report.fresh or report.duplicates or report.dead:
            context.progress.moved(now)
        if report.published or report.follow_ups:
            context.committed(report.follow_ups, report.created)
        for letter in report.dead:
            where = f"{letter.record.topic}/{letter.record.partition}@{letter.record.offset}"
            context.metrics.add("dead_letters", topic=letter.record.topic)
            context.log.warning("dead letter", record=where, key=letter.key, reason=letter.reason)
        metrics = context.metrics
        for topic, count in report.topics.items():
            metrics.add("events_applied", count, topic=topic)
        metrics.add("duplicates_dropped", report.duplicates)
        metrics.add("parked", report.parked)

    async def read_positions(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Where PostgreSQL says these partitions are to be read on from: the beginning, if their log is another one."""
        consumer = None if self.subscription is None else self.subscription.consumer
        return await where_to_read(self.context, consumer, partitions)

    async def topics(self) -> None:
        """Name topics that are missing, make ours again, read those made anew from their beginning."""
        await look_after_topics(self.context, lambda: self.subscription)

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

    async def compare(self) -> None:
        """See that the database is no older than Kafka; where it was put back, read on from where it is now."""
        await keep_comparing(self.context, self._read_on)

    async def _read_on(self) -> None:
        if self.subscription is not None:
            await self.subscription.seek(self.subscription.assigned)

    # --- the other loops

    async def relay(self) -> None:
        """Publish what the outbox holds, until cancelled or failed."""
        settings = self.context.settings
        opener = publisher_opener(settings.kafka, f"{self.context.codec.group}-{settings.instance}-relay")
        metrics = self.context.metrics
        self.context.relay.on_published = lambda count: metrics.add("events_published", count)
        self.context.relay.may_publish = partial(may_publish, self.context)
        self.context.relay.on_refused = self._note_refused
        await self.context.relay.run(opener)

    def _note_refused(self, reasons: Mapping[TopicPartition, str]) -> None:
        """The broker refused partitions: they pause, readiness names them until one of their batches is taken."""
        self.context.metrics.add("relay_failures")
        for where, reason in sorted(reasons.items()):
            self.context.log.warning(
                "refused by the broker", topic=where.topic, partition=where.partition, reason=reason
            )

    async def timers(self) -> None:
        """Decide deadlines and follow-ups that fell due, and replay what operators released."""
        context = self.context
        while True:
            await context.guard.opened.wait()
            context.due.clear()
            busy = await context.pool.fetchval(_ANYTHING_DUE, clock.now()) and await self.decide_due()
            if not busy:
                with suppress(TimeoutError):
                    await asyncio.wait_for(context.due.wait(), TIMERS_EVERY)

    async def decide_due(self) -> bool:
        """One transaction of deadlines and one of a replay; False: nothing was there after all."""
        context, most = self.context, max(1, MOST_DUE >> self.late)
        started_ns = time.time_ns()
        try:
            taken = await apply_due(context.codec, context.begin, clock.now(), most)
            for message, error in taken.failures:
                context.log.error("deadline failed, tried again later", key=message.key, exc_info=error)
            context.metrics.add("deadlines", taken.count)
            self._took(taken, started_ns)
            started_ns = time.time_ns()
            replayed = await apply_replay(context.codec, context.begin, clock.now(), most)
        except Transient:
            self.late += 1
            raise
        self.late = max(0, self.late - 1)
        if replayed is not None:
            self._took(replayed, started_ns)
        return bool(taken.count or replayed)

    def _took(self, taken: Taken, started_ns: int) -> None:
        context = self.context
        tracing.handled_spans(context.tracer, context.codec, taken.sampled, started_ns, taken.count)
        context.committed(taken.follow_ups, taken.created)

    async def measure(self) -> None:
        """Look at what waits each second. The broker may hang: this does not."""
        while True:
            await self.look()
            await asyncio.sleep(1)

    async def look(self) -> None:
        """What waits in the database, for metrics and remarks: events to publish, letters to settle."""
        context = self.context
        ((waiting, published, letters),) = await context.pool.fetch(_STANDING)
        context.metrics.set("outbox_waiting", waiting)
        context.metrics.set("dead_letters_open", letters)
        now = asyncio.get_running_loop().time()
        context.progress.note_unpublished(waiting, published, now)
        context.metrics.set("unpublished_seconds", context.progress.unpublished(now))

    async def watch(self) -> None:
        """Measure lag, read again where a gap stays, end a process that has work and does not move."""
        context = self.context
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1)
            now = loop.time()
            total = 0 if self.subscription is None else await self._watch_log(self.subscription, now)
            context.progress.look(now, time.process_time())
            context.progress.note_work(total, now, may_write=not context.guard.reason)
            if context.progress.stuck(total, now):
                context.log.critical("no progress with records waiting: ending this process", lag=total)
                sys.stdout.flush()
                os._exit(STUCK_EXIT)

    async def _watch_log(self, subscription: Subscription, now: float) -> int:
        """Measure lag, notice what the broker lost, read again where a number is missing; returns the lag in all."""
        progress, metrics = self.context.progress, self.context.metrics
        lags: dict[str, int] = dict.fromkeys(self.context.codec.topics, 0)
        await subscription.settle()
        waiting = subscription.lag()
        for where, lag in waiting.items():
            lags[where.topic] += lag
        progress.note_lags(subscription.assigned, waiting)
        for topic, lag in lags.items():
            metrics.set("consumer_lag", lag, topic=topic)
        progress.note_assigned(subscription.assigned)
        progress.note_ends(subscription.cut_short(), now)
        progress.note_held(subscription.held(), now)
        metrics.set("sequence_gaps", len(progress.gaps.keys() | progress.cut_short.keys()))
        for where, from_start in progress.rereads(now).items():
            partition, missing = f"{where.topic}/{where.partition}", progress.gaps[where].missing
            self.context.log.warning("read again for a missing number", partition=partition, missing=missing)
            await subscription.seek(frozenset({where}), from_start=from_start)
        return sum(lags.values())

    async def kept_up(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        """Run a loop again after every failure, with a growing pause; failures show in logs and readiness."""
        context = self.context
        attempt = 0
        while True:
            began = time.monotonic()
            try:
                return await loop()
            except Exception as error:
                if context.progress.stopping:  # the end of its connection hid that it was cancelled
                    return None
                attempt = 1 if time.monotonic() - began > 30 else attempt + 1
                transient = isinstance(error, CroissanceError)
                context.log.warning("loop failed", loop=name, reason=repr(error), exc_info=None if transient else error)
                if name == "relay":
                    context.metrics.add("relay_failures")
                await asyncio.sleep(backoff(attempt))
