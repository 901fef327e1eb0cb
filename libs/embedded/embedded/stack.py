"""Starting and stopping the whole system on one data directory."""

import asyncio
import fcntl
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from asyncio.subprocess import PIPE
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import IO, Any

import httpx
import psutil

from embedded import kafka, postgres, smtp
from embedded.jars import kafka_jars
from embedded.ports import Ports
from embedded.supervisor import Say, Spec, StartError, Supervisor, stop_stale

BOOTSTRAP, DSN, SMTP = "CROISSANCE_KAFKA__BOOTSTRAP_SERVERS", "CROISSANCE_DATABASE__DSN", "CROISSANCE_SMTP__URL"
STATE, DESIRED = "stack.json", "desired.json"


class BusyError(RuntimeError):
    """Another supervisor already runs on this data directory."""


def quiet(_: str) -> None:
    """Say nothing."""


def state_of(data: Path) -> dict[str, Any] | None:
    """What runs on a data directory as its supervisor last wrote it; None when no supervisor lives there."""
    try:
        state: dict[str, Any] = json.loads((data / STATE).read_text("utf-8"))
        process = psutil.Process(state["supervisor"]["pid"])
        alive = abs(process.create_time() - state["supervisor"]["created"]) < 0.05
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    return state if alive else None


def service_names() -> list[str]:
    """The services installed here, by their entry points."""
    return sorted(point.name for point in entry_points(group="croissance.services"))


@dataclass(slots=True)
class Stack:
    """A running system.

    Attributes:
        data: its data directory.
        bootstrap_servers: address of the broker.
        dsn: of the database, with its password.
        smtp_url: where services send mail.
    """

    data: Path
    say: Say
    supervisor: Supervisor
    ports: Ports
    bootstrap_servers: str = ""
    dsn: str = ""
    smtp_url: str = ""
    status: str = "starting"
    http: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])

    @property
    def inbox(self) -> Path:
        """The mbox that receives every mail."""
        return self.data / "inbox.mbox"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to reach this system."""
        return {BOOTSTRAP: self.bootstrap_servers, DSN: self.dsn, SMTP: self.smtp_url}

    def process_environment(self) -> dict[str, str]:
        """The user's environment with the addresses of this system."""
        return os.environ | self.environment  # noqa: TID251  children inherit the user's environment

    def write_state(self) -> None:
        """Tell other processes what runs here: `stack.json`, replaced at once, readable by its owner only."""
        me = psutil.Process()
        children = {
            name: {"pid": child.pid, "created": child.created, "restarts": child.restarts}
            for name, child in self.supervisor.children.items()
        }
        services = {
            name: {
                "instances": [
                    {"instance": i, "http_url": url, "pid": children.get(i, {}).get("pid"),
                     "restarts": children.get(i, {}).get("restarts", 0)}
                    for i, url in instances.items()
                ]
            }
            for name, instances in self.http.items()
        }  # fmt: skip
        state = {
            "status": self.status,
            "supervisor": {"pid": me.pid, "created": me.create_time()},
            "bootstrap_servers": self.bootstrap_servers,
            "dsn": self.dsn,
            "smtp_url": self.smtp_url,
            "inbox": str(self.inbox),
            "children": children,
            "services": services,
        }
        scratch = self.data / f"{STATE}.new"
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(state, file, indent=1)
        scratch.replace(self.data / STATE)

    async def start_infrastructure(self) -> None:
        """Broker, database and inbox: ours, unless the environment names the user's."""
        given = {name: os.environ.get(name, "") for name in (BOOTSTRAP, DSN, SMTP)}  # noqa: TID251  user's own parts
        self.bootstrap_servers, self.dsn, self.smtp_url = given.values()
        starts: list[Any] = []
        if not self.bootstrap_servers:
            jars = await asyncio.to_thread(kafka_jars, self.say)
            port, controller = self.ports.get("kafka"), self.ports.get("kafka-controller")
            self.bootstrap_servers = f"127.0.0.1:{port}"
            command = await asyncio.to_thread(kafka.prepare, self.data / "kafka", jars, port, controller)
            starts.append(self.supervisor.start(Spec("kafka", command, partial(kafka.answers, self.bootstrap_servers))))
        if not self.dsn:
            command, self.dsn = await asyncio.to_thread(postgres.prepare, self.data / "postgres", self.ports.get("postgres"))
            ready = partial(postgres.answers, self.dsn)
            starts.append(self.supervisor.start(Spec("postgres", command, ready, stop_signal=signal.SIGINT)))
        if not self.smtp_url:
            port = self.ports.get("smtp")
            self.smtp_url = f"smtp://127.0.0.1:{port}"
            command = [sys.executable, "-m", "embedded.smtp", str(self.inbox), str(port)]
            starts.append(self.supervisor.start(Spec("smtp", command, partial(smtp.answers, port))))
        for start in asyncio.as_completed(starts):
            child = await start
            self.say(f"{child.spec.name} est prêt")

    async def provision(self) -> None:
        """Schemas, migrations and topics."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "common.provision", env=self.process_environment(), stdout=PIPE, stderr=PIPE
        )
        output, errors = await process.communicate()
        if process.returncode != 0:
            raise StartError((errors or output).decode(errors="replace").strip())

    async def scale(self, service: str, count: int) -> None:
        """Bring a service to `count` processes."""
        instances = self.http.setdefault(service, {})
        wanted = [f"{service}-{number}" for number in range(1, count + 1)]
        for instance in [name for name in instances if name not in wanted]:
            await self.supervisor.stop_child(instance)
            del instances[instance]
        starting = [self._start_service(service, name) for name in wanted if name not in instances]
        await asyncio.gather(*starting)
        self.write_state()

    async def _start_service(self, service: str, instance: str) -> None:
        port = self.ports.get(instance)
        url = f"http://127.0.0.1:{port}"
        self.http[service][instance] = url
        environment = self.environment | {
            "CROISSANCE_HTTP__HOST": "127.0.0.1",
            "CROISSANCE_HTTP__PORT": str(port),
            "CROISSANCE_INSTANCE": instance,
        }

        async def ready() -> bool:
            with suppress(httpx.HTTPError):
                async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
                    return (await client.get(f"{url}/health/ready")).status_code == httpx.codes.OK
            return False

        command = [sys.executable, "-m", service]
        await self.supervisor.start(Spec(instance, command, ready, environment, f"{url}/health/live"))
        self.say(f"{instance} est prêt: {url}")

    async def follow_desired(self) -> None:
        """Apply what `croissance scale` asks for, until cancelled."""
        file, seen = self.data / DESIRED, ""
        while True:
            text = file.read_text("utf-8") if file.exists() else ""
            if text and text != seen:
                seen = text
                for service, count in json.loads(text).items():
                    if service in self.http:
                        self.say(f"{service}: {count} processus demandés")
                        await self.scale(service, count)
            await asyncio.sleep(0.5)


def _lock(data: Path) -> IO[str]:
    data.mkdir(parents=True, exist_ok=True)
    file = (data / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise BusyError(f"un système tourne déjà sur {data}: `croissance status`, ou `croissance down` d'abord") from None
    return file


@asynccontextmanager
async def infrastructure(data: Path, say: Say = quiet) -> AsyncGenerator[Stack]:
    """A broker, a database and an inbox on `data`, stopped when the block ends.

    Raises:
        BusyError: another supervisor runs there.
        StartError: a part did not start; the text has the end of its log.
    """
    data = data.resolve()
    lock = _lock(data)
    stack = Stack(data, say, Supervisor(data / "logs", say), Ports(data / "ports.json"))
    stack.supervisor.changed = stack.write_state
    try:
        with suppress(OSError, ValueError):
            stop_stale(json.loads((data / STATE).read_text("utf-8")).get("children", {}), say)
        await stack.start_infrastructure()
        stack.write_state()
        yield stack
    finally:
        stack.status = "stopping"
        await stack.supervisor.stop()
        (data / STATE).unlink(missing_ok=True)
        lock.close()


@asynccontextmanager
async def running(
    data: Path,
    services: Sequence[str] | None = None,
    scale: Mapping[str, int] | None = None,
    say: Say = quiet,
) -> AsyncGenerator[Stack]:
    """The whole system on `data`: infrastructure, provisioning, then every service (or those named).

    Raises:
        BusyError: another supervisor runs there.
        StartError: a part did not start.
    """
    names: Iterable[str] = service_names() if services is None else services
    counts = dict.fromkeys(names, 1) | dict(scale or {})
    (data / DESIRED).unlink(missing_ok=True)
    async with infrastructure(data, say) as stack:
        await stack.provision()
        await asyncio.gather(*(stack.scale(name, count) for name, count in counts.items()))
        stack.status = "up"
        stack.write_state()
        follower = asyncio.create_task(stack.follow_desired())
        try:
            yield stack
        finally:
            follower.cancel()
            await asyncio.gather(follower, return_exceptions=True)
