"""A service process from its start to SIGTERM."""

import argparse
import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
import uvloop
from fastapi import FastAPI

from common.core import clock
from common.core.codec import Codec
from common.core.relay import Relay
from common.declare.errors import Misconfigured, Transient
from common.http.application import build_app
from common.postgres.connections import connect_pool
from common.postgres.outbox import PostgresOutbox
from common.postgres.transaction import postgres
from common.process import telemetry
from common.process.app import App
from common.process.context import Context
from common.process.health import Progress
from common.process.runtime import BUGS_BEFORE_EXIT, Process, backoff
from common.process.settings import Settings, read_settings, show
from common.process.telemetry import Metrics

_PROVISIONED = "select to_regclass('outbox_published') is not null"


async def nothing_wrong() -> list[str]:
    """Ready whenever asked."""
    return []


def doors_of(app: App, context: Context, ready: Callable[[], Awaitable[list[str]]] = nothing_wrong) -> FastAPI:
    """The HTTP application of a service: its doors, health, metrics; `ready` as in `build_app`."""
    return build_app(
        app.service.title,
        context.settings.http,
        None if app.routes is None else app.routes(context),
        log=context.log,
        registry=context.metrics.registry,
        ready=ready,
    )


@asynccontextmanager
async def opened(app: App, settings: Settings) -> AsyncGenerator[Context]:
    """The context of a service: waits until the database answers and is provisioned."""
    codec = Codec(app.service, settings.namespace, settings.kafka.compression, settings.writers)
    log = telemetry.configure_logs(app.service.name, settings.instance)
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
            log.warning("not provisioned yet", schema=codec.schema, mend="python -m common.process.provision")
        except (Transient, OSError) as error:
            log.warning("waiting for the database", reason=str(error))
        await asyncio.sleep(backoff(attempt))
    owner = f"{settings.instance or app.service.name}-{os.getpid()}-{clock.new_id()}"
    try:
        yield Context(
            codec=codec,
            storage=app.storage,
            settings=settings,
            pool=pool,
            begin=postgres(codec, app.storage, pool),
            relay=Relay(PostgresOutbox(pool), owner),
            log=log,
            metrics=Metrics(),
            tracer=telemetry.configure_traces(settings, app.service.name),
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


async def run(app: App, settings: Settings, stop: asyncio.Event | None = None) -> int:
    """Run a service until SIGTERM or SIGINT (or `stop`); returns the exit code. In-flight work is finished first."""
    loop = asyncio.get_running_loop()
    async with opened(app, settings) as context:
        process = Process(context, stop=stop or asyncio.Event())
        if stop is None:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, process.stop.set)
        http = settings.http
        config = uvicorn.Config(
            doors_of(app, context, process.ready),
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
        if context.codec.topics:
            loops |= {"consume": process.consume, "mirror": process.mirror}
        else:
            context.progress.started = True
        for index, extra in enumerate(app.loops):
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


def main(app: App) -> None:
    """The command line of a service process."""
    parser = argparse.ArgumentParser(prog=f"python -m {app.service.name}", description=f"{app.service.title}.")
    parser.add_argument("--settings", action="store_true", help="print the effective settings and stop")
    arguments = parser.parse_args()
    try:
        settings = read_settings(app.settings)
    except Misconfigured as error:
        sys.exit(f"{app.service.name}: {error}")
    if arguments.settings:
        show(settings)
        return
    spare_collector()
    sys.exit(uvloop.run(run(app, settings)))
