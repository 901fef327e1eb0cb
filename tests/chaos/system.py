"""The system under chaos: our own broker and database, proxies before them, the services behind `croissance up`."""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from chaos.proxy import Proxy
from chaos.schedule import DOUBLED
from croissance.querying import connect
from embedded import kafka, postgres
from embedded.archive import ensure_archive
from embedded.jars import ensure_jars
from embedded.ports import Ports
from embedded.probe import http_status
from embedded.progress import Say
from embedded.stack import BOOTSTRAP, DSN
from embedded.state import state_of
from embedded.supervisor import Spec, Supervisor

CROISSANCE = (sys.executable, "-m", "croissance")


PATIENCE: Final = 60.0
"""Seconds to wait for what a fault needs, such as a process that is just coming back."""


class Process(NamedTuple):
    """One process of a service."""

    name: str
    pid: int | None
    url: str


class CommandError(Exception):
    """A `croissance` command failed; the text is what it said."""


@dataclass(frozen=True, slots=True)
class System:
    """What the faults act on.

    Attributes:
        data: its folder.
        base: keeps broker and database up.
        broker: the proxy that every service reaches the broker through.
        database: the proxy that every service reaches the database through.
        bootstrap: the broker itself, past the proxy.
        dsn: the database itself, past the proxy.
    """

    data: Path
    base: Supervisor
    broker: Proxy
    database: Proxy
    bootstrap: str
    dsn: str

    @property
    def services(self) -> Path:
        """The data directory of the services."""
        return self.data / "services"

    def state(self) -> dict[str, Any]:
        """What the services' supervisor last wrote."""
        state = state_of(self.services)
        if state is None:
            raise CommandError("le superviseur des services est mort")
        return state

    def processes(self, service: str) -> list[Process]:
        """The processes of a service."""
        found = self.state()["services"][service]["instances"]
        return [Process(each["instance"], each["pid"], each["http_url"]) for each in found]

    def doors(self) -> dict[str, tuple[str, ...]]:
        """Service → addresses of its processes."""
        return {name: tuple(p.url for p in self.processes(name)) for name in self.state()["services"]}

    async def all_ready(self) -> bool:
        """Whether every process answers that it is ready."""
        ports = [urlsplit(url).port or 0 for urls in self.doors().values() for url in urls]
        return set(await asyncio.gather(*(http_status(port, "/health/ready") for port in ports))) == {200}

    async def croissance(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run a command as an operator would; returns its output.

        Raises:
            CommandError: it ended with another code.
        """
        command = (*CROISSANCE, *arguments, "--data", str(self.services))
        process = await asyncio.create_subprocess_exec(
            *command, env=self.environment, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
        )
        output, errors = await process.communicate()
        if process.returncode not in codes:
            raise CommandError(f"croissance {' '.join(arguments)}: {errors.decode(errors='replace')[-3000:]}")
        return output.decode()

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Any]:
        """A connection to the database, past the proxy; waits for a database that comes back."""
        connection = await connect(self.dsn)
        try:
            yield connection
        finally:
            await connection.close()

    @property
    def environment(self) -> dict[str, str]:
        """Ours, with the proxies as the addresses of broker and database; nothing else reaches the services."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CROISSANCE_")}
        cache = {name: value for name, value in os.environ.items() if name == "CROISSANCE_CACHE"}
        behind = urlsplit(self.dsn)
        dsn = behind._replace(netloc=f"{behind.netloc.rpartition(':')[0]}:{self.database.port}").geturl()
        return kept | cache | {BOOTSTRAP: f"127.0.0.1:{self.broker.port}", DSN: dsn}


@asynccontextmanager
async def system(data: Path, say: Say, doubled: Sequence[str] = DOUBLED) -> AsyncGenerator[System]:
    """Everything up on `data`, two processes of the services that are `doubled`; stopped when the block ends.

    The broker has a listener more than usual: what it advertises there is the proxy's port, so that a client that
    starts at the proxy stays behind it.
    """
    ports, base = Ports(data / "ports.json"), Supervisor(data / "logs", say)
    direct, proxied, controller, database = [ports.get(name) for name in ("kafka", "proxied", "controller", "postgres")]
    async with Proxy(proxied, ports.get("broker-proxy")) as broker, Proxy(database, ports.get("db-proxy")) as db:
        server, dsn = await postgres.prepare(data / "postgres", database)
        spec = Spec("postgres", server, lambda: postgres.answers(dsn), stop_signal=postgres.STOP)
        home = await ensure_jars(say)
        await ensure_archive(home, say)
        java = await kafka.prepare(home, data / "kafka", direct, controller)
        java += _listeners(direct, controller, proxied, broker.port)
        bootstrap = f"127.0.0.1:{direct}"
        made = System(data, base, broker, db, bootstrap, dsn)
        try:
            await asyncio.gather(
                base.start(spec), base.start(Spec("kafka", java, lambda: kafka.answers(bootstrap), stop_seconds=60))
            )
            twice = [part for name in doubled for part in ("--scale", f"{name}=2")]
            await made.croissance("up", "--detach", *twice)
            yield made
        finally:
            await made.croissance("down", codes=(0, 1))
            await base.stop()


def _listeners(direct: int, controller: int, proxied: int, advertised: int) -> list[str]:
    """The broker's arguments for a third listener that leads clients through the proxy."""
    home = "://127.0.0.1"
    settings = {
        "listeners": f"PLAINTEXT{home}:{direct},CONTROLLER{home}:{controller},PROXIED{home}:{proxied}",
        "advertised.listeners": f"PLAINTEXT{home}:{direct},PROXIED{home}:{advertised}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT",
    }
    return [part for name, value in settings.items() for part in ("--override", f"{name}={value}")]
