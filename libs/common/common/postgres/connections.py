"""The pool: connections that see one schema, with the time limits that a frozen process must meet."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import asyncpg
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from common.declare.errors import Transient

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    ConnectionPool: TypeAlias = asyncpg.Pool[asyncpg.Record]
else:
    Connection = ConnectionPool = Any


class DatabaseSettings(BaseModel):
    """How to reach PostgreSQL."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dsn: SecretStr = SecretStr("postgresql://127.0.0.1:5432/croissance")
    pool_size: Annotated[int, Field(ge=3, le=50)] = 8


TRANSIENT: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,
    TimeoutError,
)
"""What a database that is away, restarting or too busy raises."""

BATCH_TIMEOUT: Final = timedelta(seconds=20)
"""A transaction longer than this is ended by the server: a frozen process must not hold its row locks."""


async def connect_pool(dsn: str, schema: str, *, size: int = 6) -> ConnectionPool:
    """Open a pool whose connections see only `schema`, with the time limits that a frozen process must meet.

    Raises:
        Transient: the database cannot be reached.
    """
    try:
        return await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=size,
            max_inactive_connection_lifetime=60,
            timeout=10,
            command_timeout=30,
            reset=_leave_as_it_is,
            server_settings={
                "application_name": f"croissance-{schema}",
                "search_path": schema,
                "jit": "off",
                "idle_in_transaction_session_timeout": "5000",
                "transaction_timeout": str(int(BATCH_TIMEOUT.total_seconds() * 1000)),
            },
        )
    except TRANSIENT as error:
        raise Transient(f"database: {error}") from error


async def _leave_as_it_is(_: object) -> None:
    """Nothing here changes a session, so that nothing needs to be reset (asyncpg would ask the server each time)."""
