"""Starting and stopping the whole system on one data directory."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path

import psutil

from embedded import front, kafka, postgres, smtp
from embedded.archive import ensure_archive
from embedded.desired import follow
from embedded.errand import run_once, together
from embedded.jars import ensure_jars
from embedded.ports import Ports
from embedded.probe import http_status, readiness
from embedded.progress import Say, quiet
from embedded.state import DESIRED, STATE, instance_of, lock_of, stop_leftovers
from embedded.supervisor import Spec, StartError, Supervisor

BOOTSTRAP, DSN, SMTP = "CROISSANCE_KAFKA__BOOTSTRAP_SERVERS", "CROISSANCE_DATABASE__DSN", "CROISSANCE_SMTP__URL"
PUBLIC = "CROISSANCE_PUBLIC_URL"


def service_names() -> list[str]:
    """The services installed here, by their entry points."""
    return sorted(point.name for point in entry_points(group="croissance.services"))


@dataclass(slots=True)
class Stack:
    """A running system.

    Attributes:
        data: its data directory.
        say: tells people what happens.
        supervisor: keeps its processes up.
        ports: where they listen.
        bootstrap_servers: address of the broker.
        dsn: of the database, with its password.
        smtp_url: where services send mail.
        public_url: what links in mails and labels begin with; "" while nothing answers there.
        status: "starting", "up" or "stopping".
        started_at: when, in UTC.
        http: service → process → base URL, of those that are ready.
        behind: processes that wait for `croissance recover`: they are up, though they do nothing.
    """

    data: Path
    say: Say
    supervisor: Supervisor
    ports: Ports
    bootstrap_servers: str = ""
    dsn: str = ""
    smtp_url: str = ""
    public_url: str = ""
    status: str = "starting"
    started_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))  # noqa: TID251
    http: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    behind: set[str] = field(default_factory=set[str])

    @property
    def inbox(self) -> Path:
        """The mbox that receives every mail."""
        return self.data / "inbox.mbox"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to reach this system."""
        found = {BOOTSTRAP: self.bootstrap_servers, DSN: self.dsn, SMTP: self.smtp_url}
        return found | ({PUBLIC: self.public_url} if self.public_url else {})

    def process_environment(self) -> dict[str, str]:
        """The user's environment with the addresses of this system."""
        return os.environ | self.environment  # noqa: TID251  children inherit the user's environment

    # --- what other processes may read

    def write_state(self) -> None:
        """Tell other processes what runs here: `stack.json`, replaced at once, readable by its owner only."""
        me = psutil.Process()
        children = self.supervisor.children
        state = {
            "status": self.status,
            "started_at": self.started_at,
            "supervisor": {"pid": me.pid, "created": me.create_time()},
            "bootstrap_servers": self.bootstrap_servers,
            "dsn": self.dsn,
            "smtp_url": self.smtp_url,
            "public_url": self.public_url,
            "inbox": str(self.inbox),
            "children": {name: child.record() for name, child in children.items()},
            "services": {
                service: {"instances": [instance_of(name, url, children.get(name)) for name, url in instances.items()]}
                for service, instances in self.http.items()
            },
        }
        scratch = self.data / f"{STATE}.new"
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(state, file, indent=1)
        scratch.replace(self.data / STATE)

    def set_status(self, status: str) -> None:
        """Move to another status and tell."""
        self.status = status
        self.write_state()

    # --- broker, database, inbox

    async def start_infrastructure(self) -> None:
        """Broker, database and inbox: ours, unless the environment names the user's.

        Raises:
            StartError: one did not start.
            RuntimeError: one cannot be prepared here.
        """
        given = {name: os.environ.get(name, "") for name in (BOOTSTRAP, DSN, SMTP)}  # noqa: TID251  user's own parts
        self.bootstrap_servers, self.dsn, self.smtp_url = given.values()
        starts = [
            start
            for address, start in (
                (self.dsn, self._start_database),
                (self.bootstrap_servers, self._start_broker),
                (self.smtp_url, self._start_inbox),
            )
            if not address
        ]
        await together(start() for start in starts)

    async def _start_database(self) -> None:
        command, self.dsn = await postgres.prepare(self.data / "postgres", await self.ports.regained("postgres"))
        ready = partial(postgres.answers, self.dsn)
        await self._start(
            Spec("postgres", command, ready, stop_signal=postgres.STOP, death_signal=postgres.DEATH), self.dsn
        )

    async def _start_broker(self) -> None:
        home = await ensure_jars(self.say)
        await ensure_archive(home, self.say)
        port, controller = await self.ports.regained("kafka"), await self.ports.regained("kafka-controller")
        command = await kafka.prepare(home, self.data / "kafka", port, controller)
        self.bootstrap_servers = f"127.0.0.1:{port}"
        ready = partial(kafka.answers, self.bootstrap_servers)
        await self._start(Spec("kafka", command, ready), self.bootstrap_servers)

    async def _start_inbox(self) -> None:
        port = await self.ports.regained("smtp")
        self.smtp_url = f"smtp://127.0.0.1:{port}"
        command = [sys.executable, "-m", "embedded.smtp", str(self.inbox), str(port)]
        await self._start(Spec("smtp", command, partial(smtp.answers, port)), self.smtp_url)

    async def _start(self, spec: Spec, address: str) -> None:
        await self.supervisor.start(spec)
        self.say(f"{spec.name} est prêt: {address.rpartition('@')[2]}")

    # --- services

    async def start_front(self) -> None:
        """The address that links lead to: ours, unless the environment names the user's.

        Raises:
            StartError: it did not start.
        """
        self.public_url = os.environ.get(PUBLIC, "")  # noqa: TID251  user's own address
        if not self.public_url:
            port = await self.ports.regained("front")
            self.public_url = f"http://127.0.0.1:{port}"
            command = [sys.executable, "-m", "embedded.front", str(self.data), str(port)]
            await self._start(Spec("front", command, partial(front.answers, port)), self.public_url)

    async def provision(self) -> None:
        """Schemas, migrations and topics.

        Raises:
            StartError: says what is wrong.
        """
        environment = self.process_environment()
        code, told = await run_once(sys.executable, "-m", "common.process.provision", env=environment)
        if code != 0:
            raise StartError(told.strip())

    async def scale(self, service: str, count: int) -> None:
        """Bring a service to `count` processes.

        Raises:
            StartError: a new process did not start; the others stay.
        """
        instances = self.http.setdefault(service, {})
        wanted = [f"{service}-{number}" for number in range(1, count + 1)]
        surplus = [name for name in instances if name not in wanted]
        try:
            await asyncio.gather(*(self.supervisor.stop_child(name) for name in surplus))
            for name in surplus:
                del instances[name]
            await together(self._start_service(service, name) for name in wanted if name not in instances)
        finally:
            self.write_state()

    async def _start_service(self, service: str, instance: str) -> None:
        port = await self.ports.regained(instance)
        environment = self.environment | {
            "CROISSANCE_HTTP__HOST": "127.0.0.1",
            "CROISSANCE_HTTP__PORT": str(port),
            "CROISSANCE_INSTANCE": instance,
        }

        async def ready() -> bool:
            found = await readiness(port)
            if found == "behind" and instance not in self.behind:
                self.behind.add(instance)
                self.say(f"{instance} attend : la base est en retard sur Kafka (croissance recover)")
            return found != "not"

        async def live() -> bool:
            return await http_status(port, "/health/live") is not None

        url = f"http://127.0.0.1:{port}"
        await self._start(Spec(instance, [sys.executable, "-m", service], ready, environment, live), url)
        self.http[service][instance] = url


@asynccontextmanager
async def infrastructure(data: Path, say: Say = quiet) -> AsyncGenerator[Stack]:
    """A broker, a database and an inbox on `data`, stopped when the block ends.

    Args:
        data: the data directory; made when it is missing, kept afterwards.
        say: tells people what happens.

    Raises:
        BusyError: another supervisor runs there.
        StartError: a part did not start; the text has the end of its log.
        DownloadError: Kafka could not be fetched.
        ChecksumError: what was fetched is not what this version was tested with.
    """
    data, lock = lock_of(data)
    try:
        await asyncio.to_thread(stop_leftovers, data, say)
        stack = Stack(data, say, Supervisor(data / "logs", say), Ports(data / "ports.json"))
        stack.supervisor.changed = stack.write_state
        try:
            await stack.start_infrastructure()
            stack.write_state()
            yield stack
        finally:
            stack.status = "stopping"
            await stack.supervisor.stop()
            (data / STATE).unlink(missing_ok=True)
    finally:
        lock.close()


@asynccontextmanager
async def running(
    data: Path,
    services: Sequence[str] | None = None,
    scale: Mapping[str, int] | None = None,
    say: Say = quiet,
) -> AsyncGenerator[Stack]:
    """The whole system on `data`: infrastructure, provisioning, then every service, stopped when the block ends.

    Args:
        data: the data directory.
        services: which; all that are installed by default.
        scale: how many processes of a service; one by default.
        say: tells people what happens.

    Raises:
        BusyError: another supervisor runs there.
        StartError: a part did not start.
        DownloadError: Kafka could not be fetched.
        ChecksumError: what was fetched is not what this version was tested with.
    """
    names: Iterable[str] = service_names() if services is None else services
    counts = dict.fromkeys(names, 1) | dict(scale or {})
    async with infrastructure(data, say) as stack:
        (stack.data / DESIRED).unlink(missing_ok=True)
        await stack.start_front()
        await stack.provision()
        await together(stack.scale(name, count) for name, count in counts.items())
        stack.set_status("up")
        follower = asyncio.create_task(follow(stack.data, stack.http, stack.scale, say), name="follow desired")
        try:
            yield stack
        finally:
            follower.cancel()
            await asyncio.gather(follower, return_exceptions=True)
