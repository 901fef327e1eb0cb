"""One query session for a command: connects, runs, closes, and tells people when the database is away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, NoReturn, TypeVar

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


def on_database(dsn: str, work: Callable[[Any], Awaitable[Result]], *, changes: bool = False) -> Result:
    """Run `work` on one connection; `changes`: it writes, where it comes to that.

    Raises:
        typer.Exit: the database cannot be reached, or the account may not do it; people are told.
    """

    async def session() -> Result:
        connection: Any = await asyncpg.connect(dsn, timeout=10)
        try:
            return await work(connection)
        finally:
            await connection.close()

    try:
        return asyncio.run(session())
    except asyncpg.InsufficientPrivilegeError as error:
        refused(error, changes=changes)
    except AWAY as error:
        fail(f"base injoignable: {reason(error)}", "croissance status dit si le système tourne.")


def refused(error: asyncpg.InsufficientPrivilegeError, *, changes: bool) -> NoReturn:
    """Tell people that the database was reached and that the account has no right there (SQLSTATE 42501).

    Raises:
        typer.Exit: always.
    """
    if changes:
        fail(
            f"ce compte ne peut que lire: {reason(error)}",
            "Ce qui change la base demande un compte qui peut y écrire (--dsn).",
        )
    fail(f"ce compte ne peut pas tout lire: {reason(error)}", "Il lui faut être membre de pg_read_all_data (--dsn).")
