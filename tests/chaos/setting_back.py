"""The database is lost under load and restored from a copy, while Kafka and every process go on; then all is mended.

What people do is what `docs/operations.md` says: the copy, the restore, `croissance recover`. The companies that are on
their way through the doors arrive before the loss: a caller whose answers are forgotten with the database has to ask
again, which is for people; all that their requests led to is on its way, and is decided again.
"""

import asyncio
import json
import os
import shutil
import signal
from contextlib import suppress
from urllib.parse import urlsplit

from chaos.load import Load
from chaos.schedule import Fault
from chaos.system import PATIENCE, CommandError, System
from embedded.backups import back_up, restore
from embedded.probe import readiness
from embedded.supervisor import Spec


async def set_back(system: System, flowing: Load, fault: Fault) -> str:
    """Copy the database under load, lose it a few seconds later, put the copy in its place, recover.

    Raises:
        CommandError: nothing was forgotten, though companies came after the copy.
    """
    await back_up(system.data, system.dsn)
    await asyncio.sleep(fault.seconds)
    async with flowing.paused():
        server = await _lose(system)
        await asyncio.to_thread(restore, system.data, to="backup")
        await system.base.start(server)
        async with asyncio.timeout(PATIENCE):
            while not await _behind(system):  # noqa: ASYNC110  other processes give no event
                await asyncio.sleep(0.2)
        taken = json.loads(await system.croissance("recover", "--yes", "--json"))
    facts = [fact for each in taken["services"].values() for fact in each["facts"]]
    if not facts:
        raise CommandError("croissance recover: rien n’avait été oublié")
    alone = sum(not fact["again"] for fact in facts)
    return f"{len(facts)} faits oubliés, dont {alone} connus de Kafka seul"


async def _lose(system: System) -> Spec:
    """End the server at once, and everything it had on its disk; returns how to start it."""
    server = system.base.children["postgres"]
    if server.pid is not None:
        with suppress(ProcessLookupError):
            os.kill(server.pid, signal.SIGKILL)
    await system.base.stop_child("postgres")
    for _ in range(2):  # its workers end a moment later
        shutil.rmtree(system.data / "postgres" / "data", ignore_errors=True)
    return server.spec


async def _behind(system: System) -> bool:
    """Whether a process says that the database is behind Kafka."""
    ports = [urlsplit(url).port or 0 for urls in system.doors().values() for url in urls]
    return "behind" in await asyncio.gather(*(readiness(port) for port in ports))
