"""Whether a process is ready, asked by probes: it answers in time, also where the database does not."""

import asyncio
from dataclasses import dataclass
from typing import Any, Final

from common.declare.errors import Transient
from common.process.context import Context

DATABASE_ANSWERS_WITHIN: Final = 2
"""Seconds after which a probe is told that the database does not."""

_READ_ONLY: Final = "select current_setting('transaction_read_only') = 'on'"


async def ended(task: "asyncio.Task[Any]", seconds: float) -> bool:
    """Whether a task ends in time. It is left alone if not: to cancel a query is to wait for the database once more."""
    task.add_done_callback(_heard)
    await asyncio.wait([task], timeout=seconds)
    return task.done()


def _heard(task: "asyncio.Task[Any]") -> None:
    """How it ends after that is nobody's concern."""
    if not task.cancelled():
        task.exception()


@dataclass(slots=True)
class Readiness:
    """What probes are told."""

    context: Context
    probe: "asyncio.Task[list[str]] | None" = None

    async def problems(self) -> list[str]:
        """Why this process is not ready; empty when it is."""
        context = self.context
        problems = context.progress.problems(asyncio.get_running_loop().time())
        if context.guard.reason:
            problems.append(context.guard.reason)
        problems += [
            f"refused by the broker: {where.topic}/{where.partition}: {held.reason}"
            for where, held in sorted(context.relay.held.items())
        ]
        if self.probe is None or self.probe.done():
            self.probe = asyncio.create_task(self._database())
        if not await ended(self.probe, DATABASE_ANSWERS_WITHIN):
            return [*problems, "database: does not answer"]
        return problems + self.probe.result()

    def remarks(self) -> list[str]:
        """What is wrong though the doors can be used."""
        return self.context.progress.remarks(asyncio.get_running_loop().time())

    async def _database(self) -> list[str]:
        """What is wrong with the database; empty when commands can be written."""
        pool = self.context.pool
        try:
            read_only = await pool.fetchval(_READ_ONLY)
        except Exception as error:  # noqa: BLE001  whatever keeps the database away is the answer
            return [str(error) if isinstance(error, Transient) else f"database: {type(error).__name__}"]
        if read_only:
            await pool.renew()
            return ["database: read-only, a primary that is none any more"]
        return []
