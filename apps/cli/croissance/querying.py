"""One query session for a command: connects, runs, closes, and tells people when the database is away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import asyncpg
import stamina

from croissance.console import fail, reason

Result = TypeVar("Result")

AWAY: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What a database that is away, or comes back, raises."""

PATIENCE: Final = 60.0


async def connect(dsn: str, *, command_timeout: float = 60.0) -> Any:
    """A connection, waiting up to a minute for a database that comes back."""
    attempts = stamina.retry_context(on=AWAY, attempts=None, timeout=PATIENCE, wait_initial=0.2, wait_max=2.0)
    async for attempt in attempts:
        with attempt:
            return await asyncpg.connect(dsn, timeout=10, command_timeout=command_timeout)
    raise TimeoutError("database away")


def on_database(dsn: str, work: Callable[[Any], Awaitable[Result]]) -> Result:
    """Run `work` on one connection.

    Raises:
        typer.Exit: the database cannot be reached; people are told.
    """

    async def session() -> Result:
        connection: Any = await asyncpg.connect(dsn, timeout=10)
        try:
            return await work(connection)
        finally:
            await connection.close()

    try:
        return asyncio.run(session())
    except AWAY as error:
        fail(f"base injoignable: {reason(error)}", "croissance status dit si le système tourne.")
