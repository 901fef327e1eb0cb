"""One query session for a command: connects, runs, closes, and tells people when the database is away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import asyncpg

from croissance.console import fail

Result = TypeVar("Result")


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
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        fail(f"base injoignable: {error}", "croissance status dit si le système tourne.")
