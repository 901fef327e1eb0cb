"""What a process does with a batch: slices that shrink and grow, a brake it keeps, an end when it does not get on."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import structlog

from common.core.dead_letter import DEAD_LETTER_FLOOR, TooManyDeadLetters
from common.core.records import apply_records
from common.core.relay import Relay
from common.declare.errors import Transient
from common.declare.service import Service
from common.kafka.client import KafkaSettings
from common.postgres.storage import Storage
from common.process import runtime, tracing
from common.process.context import Context
from common.process.health import Progress
from common.process.runtime import BUGS_BEFORE_EXIT, SMALLEST_SLICE, Process
from common.process.settings import Settings
from common.process.telemetry import Metrics
from common.testing.breakable import Faults, breakable
from common.testing.chain import GRANTER, READER

from .places import OpenPlace as Open
from .places import PostgresPlace, record


class Failing:
    """Transactions that fail while the database is away, and what size each had."""

    def __init__(self, place: Any) -> None:
        self.place = place
        self.failures: Sequence[Exception] = ()
        self.sizes: list[int] = []

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[Any]:
        async with self.place.begin() as transaction:
            yield transaction
            if self.failures:
                first, *self.failures = self.failures
                raise first


def _at_once(_: int) -> float:
    return 0.0


async def started(open_place: Open, monkeypatch: pytest.MonkeyPatch, service: Service) -> tuple[Any, Failing]:
    """A process on a place, without a broker and without pauses."""
    place = await open_place(service)
    storage = Failing(place)
    settings = Settings(kafka=KafkaSettings(batch_records=400))
    context = Context(
        codec=place.codec,
        storage=Storage(),
        settings=settings,
        pool=cast("Any", None),
        begin=storage.begin,
        relay=Relay(place.outbox, "me"),
        log=structlog.wrap_logger(structlog.ReturnLogger(), processors=[]),
        metrics=Metrics(),
        tracer=tracing.configure_traces(settings, "reader"),
        progress=Progress(60, started=True),
    )
    honest = apply_records

    async def noted(codec: Any, begin: Any, records: Any, *rest: Any) -> Any:
        storage.sizes.append(len(records))
        return await honest(codec, begin, records, *rest)

    monkeypatch.setattr(runtime, "apply_records", noted)
    monkeypatch.setattr(runtime, "backoff", _at_once)
    return Process(context), storage


async def test_slices_halve_with_each_failure_and_double_as_it_goes_well(
    open_place: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, storage = await started(open_place, monkeypatch, READER)
    batch = tuple(record(process.context.codec, n) for n in range(1, 1001))
    storage.failures = [Transient("away")] * 5

    for _ in range(5):
        with pytest.raises(Transient):
            await process.on_batch(batch)
    assert storage.sizes == [400, 200, 100, SMALLEST_SLICE, SMALLEST_SLICE]
    assert process.context.progress.problems(0) == ["away"]

    storage.sizes.clear()
    await process.on_batch(batch)

    assert storage.sizes == [50, 50, 50, 100, 200, 400, 150]
    assert process.context.progress.failing == ""
    assert process.failures == 0


async def test_the_process_keeps_the_brake(open_place: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    faults: Faults = {f"k{n}": "raises" for n in range(1, 100)}
    process, storage = await started(open_place, monkeypatch, breakable(READER, faults))

    async def one_by_one() -> None:
        for n in range(1, 100):
            await process.on_batch((record(process.context.codec, n, key=f"k{n}"),))

    for _ in range(3):
        with pytest.raises(TooManyDeadLetters):
            await one_by_one()

    assert len(await storage.place.letters()) == DEAD_LETTER_FLOOR - 1
    assert "failed in the rules" in process.context.progress.failing


async def test_what_nobody_foresaw_sets_a_record_aside_and_ends_the_process_only_where_that_fails(
    open_place: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, storage = await started(open_place, monkeypatch, READER)
    codec = process.context.codec
    storage.failures = [RuntimeError("a bug")] * BUGS_BEFORE_EXIT

    async def fail(times: int, batch: Any) -> None:
        for _ in range(times):
            with pytest.raises(RuntimeError):
                await process.on_batch(batch)
            assert process.context.progress.failing == "RuntimeError: a bug"

    for n in (1, 2):  # one after the other: neither spoils the patience that the other one has
        storage.failures = [RuntimeError("a bug")] * BUGS_BEFORE_EXIT
        await fail(BUGS_BEFORE_EXIT - 1, (record(codec, n, key=f"k{n}"),))
        await process.on_batch((record(codec, n, key=f"k{n}"),))
        assert (process.bugs, process.stop.is_set(), process.context.progress.failing) == (0, False, "")
    assert [letter.reason for letter in await storage.place.letters()] == ["RuntimeError: a bug"] * 2

    storage.failures = [RuntimeError("a bug")] * (BUGS_BEFORE_EXIT + 2)  # whole, and by its digest
    await fail(BUGS_BEFORE_EXIT, (record(codec, 3),))
    assert process.stop.is_set()


async def test_what_a_batch_did_shows_in_metrics_and_wakes_the_relay(
    open_place: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, _ = await started(open_place, monkeypatch, breakable(READER, {1: "raises"}))
    codec = process.context.codec
    batch = (record(codec, 1), record(codec, 2), record(codec, 2))

    await process.on_batch(batch)

    value = process.context.metrics.registry.get_sample_value
    topics = {
        "events_applied": codec.topics[0],
        "duplicates_dropped": "",
        "dead_letters": codec.topics[0],
        "parked": "",
    }
    assert [value(f"croissance_{name}_total", {"topic": topic}) for name, topic in topics.items()] == [2, 1, 1, 1]
    assert process.context.relay.wake.is_set()


def test_every_counter_stands_at_0_before_anything_happens() -> None:
    metrics = Metrics()
    metrics.created(["companies.events", "labels.events"])

    value = metrics.registry.get_sample_value
    for name in ("events_applied", "dead_letters"):
        for topic in ("companies.events", "labels.events"):
            assert value(f"croissance_{name}_total", {"topic": topic}) == 0
    for name in ("parked", "commands", "relay_failures", "events_published"):
        assert value(f"croissance_{name}_total", {"topic": ""}) == 0


async def test_what_waits_in_the_database_is_measured_though_the_broker_hangs(
    open_postgres: Callable[[Service], Awaitable[PostgresPlace]], monkeypatch: pytest.MonkeyPatch
) -> None:
    process, _ = await started(open_postgres, monkeypatch, breakable(GRANTER, {1: "raises"}))
    context = process.context
    context.pool = context.relay.outbox.pool
    await process.on_batch((record(context.codec, 1),))  # its letter is announced, and nothing publishes it

    for _ in range(2):
        await process.look()

    value = context.metrics.registry.get_sample_value
    assert value("croissance_dead_letters_open", {"topic": ""}) == 1
    assert value("croissance_outbox_waiting", {"topic": ""}) == 1
    assert context.progress.unpublished_since is not None
