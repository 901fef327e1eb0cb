"""The faults: each function brings one about, lets it last, mends it, and returns what it befell, for the report.

When it returns the fault is over: a killed process is dead, a frozen one goes on, a cut link may be opened again.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from random import Random
from typing import Final

from chaos.outside import aborted, huge_header, poison, silent_callers, topic_anew
from chaos.schedule import Fault, Kind
from chaos.system import PATIENCE, CommandError, Process, System
from embedded.ports import free_port
from embedded.probe import http_status

SLOW = 0.06
"""Seconds that each chunk takes longer on a slow link, each way."""

FOUR, TWO = 4, 2
"""Processes of a service while it is scaled up, and otherwise."""

AHEAD = 400
"""Days that the clock of the process with the wrong clock is ahead: most deadlines fall due for it."""

Bring = Callable[[System, Fault], Awaitable[str]]


# --- processes


async def kill_worker(system: System, fault: Fault) -> str:
    """End a process of a service at once, in the middle of whatever it does."""
    return _kill(Random(fault.pause).choice(await _alive(system, fault.victim)))


async def kill_relay(system: System, fault: Fault) -> str:
    """End the process that publishes for a service, in the middle of a send if it has one under way."""
    return _kill(await _relay_holder(system, fault.victim))


async def kill_base(system: System, fault: Fault) -> str:
    """End the broker or the postmaster at once."""
    child = system.base.children[fault.victim]
    return _kill(Process(fault.victim, child.pid, ""))


async def freeze(system: System, fault: Fault) -> str:
    """Freeze the process that publishes for a service until others have its partitions and its lease; then wake it."""
    victim = await _relay_holder(system, fault.victim)
    if victim.pid is None:
        raise CommandError(f"{victim.name} ne tourne pas")
    os.kill(victim.pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(fault.seconds)
    finally:
        with suppress(ProcessLookupError):  # its supervisor may have ended it
            os.kill(victim.pid, signal.SIGCONT)
    return victim.name


async def scale(system: System, fault: Fault) -> str:
    """Two processes more, and two less."""
    await system.croissance("scale", f"{fault.victim}={FOUR}")
    await asyncio.sleep(fault.seconds)
    await system.croissance("scale", f"{fault.victim}={TWO}")
    return f"{fault.victim}: {TWO} → {FOUR} → {TWO}"


async def _alive(system: System, service: str) -> list[Process]:
    """The processes of a service that run; at least one."""
    async with asyncio.timeout(PATIENCE):
        while not (found := [each for each in system.processes(service) if each.pid is not None]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return found


async def _relay_holder(system: System, service: str) -> Process:
    """The process that holds the lease of most partitions of a service, else any."""
    async with system.connection() as connection:
        owner: str = await connection.fetchval(HOLDER.format(schema=service))
    alive = await _alive(system, service)
    return next((each for each in alive if owner.startswith(f"{each.name}-{each.pid}-")), alive[0])


HOLDER: Final = """select coalesce((select owner from "{schema}".outbox_published where leased_until > now()
    group by owner order by count(*) desc limit 1), '')"""


def _kill(victim: Process) -> str:
    if victim.pid is not None:
        with suppress(ProcessLookupError):
            os.kill(victim.pid, signal.SIGKILL)
    return victim.name


# --- network


async def cut_broker(system: System, fault: Fault) -> str:
    """Reset every connection of a service to the broker, old and new."""
    with system.broker.cut(fault.victim):
        await asyncio.sleep(fault.seconds)
    return fault.victim


async def cut_database(system: System, fault: Fault) -> str:
    """Reset every connection of a service to the database, old and new."""
    with system.database.cut(fault.victim):
        await asyncio.sleep(fault.seconds)
    return fault.victim


async def silence_broker(system: System, fault: Fault) -> str:
    """Let nothing through between a service and the broker, without a word to either; then all of it."""
    with system.broker.silenced(fault.victim):
        await asyncio.sleep(fault.seconds)
    return fault.victim


async def silence_database(system: System, fault: Fault) -> str:
    """Let nothing through between a service and the database, without a word to either; then all of it."""
    with system.database.silenced(fault.victim):
        await asyncio.sleep(fault.seconds)
    return fault.victim


async def lose_answers(system: System, fault: Fault) -> str:
    """Let the broker have all that a service sends, and the service nothing that the broker answers; then reset."""
    with system.broker.unanswered(fault.victim):
        await asyncio.sleep(fault.seconds)
    return fault.victim


async def slow_network(system: System, fault: Fault) -> str:
    """Make both links of a service slow."""
    with ExitStack() as slowed:
        slowed.enter_context(system.broker.slowed(fault.victim, SLOW))
        slowed.enter_context(system.database.slowed(fault.victim, SLOW))
        await asyncio.sleep(fault.seconds)
    return f"{fault.victim}: {2 * SLOW * 1000:.0f} ms de plus par aller-retour"


# --- database, data, time


async def disk_full(system: System, fault: Fault) -> str:
    """Let a service's outbox answer as a full disk does: SQLSTATE 53100 for every row."""
    async with system.connection() as connection:
        await connection.execute(FULL.format(schema=fault.victim))
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            await connection.execute(ROOM_AGAIN.format(schema=fault.victim))
    return fault.victim


FULL: Final = """create or replace function "{schema}".disk_full() returns trigger language plpgsql as
    $$ begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
    create trigger disk_full before insert on "{schema}".outbox for each row
    execute function "{schema}".disk_full()"""
ROOM_AGAIN: Final = 'drop trigger disk_full on "{schema}".outbox'


async def read_only(system: System, fault: Fault) -> str:
    """Answer as a former primary does after a failover: every session is cut, and new ones may only read."""
    async with system.connection() as connection:
        name: str = await connection.fetchval("select quote_ident(current_database())")
        await connection.execute(f"alter database {name} set default_transaction_read_only = on")
        try:
            await connection.execute(CUT)
            await asyncio.sleep(fault.seconds)
        finally:
            await connection.execute(f"alter database {name} reset default_transaction_read_only")
    return fault.victim


CUT: Final = """select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"""


async def clock_jump(system: System, fault: Fault) -> str:
    """Let a process whose clock is far ahead join a service, work and leave."""
    state, port = system.state(), free_port()
    environment = system.environment | {
        "CROISSANCE_SMTP__URL": state["smtp_url"],
        "CROISSANCE_HTTP__PORT": str(port),
        "CROISSANCE_INSTANCE": f"{fault.victim}-{AHEAD}",
    }
    with (system.data / "clock.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WRONG_CLOCK.format(days=AHEAD, service=fault.victim)),
            env=environment,
            stdin=DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                while await http_status(port, "/health/ready") != 200:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            await asyncio.sleep(fault.seconds)
            process.terminate()
            await process.wait()
        finally:
            with suppress(ProcessLookupError):
                process.kill()
    return f"{fault.victim}: {AHEAD} jours"


WRONG_CLOCK: Final = """
import runpy
from datetime import timedelta
from common.core import clock
clock.shift(timedelta(days={days}))
runpy.run_module("{service}", run_name="__main__", alter_sys=True)
"""


FAULTS: Final[dict[Kind, Bring]] = {
    Kind.KILL_WORKER: kill_worker,
    Kind.KILL_RELAY: kill_relay,
    Kind.KILL_BROKER: kill_base,
    Kind.KILL_POSTMASTER: kill_base,
    Kind.FREEZE: freeze,
    Kind.SCALE: scale,
    Kind.CUT_BROKER: cut_broker,
    Kind.CUT_DATABASE: cut_database,
    Kind.SILENCE_BROKER: silence_broker,
    Kind.SILENCE_DATABASE: silence_database,
    Kind.LOSE_ANSWERS: lose_answers,
    Kind.SLOW_NETWORK: slow_network,
    Kind.DISK_FULL: disk_full,
    Kind.POISON: poison,
    Kind.CLOCK_JUMP: clock_jump,
    Kind.READ_ONLY: read_only,
    Kind.ABORTED: aborted,
    Kind.TOPIC_ANEW: topic_anew,
    Kind.HUGE_HEADER: huge_header,
    Kind.SILENT_CALLERS: silent_callers,
}
