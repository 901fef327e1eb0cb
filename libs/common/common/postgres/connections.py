"""The pool: connections that see one schema, with the time limits that a frozen process must meet."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import asyncpg
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from common.core.guard import Guard
from common.declare.errors import Misconfigured
from common.postgres.faults import DATABASE_ERRORS, as_ours, spoils_sessions

if TYPE_CHECKING:
    from asyncpg.pool import PoolAcquireContext, PoolConnectionProxy

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
    Sessions: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Acquired: TypeAlias = PoolAcquireContext[asyncpg.Record]
else:
    Connection = Sessions = Acquired = Any


class DatabaseSettings(BaseModel):
    """How to reach PostgreSQL."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dsn: SecretStr = SecretStr("postgresql://127.0.0.1:5432/croissance")
    pool_size: Annotated[int, Field(ge=3, le=50)] = 8


SERVER: Final = "select pg_postmaster_start_time()"
"""What tells one start of a database server from another: whatever is restored or promoted starts anew."""

BATCH_TIMEOUT: Final = timedelta(seconds=20)
"""A transaction longer than this is ended by the server: a frozen process must not hold its row locks."""


@dataclass(slots=True)
class _Session:
    """A connection for a block; what the database says in it comes out as an error of the core."""

    sessions: Sessions
    taken: Acquired = field(init=False)

    async def __aenter__(self) -> Connection:
        self.taken = self.sessions.acquire()
        try:
            return await self.taken.__aenter__()
        except Exception as error:
            await _tell(self.sessions, error)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.taken.__aexit__(kind, error, trace)
        except Exception as other:
            await _tell(self.sessions, other)
            raise
        if error is not None:
            await _tell(self.sessions, error)


async def _tell(sessions: Sessions, error: BaseException) -> None:
    """Raise the error of the core that says the same; nothing happens where there is none."""
    if spoils_sessions(error):
        await sessions.expire_connections()
    ours = as_ours(error)
    if ours is not None:
        raise ours from error


@dataclass(frozen=True, slots=True)
class ConnectionPool:
    """The connections of a process to one schema.

    Whatever the database says on them is classified in one place (`faults.py`): every use raises `Transient`,
    `Conflict` or `Unstorable`, or what nobody foresaw. Where a session is what is wrong, all are opened anew.
    """

    sessions: Sessions

    def acquire(self) -> _Session:
        """A connection for a block."""
        return _Session(self.sessions)

    async def fetch(self, query: str, *values: object) -> list[Any]:
        """The rows of a query."""
        async with self.acquire() as connection:
            return await connection.fetch(query, *values)

    async def fetchrow(self, query: str, *values: object) -> Any:
        """The first row, or None."""
        async with self.acquire() as connection:
            return await connection.fetchrow(query, *values)

    async def fetchval(self, query: str, *values: object) -> Any:
        """The first column of the first row, or None."""
        async with self.acquire() as connection:
            return await connection.fetchval(query, *values)

    async def execute(self, query: str, *values: object) -> str:
        """The command tag of a statement."""
        async with self.acquire() as connection:
            return await connection.execute(query, *values)

    async def renew(self) -> None:
        """Use no connection again that is open now."""
        await self.sessions.expire_connections()

    async def close(self, within: float = 5.0) -> None:
        """Close every connection, those too that do not answer for `within` seconds."""
        try:
            await asyncio.wait_for(self.sessions.close(), within)
        except DATABASE_ERRORS:
            self.sessions.terminate()


async def connect_pool(dsn: str, schema: str, *, size: int = 6, guard: Guard | None = None) -> ConnectionPool:
    """Open a pool whose connections see only `schema`, with the time limits that a frozen process must meet.

    `guard` is told of each start of the server that a connection meets, before the connection is used.

    Raises:
        Transient: the database cannot be reached.
        Misconfigured: the address is none.
    """

    async def meet(connection: Connection) -> None:
        if guard is not None:
            guard.note_server(await connection.fetchval(SERVER))

    try:
        sessions = await asyncpg.create_pool(
            dsn,
            init=meet,
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
    except (asyncpg.ClientConfigurationError, *DATABASE_ERRORS) as error:
        raise as_ours(error) or Misconfigured(f"CROISSANCE_DATABASE__DSN: {error}") from error
    return ConnectionPool(sessions)


async def _leave_as_it_is(_: object) -> None:
    """Nothing here changes a session, so that nothing needs to be reset (asyncpg would ask the server each time)."""
