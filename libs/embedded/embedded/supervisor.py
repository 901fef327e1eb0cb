"""Child processes that stay up: started, watched, restarted with back-off, stopped in reverse order; nobody else's."""

import asyncio
import ctypes
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
"""Seconds before a restart: doubling from the first to the longest while a child dies young."""

STEADY_AFTER = 30.0
"""Seconds a child must live to be restarted as quickly as the first time."""

FROZEN_AFTER = 15.0
"""Seconds without an answer on its liveness door after which a child is killed and restarted."""

LOG_LIMIT = 20 * 2**20
"""Bytes of a log file after which the next start of the child begins a new one (one old one is kept)."""

PR_SET_PDEATHSIG = 1
Say = Callable[[str], None]
Ready = Callable[[], Awaitable[bool]]


class StartError(RuntimeError):
    """A child did not become ready; the text has the end of its log."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What to run.

    Attributes:
        name: of the child and its log file.
        command: argument vector.
        environment: variables added to ours.
        ready: answers True once the child does its work.
        live_url: HTTP door that must answer while the child lives, or "".
        stop_signal: asks for a graceful stop.
        stop_seconds: patience before SIGKILL.
    """

    name: str
    command: Sequence[str]
    ready: Ready
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    live_url: str = ""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 20.0


@dataclass(slots=True)
class Child:
    """A supervised process."""

    spec: Spec
    process: asyncio.subprocess.Process | None = None
    created: float = 0.0
    restarts: int = 0
    stopping: bool = False
    keeper: "asyncio.Task[None] | None" = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        alive = self.process is not None and self.process.returncode is None
        return self.process.pid if alive and self.process else None


def _die_with_parent(number: int) -> Callable[[], None]:
    """Runs in the child before exec: the kernel ends it when the supervisor dies, however it dies (Linux)."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def set_signal() -> None:
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, number)

    return set_signal


@dataclass(slots=True)
class Supervisor:
    """Keeps children up until `stop`.

    Attributes:
        logs: folder of the log files.
        say: tells people what happens.
        changed: called after every start and stop of a child.
    """

    logs: Path
    say: Say
    changed: Callable[[], None] = lambda: None
    children: dict[str, Child] = field(default_factory=dict[str, Child])

    async def start(self, spec: Spec, patience: float = 60.0) -> Child:
        """Start a child and wait until it is ready.

        Raises:
            StartError: it is not ready in time, or died thrice before.
        """
        child = self.launch(spec)
        deadline = time.monotonic() + patience
        while not await spec.ready():
            if time.monotonic() > deadline or child.restarts >= 3:
                tail = self._log(spec.name).read_bytes()[-2000:].decode(errors="replace")
                await self.stop_child(spec.name)
                raise StartError(f"{spec.name} ne démarre pas. Fin de son journal:\n{tail}")
            await asyncio.sleep(0.1)
        return child

    def launch(self, spec: Spec) -> Child:
        """Start a child without waiting."""
        child = self.children[spec.name] = Child(spec)
        child.keeper = asyncio.create_task(self._keep(child), name=f"keep {spec.name}")
        return child

    async def stop_child(self, name: str) -> None:
        """Stop one child: politely, then for good."""
        child = self.children.get(name)
        if child is None:
            return
        child.stopping = True
        process = child.process
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)  # a frozen child cannot hear the next signal
                process.send_signal(child.spec.stop_signal)
            try:
                await asyncio.wait_for(process.wait(), child.spec.stop_seconds)
            except TimeoutError:
                self.say(f"{name} ne s'arrête pas: arrêt forcé")
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if child.keeper is not None:
            child.keeper.cancel()
            await asyncio.gather(child.keeper, return_exceptions=True)
        del self.children[name]
        self.changed()

    async def stop(self) -> None:
        """Stop every child in the reverse order of its start; services of the same kind together."""
        names = list(self.children)
        services = [name for name in names if self.children[name].spec.live_url]
        await asyncio.gather(*(self.stop_child(name) for name in services))
        for name in reversed([name for name in names if name not in services]):
            await self.stop_child(name)

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    async def _keep(self, child: Child) -> None:
        """Run the child again whenever it ends, until it is asked to stop."""
        pause = FIRST_PAUSE
        while not child.stopping:
            began = time.monotonic()
            code = await self._run(child)
            if child.stopping:
                return
            pause = FIRST_PAUSE if time.monotonic() - began > STEADY_AFTER else min(LONGEST_PAUSE, pause * 2)
            child.restarts += 1
            self.say(f"{child.spec.name} s'est arrêté ({_reason(code)}): redémarrage dans {pause:.1f} s")
            await asyncio.sleep(pause)

    async def _run(self, child: Child) -> int:
        """One life of the child; returns its exit code."""
        spec = child.spec
        log = self._log(spec.name)
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
        death = signal.SIGQUIT if spec.stop_signal == signal.SIGINT else signal.SIGKILL
        with log.open("ab") as output:
            child.process = await asyncio.create_subprocess_exec(
                *spec.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | dict(spec.environment),  # noqa: TID251  children inherit the user's environment
                cwd="/",
                start_new_session=True,
                preexec_fn=_die_with_parent(death),
            )
        with suppress(psutil.Error):
            child.created = psutil.Process(child.process.pid).create_time()
        self.changed()
        watcher = asyncio.create_task(self._watch(child, child.process)) if spec.live_url else None
        try:
            return await child.process.wait()
        finally:
            if watcher is not None:
                watcher.cancel()
            self.changed()

    async def _watch(self, child: Child, process: asyncio.subprocess.Process) -> None:
        """Kill a child that stopped answering: a frozen process holds its partitions and helps nobody."""
        answered = time.monotonic() + STEADY_AFTER  # it may need that long to start
        async with httpx.AsyncClient(timeout=3.0, trust_env=False) as client:
            while process.returncode is None:
                await asyncio.sleep(2)
                with suppress(httpx.HTTPError):
                    await client.get(child.spec.live_url)
                    answered = max(answered, time.monotonic())
                if time.monotonic() - answered > FROZEN_AFTER:
                    self.say(f"{child.spec.name} ne répond plus: arrêt forcé")
                    with suppress(ProcessLookupError):
                        process.kill()
                    return


def _reason(code: int) -> str:
    if code < 0:
        return signal.Signals(-code).name
    return f"code {code}"


def stop_stale(recorded: Mapping[str, Any], say: Say) -> int:
    """Stop children that a supervisor left behind, known by process id and start time; returns how many."""
    stopped = 0
    for name, entry in recorded.items():
        with suppress(psutil.Error, KeyError, TypeError):
            process = psutil.Process(entry["pid"])
            if abs(process.create_time() - entry["created"]) < 0.05:
                say(f"{name} (processus {entry['pid']}) est resté d'une session précédente: arrêt")
                process.send_signal(signal.SIGCONT)
                process.terminate()
                with suppress(psutil.TimeoutExpired):
                    process.wait(10)
                if process.is_running():
                    process.kill()
                stopped += 1
    return stopped
