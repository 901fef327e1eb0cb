"""Child processes that stay up: started, watched, restarted with back-off, stopped in reverse order; nobody else's."""

import asyncio
import ctypes
import os
import shutil
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from embedded.probe import computed
from embedded.progress import Say

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
"""Seconds before a restart: doubling from the first to the longest while a child dies young."""

STEADY_AFTER = 10.0
"""Seconds a child must live to be restarted as quickly as the first time."""

START_TAKES = 30.0
"""Seconds a child may need before it first answers on its liveness door."""

FROZEN_AFTER = 15.0
"""Seconds without an answer on its liveness door, and without work, after which a child is killed and restarted."""

BUSY_FOR = 120.0
"""Seconds that a child without an answer may go on working before it counts as lost in what it does."""

WORKING = 0.02
"""Share of the time between two looks that a child must have computed to count as working, not frozen."""

LOOK_EVERY = 2.0
"""Seconds between two looks at a child: is it alive, is its log small."""

LOG_LIMIT = 20 * 2**20
"""Bytes of a log file after which it is put aside and begun anew (one old one is kept)."""

DEATHS_AT_START = 3
"""How often a child may die before it is ready; more is a fault that waiting does not mend."""

NOT_STARTED = 127
"""Exit code of a child whose program cannot be run at all, as a shell gives it."""

PR_SET_PDEATHSIG = 1

Ready = Callable[[], Awaitable[bool]]


class StartError(RuntimeError):
    """A child did not become ready; the text has the end of its log."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What to run.

    Attributes:
        name: of the child and its log file.
        command: argument vector.
        ready: answers True once the child does its work.
        environment: variables added to ours.
        live: answers True while the child lives, or None when nobody asks; a child that stays silent is killed.
        stop_signal: asks for a graceful stop.
        death_signal: what the kernel sends when the supervisor dies without stopping it.
        stop_seconds: patience before SIGKILL.
    """

    name: str
    command: Sequence[str]
    ready: Ready
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    live: Ready | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    stop_seconds: float = 20.0


@dataclass(slots=True)
class Child:
    """A supervised process.

    Attributes:
        spec: what it runs.
        process: its present or last life.
        created: when that life began, as the kernel counts; with the pid it names the process for good.
        restarts: how often it was started again.
        stopping: it was asked to stop.
        keeper: the task that runs it again.
    """

    spec: Spec
    process: Process | None = None
    created: float = 0.0
    restarts: int = 0
    stopping: bool = False
    keeper: "asyncio.Task[None] | None" = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self.process.pid if self.process is not None and self.process.returncode is None else None

    def record(self) -> dict[str, Any]:
        """What a later supervisor needs to stop it, should this one be killed."""
        return {
            "pid": self.pid,
            "created": self.created,
            "restarts": self.restarts,
            "stop_signal": int(self.spec.stop_signal),
        }


def die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """What a child does before exec: the kernel then ends it when its parent dies, however it dies (Linux only)."""
    if sys.platform != "linux":
        return None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def ask_kernel() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # it died before the kernel knew
            os._exit(NOT_STARTED)

    return ask_kernel


def put_aside(log: Path) -> None:
    """Begin a log anew when it is too large. The child goes on writing to the same file, which it opened to append."""
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)


@dataclass(slots=True)
class Supervisor:
    """Keeps children up until `stop`.

    Attributes:
        logs: folder of the log files.
        say: tells people what happens.
        changed: called after every start and end of a child.
        children: those that are to be up, in the order of their start.
    """

    logs: Path
    say: Say
    changed: Callable[[], None] = lambda: None
    children: dict[str, Child] = field(default_factory=dict[str, Child])

    async def start(self, spec: Spec, patience: float = 120.0) -> Child:
        """Start a child and wait until it is ready.

        Raises:
            StartError: it is not ready in time, or keeps dying; it is stopped.
        """
        child = self.launch(spec)
        deadline = time.monotonic() + patience
        while not (child.pid is not None and await spec.ready()):
            if time.monotonic() > deadline or child.restarts >= DEATHS_AT_START:
                await self.stop_child(spec.name)
                raise StartError(f"{spec.name} ne démarre pas. Fin de son journal:\n{self.log_tail(spec.name)}")
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
                process.send_signal(child.spec.stop_signal)
                process.send_signal(signal.SIGCONT)  # a frozen child hears the signal only when it goes on
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
        self.children.pop(name, None)
        self._tell_changed()

    async def stop(self) -> None:
        """Stop every child: those that serve together, then what they stand on, last started first."""
        services = [name for name, child in self.children.items() if child.spec.live is not None]
        await asyncio.gather(*(self.stop_child(name) for name in services))
        for name in reversed(list(self.children)):
            await self.stop_child(name)

    def log_tail(self, name: str, size: int = 2000) -> str:
        """The end of a child's log."""
        log = self._log(name)
        return log.read_bytes()[-size:].decode(errors="replace") if log.exists() else ""

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def _tell_changed(self) -> None:
        """A full disk must not keep a child from being restarted."""
        try:
            self.changed()
        except OSError as error:
            self.say(f"l'état ne peut pas être écrit: {error}")

    async def _keep(self, child: Child) -> None:
        """Run the child again whenever it ends, until it is asked to stop."""
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            code = await self._run(child)
            if child.stopping:
                return
            if time.monotonic() - began > STEADY_AFTER:
                pause = FIRST_PAUSE
            child.restarts += 1
            self._tell_changed()
            self.say(f"{child.spec.name} s'est arrêté ({_reason(code)}): redémarrage dans {pause:.1f} s")
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    async def _run(self, child: Child) -> int:
        """One life of the child; returns its exit code."""
        spec = child.spec
        log = self._log(spec.name)
        log.parent.mkdir(parents=True, exist_ok=True)
        put_aside(log)
        with log.open("ab") as output:
            try:
                process = child.process = await asyncio.create_subprocess_exec(
                    *spec.command,
                    stdin=DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=os.environ | dict(spec.environment),  # noqa: TID251  children inherit the user's environment
                    cwd="/",
                    start_new_session=True,
                    preexec_fn=die_with_parent(spec.death_signal),
                )
            except (OSError, ValueError) as error:
                output.write(f"{spec.command[0]}: {error}\n".encode())
                return NOT_STARTED
        with suppress(psutil.Error):
            child.created = psutil.Process(process.pid).create_time()
        self._tell_changed()
        watcher = asyncio.create_task(self._watch(spec, process, log), name=f"watch {spec.name}")
        try:
            return await process.wait()
        finally:
            watcher.cancel()

    async def _watch(self, spec: Spec, process: Process, log: Path) -> None:
        """Keep the log small; kill a child that stopped answering: frozen, it holds its partitions and helps nobody.

        One that computes is busy, not frozen: killing it would make its load that of the others. It has `BUSY_FOR`.
        """
        answered = moved = time.monotonic() + START_TAKES
        spent, looked = computed(process.pid), time.monotonic()
        while True:
            await asyncio.sleep(LOOK_EVERY)
            with suppress(OSError):
                put_aside(log)
            if spec.live is None:
                continue
            lives, now = await spec.live(), time.monotonic()
            before, spent = spent, computed(process.pid)
            if spent - before > WORKING * (now - looked):
                moved = max(moved, now)
            looked = now
            if lives:
                answered = moved = now
            elif now - moved > FROZEN_AFTER or now - answered > BUSY_FOR:
                self.say(f"{spec.name} ne répond plus: arrêt forcé")
                with suppress(ProcessLookupError):
                    process.kill()
                return


def _reason(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"code {code}"
