"""What a process opens before it does anything: its database, once that has all that this version needs."""

import asyncio
import os
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from common.core import clock
from common.core.codec import Codec
from common.core.guard import Guard
from common.core.relay import Relay
from common.declare.errors import Transient
from common.postgres.connections import ConnectionPool, connect_pool
from common.postgres.migrations import not_applied
from common.postgres.outbox import PostgresOutbox
from common.postgres.transaction import postgres
from common.process import telemetry, tracing
from common.process.app import App
from common.process.context import Context
from common.process.health import Progress
from common.process.runtime import backoff
from common.process.settings import Settings
from common.process.telemetry import Metrics

Result = TypeVar("Result")

POOL_CLOSED_WITHIN: Final = 2
"""Seconds for the connections to end in peace."""


class Stopped(Exception):
    """Asked to stop before there was anything to stop."""


@dataclass(slots=True)
class Waiting:
    """What a process waits for before it does anything, in plain words."""

    reason: str = "starting"

    async def ready(self) -> list[str]:
        """Why it is not ready."""
        return [self.reason]


@asynccontextmanager
async def opened(
    app: App, settings: Settings, waiting: Waiting | None = None, stop: asyncio.Event | None = None
) -> AsyncGenerator[Context]:
    """The context of a service: waits until the database answers and has every migration of this version.

    Raises:
        Stopped: `stop` was set before.
        Misconfigured: the address of the database is none.
    """
    codec = Codec(app.service, settings.namespace, settings.kafka.compression, settings.writers)
    log = telemetry.configure_logs(app.service.name, settings.instance)
    guard = Guard()
    opening = _migrated_pool(app, codec, settings, log, waiting or Waiting(), guard=guard)
    pool = await (opening if stop is None else _unless(stop, opening))
    owner = f"{settings.instance or app.service.name}-{os.getpid()}-{clock.new_id()}"
    metrics = Metrics()
    metrics.created(codec.topics)
    try:
        yield Context(
            codec=codec,
            storage=app.storage,
            settings=settings,
            pool=pool,
            begin=postgres(codec, app.storage, pool, guard),
            relay=Relay(PostgresOutbox(pool), owner),
            log=log,
            metrics=metrics,
            tracer=tracing.configure_traces(settings, app.service.name),
            progress=Progress(settings.stuck_after_seconds),
            guard=guard,
        )
    finally:
        await pool.close(POOL_CLOSED_WITHIN)


async def _migrated_pool(
    app: App, codec: Codec, settings: Settings, log: telemetry.Log, waiting: Waiting, *, guard: Guard
) -> ConnectionPool:
    """Connections to a schema that this version can work with, however long that takes."""
    address = settings.database.dsn.get_secret_value()
    attempt = 0
    while True:
        attempt += 1
        try:
            pool = await connect_pool(address, codec.schema, size=settings.database.pool_size, guard=guard)
            async with pool.acquire() as connection:
                missing = await not_applied(connection, app.storage.migrations)
            if not missing:
                return pool
            await pool.close(POOL_CLOSED_WITHIN)
            waiting.reason = f"schema {codec.schema} waits for its migrations: {', '.join(missing)}"
            log.warning("waiting for migrations", missing=missing, mend="python -m common.process.provision")
        except Transient as error:
            waiting.reason = str(error)
            log.warning("waiting for the database", reason=str(error))
        await asyncio.sleep(backoff(attempt))


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` returns.

    Raises:
        Stopped: `stop` was set before.
    """
    working, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Stopped
        return working.result()
    finally:
        working.cancel()
        stopped.cancel()
