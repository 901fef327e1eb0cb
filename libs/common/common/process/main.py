"""A service process from its start to SIGTERM."""

import argparse
import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import uvicorn
import uvloop
from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp, Receive, Scope, Send

from common.declare.errors import Misconfigured, Transient
from common.http.application import HttpSettings, build_app
from common.http.connections import Connection
from common.process import telemetry
from common.process.app import App, Loop
from common.process.context import Context
from common.process.opening import POOL_CLOSED_WITHIN, Stopped, Waiting, opened
from common.process.readiness import Readiness, ended
from common.process.runtime import BUGS_BEFORE_EXIT, Process
from common.process.settings import Settings, read_settings, show
from common.process.start import STOPPING
from common.process.upkeep import clear_away

LOOPS_END_WITHIN: Final = 8
"""Seconds for the batch in hand and the farewell to the broker."""

REQUESTS_WITHIN: Final = 3
"""Seconds for the requests in hand; one more until the server has noticed."""

LEASE_WITHIN: Final = 1
"""Seconds to tell the others that they may relay; the lease runs out by itself in little more."""

STOPS_WITHIN: Final = LOOPS_END_WITHIN + 2 * (REQUESTS_WITHIN + 1) + LEASE_WITHIN + POOL_CLOSED_WITHIN
"""The longest from the signal to the end of a process: every supervisor must have more patience than that."""


async def nothing_wrong() -> list[str]:
    """Ready whenever asked."""
    return []


def doors_of(
    app: App,
    context: Context,
    ready: Callable[[], Awaitable[list[str]]] = nothing_wrong,
    remarks: Callable[[], list[str]] = list,
) -> FastAPI:
    """The HTTP application of a service: its doors, health, metrics; `ready` and `remarks` as in `build_app`."""
    return build_app(
        app.service.title,
        _open_to_the_public(context.settings),
        None if app.routes is None else app.routes(context),
        log=context.log,
        registry=context.metrics.registry,
        ready=ready,
        remarks=remarks,
    )


async def _once_open(context: Context, loop: Loop) -> None:
    """A service's own loop (it may send mail): not before the database is known to be no older than Kafka."""
    await context.guard.opened.wait()
    await loop(context)


def _open_to_the_public(settings: Settings) -> HttpSettings:
    """How it answers HTTP: by the name of the public address, too."""
    public = urlsplit(settings.public_url).hostname or ""
    return settings.http.model_copy(update={"allowed_hosts": (*settings.http.allowed_hosts, public)})


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process decides when it stops."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals alone."""
        yield


@dataclass(slots=True)
class Doors:
    """What answers HTTP: probes from the first moment, the doors of the service once there is something behind them."""

    behind: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as those who are behind the doors now."""
        await self.behind(scope, receive, send)


def _closed_doors() -> APIRouter:
    """Whatever is asked of a process that waits: again in a second."""
    router = APIRouter()

    async def closed() -> None:
        raise Transient("the process is starting")

    router.add_api_route("/{path:path}", closed, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    return router


async def run(app: App, settings: Settings, stop: asyncio.Event | None = None) -> int:
    """Run a service until SIGTERM or SIGINT (or `stop`); returns the exit code. In-flight work is finished first.

    Guarantee: from the signal to the end it takes at most the sum of the times below, whatever the database, the broker
    or a caller does; what could not be finished then is rolled back and comes again.

    Raises:
        Misconfigured: see `opened`.
    """
    if stop is None:
        stop = asyncio.Event()
        for number in STOPPING:
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    waiting = Waiting()
    log = telemetry.configure_logs(app.service.name, settings.instance)
    registry = CollectorRegistry()
    doors = Doors(
        build_app(app.service.title, settings.http, _closed_doors(), log=log, registry=registry, ready=waiting.ready)
    )
    config = uvicorn.Config(
        doors,
        host=settings.http.host,
        port=settings.http.port,
        log_config=None,
        access_log=False,
        lifespan="off",
        http=Connection,
        ws="none",
        timeout_graceful_shutdown=REQUESTS_WITHIN,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        async with opened(app, settings, waiting, stop) as context:
            context.guard.close()
            process = Process(context, stop=stop)
            readiness = Readiness(context)
            doors.behind = doors_of(app, context, readiness.problems, readiness.remarks)
            return await _work(app, process, server, serving)
    except Stopped:
        return 0
    finally:
        server.should_exit = True
        await asyncio.wait([serving], timeout=REQUESTS_WITHIN + 1)
        log.info("stopped")


async def _work(app: App, process: Process, server: _Server, serving: "asyncio.Task[None]") -> int:
    """The loops of a process until it is asked to stop, and their end; returns the exit code."""
    context = process.context
    loops: dict[str, Callable[[], Awaitable[None]]] = {
        "compare": process.compare,
        "topics": process.topics,
        "relay": process.relay,
        "timers": process.timers,
        "clear away": partial(clear_away, context),
        "watch": process.watch,
        "measure": process.measure,
    }
    if context.codec.topics:
        loops |= {"consume": process.consume, "mirror": process.mirror}
    else:
        context.progress.started = True
    for index, extra in enumerate(app.loops):
        loops[f"loop{index}"] = lambda extra=extra: _once_open(context, extra)
    tasks = [asyncio.create_task(process.kept_up(name, loop), name=name) for name, loop in loops.items()]
    http = context.settings.http
    context.log.info("started", http=f"http://{http.host}:{http.port}", topics=context.codec.topics)
    stopped = asyncio.create_task(process.stop.wait())
    await asyncio.wait([stopped, serving], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    context.progress.stopping = True
    for task in tasks:
        task.cancel()
    _, left = await asyncio.wait(tasks, timeout=LOOPS_END_WITHIN)
    server.should_exit = True
    await asyncio.wait([serving], timeout=REQUESTS_WITHIN + 1)
    if left:
        context.log.warning("not finished", loops=sorted(task.get_name() for task in left))
    farewell = asyncio.create_task(context.relay.outbox.release(context.relay.owner))
    if not await ended(farewell, LEASE_WITHIN) or farewell.exception():
        context.log.warning("the lease of the relay is left to run out")
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
    try:
        code = uvloop.run(run(app, settings))
    except Misconfigured as error:
        sys.exit(f"{app.service.name}: {error}")
    sys.exit(code)
