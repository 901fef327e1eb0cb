"""What falls due on a real database that takes only a little of it at once, or nothing for now."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import structlog

from common.core import clock
from common.core.records import apply_records
from common.core.relay import Relay
from common.declare.errors import Transient
from common.declare.service import Service
from common.postgres.storage import Storage
from common.postgres.transaction import postgres
from common.process import tracing
from common.process.context import Context
from common.process.health import Progress
from common.process.readiness import Readiness
from common.process.runtime import MOST_DUE, Process
from common.process.settings import Settings
from common.process.telemetry import Metrics
from common.testing.breakable import Faults, breakable
from common.testing.chain import COUNTER, READER

from .conftest import OpenPostgres
from .places import PostgresPlace, count, record, seen

MANY = 60

SLOW = """create function slow() returns trigger language plpgsql as
    $$ begin perform pg_sleep(0.01); return old; end $$;
    create trigger slow before delete on {table} for each row execute function slow()"""
"""A slow machine: each row costs 10 ms."""

LIMIT = "set transaction_timeout = 250"
"""Milliseconds in which less than half of the rows are done."""


def process_on(place: PostgresPlace) -> Process:
    """A process of a service, without a broker."""
    settings = Settings()
    return Process(
        Context(
            codec=place.codec,
            storage=Storage(),
            settings=settings,
            pool=place.pool,
            begin=_limited(place),
            relay=Relay(place.outbox, "me"),
            log=structlog.wrap_logger(structlog.ReturnLogger(), processors=[]),
            metrics=Metrics(),
            tracer=tracing.configure_traces(settings, "toy"),
            progress=Progress(60, started=True),
        )
    )


def _limited(place: PostgresPlace) -> Any:
    """Transactions as the service opens them, with a limit that a slow machine exceeds."""
    begin = postgres(place.codec, Storage(), place.pool)

    @asynccontextmanager
    async def limited() -> AsyncGenerator[Any]:
        async with place.pool.acquire() as connection:
            await connection.execute(LIMIT)
        async with begin() as transaction:
            yield transaction

    return limited


async def decided(process: Process) -> int:
    """Decide until nothing is due; returns the least that the process ever took at once."""
    narrowed = 0
    with pytest.raises(Transient, match="transaction timeout"):
        await process.decide_due()
    for _ in range(MANY):
        try:
            if not await process.decide_due():
                return MOST_DUE >> narrowed
        except Transient:
            narrowed = max(narrowed, process.late)
    pytest.fail("it does not get on")


async def opened(open_postgres: OpenPostgres, service: Service, table: str) -> PostgresPlace:
    """A service on a slow machine."""
    place = await open_postgres(service)
    await place.pool.execute(SLOW.format(table=table))
    return place


async def test_deadlines_that_are_too_many_for_the_limit_are_taken_in_smaller_parts(
    open_postgres: OpenPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await opened(open_postgres, COUNTER, "deadlines")
    for n in range(MANY):
        await count(place.codec, place.begin, key=f"k{n}")
    late = clock.now() + timedelta(minutes=2)
    monkeypatch.setattr(clock, "now", lambda: late)

    least = await decided(process_on(place))

    assert least < MANY
    assert await place.deadlines() == []


async def test_events_behind_a_letter_that_are_too_many_for_the_limit_are_applied_in_smaller_parts(
    open_postgres: OpenPostgres,
) -> None:
    faults: Faults = {1: "raises"}
    place = await opened(open_postgres, breakable(READER, faults), "parked")
    batch = [record(place.codec, n) for n in range(1, MANY + 2)]
    await apply_records(place.codec, place.begin, batch, clock.now())
    assert len(await place.parked()) == MANY

    faults.clear()
    await place.replay(1)
    least = await decided(process_on(place))

    assert least < MANY
    assert await place.parked() == []
    assert (await seen(place.codec, place.begin)).counted == tuple(range(1, MANY + 2))
    assert {letter.status for letter in await place.letters()} == {"replayed"}


async def test_readiness_says_that_the_database_is_read_only_until_it_is_not(open_postgres: OpenPostgres) -> None:
    """The sessions stay with a former primary; who comes again is led to the new one."""
    place = await open_postgres(COUNTER)
    readiness = Readiness(process_on(place).context)
    assert await readiness.problems() == []

    async with place.pool.acquire() as connection:
        await connection.execute("set default_transaction_read_only = on")

    assert await readiness.problems() == ["database: read-only, a primary that is none any more"]
    assert await readiness.problems() == []
