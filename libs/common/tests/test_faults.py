"""What a database says is classified once, and completely: whom it accuses decides what becomes of a batch."""

import inspect
from typing import Any

import asyncpg
import pytest
from asyncpg import exceptions

from common.declare.errors import Conflict, Misconfigured, Transient, Unstorable
from common.postgres.connections import ConnectionPool, connect_pool
from common.postgres.faults import as_ours, verdict_of
from common.testing.chain import COUNTER

from .conftest import OpenPostgres

TREE = [
    kind
    for _, kind in inspect.getmembers(exceptions, inspect.isclass)
    if issubclass(kind, Exception) and not issubclass(kind, Warning)
]

RACES = {"SerializationError", "DeadlockDetectedError"}
VALUES = {"CardinalityViolationError", "WithCheckOptionViolationError", "TransactionIntegrityConstraintViolationError"}
VALUES_BELOW = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError)
BUGS_AMONG_VALUES = {"TooManyColumnsError", "TooManyArgumentsError"}
PASSING = {
    "SequenceGeneratorLimitExceededError",  # below DataError, and the fault of no record
    "IdleInTransactionSessionTimeoutError",
    "TransactionTimeoutError",
    "ReadOnlySQLTransactionError",
    "InvalidCachedStatementError",
    "InvalidSQLStatementNameError",
    "DuplicatePreparedStatementError",
    "InvalidCatalogNameError",
    "InvalidSchemaNameError",
    "InsufficientPrivilegeError",
    "UndefinedColumnError",
    "UndefinedFunctionError",
    "UndefinedObjectError",
    "UndefinedTableError",
    "InvalidRoleSpecificationError",
    "SnapshotTooOldError",
    "TransactionRollbackError",
    "StatementCompletionUnknownError",
}
PASSING_BELOW = (
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.FatalPostgresError,
    asyncpg.InvalidGrantorError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.DependentPrivilegeDescriptorsStillExistError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.ConfigFileError,
    asyncpg.InternalServerError,
)
BUGS_AMONG_PASSING = {
    "ClientConfigurationError",
    "UnsupportedClientFeatureError",
    "UnsupportedServerFeatureError",
    "CantChangeRuntimeParamError",
    "UnsafeNewEnumValueUsageError",
}
BUGS = {
    "PostgresError",
    "SQLStatementNotYetCompleteError",
    "TriggeredActionError",
    "FeatureNotSupportedError",
    "InvalidTransactionInitiationError",
    "InvalidArgumentForXqueryError",
    "CaseNotFoundError",
    "InvalidCursorStateError",
    "TriggeredDataChangeViolationError",
    "InvalidTransactionTerminationError",
    "InvalidCursorNameError",
}
BUGS_BELOW = (
    asyncpg.LocatorError,
    asyncpg.DiagnosticsError,
    asyncpg.InvalidTransactionStateError,
    asyncpg.SQLRoutineError,
    asyncpg.ExternalRoutineError,
    asyncpg.ExternalRoutineInvocationError,
    asyncpg.SavepointError,
    asyncpg.SyntaxOrAccessError,
    asyncpg.FDWError,
    asyncpg.PLPGSQLError,
)


def wanted(kind: type[Exception]) -> str:
    """The table of this test: names first, then what stands below a name."""
    name = kind.__name__
    named = (
        ("race", RACES),
        ("values", VALUES),
        ("passing", PASSING),
        ("bug", BUGS | BUGS_AMONG_VALUES | BUGS_AMONG_PASSING),
    )
    for verdict, names in named:
        if name in names:
            return verdict
    below = (("values", VALUES_BELOW), ("passing", PASSING_BELOW), ("bug", BUGS_BELOW))
    return next(verdict for verdict, kinds in below if issubclass(kind, kinds))


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_of_the_driver_has_its_verdict(kind: Any) -> None:
    assert verdict_of(kind("told")) == wanted(kind)


def test_the_tree_is_the_one_that_was_judged() -> None:
    """A new version of the driver brings new errors: give them a place above."""
    assert len(TREE) == 264


@pytest.mark.parametrize(
    ("code", "verdict"), [("57P99", "passing"), ("23999", "values"), ("53999", "passing"), ("ZZ000", "passing")]
)
def test_a_code_that_the_driver_does_not_know_goes_by_its_class(code: str, verdict: str) -> None:
    error = asyncpg.PostgresError.new({"S": "ERROR", "C": code, "M": "new"})

    assert isinstance(error, asyncpg.UnknownPostgresError)
    assert verdict_of(error) == verdict


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (ConnectionResetError(), Transient),
        (TimeoutError(), Transient),
        ("\ud83d".encode, Unstorable),
        (asyncpg.DeadlockDetectedError("told"), Conflict),
        (RuntimeError("a bug"), None),
        (Transient("ours already"), None),
    ],
)
def test_what_is_no_error_of_the_driver(error: Any, ours: type[Exception] | None) -> None:
    if callable(error):
        with pytest.raises(UnicodeError) as raised:
            error()
        error = raised.value
    found = as_ours(error)
    assert type(found) is (type(None) if ours is None else ours)


# --- said by the real server -----------------------------------------------------------------------------------------


@pytest.fixture
async def pool(open_postgres: OpenPostgres) -> ConnectionPool:
    return (await open_postgres(COUNTER)).pool


async def test_a_former_primary_is_left_for_the_new_one(pool: ConnectionPool) -> None:
    """After a failover a session may stay with a server that is read-only now: the next one goes to the new primary."""
    async with pool.acquire() as connection:
        await connection.execute("set default_transaction_read_only = on")

    with pytest.raises(Transient, match="ReadOnlySQLTransactionError"):
        await pool.execute("insert into pools (kind, key) values ('a', 'b')")

    assert await pool.execute("insert into pools (kind, key) values ('a', 'b')") == "INSERT 0 1"


async def test_our_own_limit_of_a_transaction_is_for_now(pool: ConnectionPool) -> None:
    async def too_long() -> None:
        async with pool.acquire() as connection:
            await connection.execute("set transaction_timeout = 20")
            async with connection.transaction():
                await connection.execute("select pg_sleep(10)")

    with pytest.raises(Transient, match="transaction timeout"):
        await too_long()
    assert await pool.fetchval("select 1") == 1


async def test_a_lock_that_is_held_is_for_now(pool: ConnectionPool) -> None:
    async def in_vain() -> None:
        async with pool.acquire() as second, second.transaction():
            await second.execute("set local lock_timeout = 10")
            await second.execute("lock table states")

    async with pool.acquire() as first, first.transaction():
        await first.execute("lock table states")
        with pytest.raises(Transient, match="LockNotAvailableError"):
            await in_vain()


async def test_a_plan_that_a_migration_outdated_is_made_again(pool: ConnectionPool) -> None:
    async def read() -> int:
        async with pool.acquire() as connection, connection.transaction():
            return len(await connection.fetch("select * from pools"))

    assert await read() == 0
    await pool.execute("alter table pools add column more int")
    with pytest.raises(Transient, match="InvalidCachedStatementError"):
        await read()
    assert await read() == 0


async def test_a_rotated_password_is_for_now(dsn: str) -> None:
    with pytest.raises(Transient, match="InvalidPasswordError"):
        await connect_pool(dsn.replace("@", "x@", 1), "any")


async def test_an_address_that_is_none_is_told_at_the_start() -> None:
    with pytest.raises(Misconfigured, match="CROISSANCE_DATABASE__DSN"):
        await connect_pool("http://127.0.0.1/", "any")


async def test_a_key_that_no_index_holds_is_the_fault_of_its_record(pool: ConnectionPool) -> None:
    key = "".join(chr(33 + n * n % 7919) for n in range(6000))  # does not shrink enough

    with pytest.raises(Unstorable, match="ProgramLimitExceededError"):
        await pool.execute("insert into pools (kind, key) values ('a', $1)", key)


async def test_text_without_bytes_is_the_fault_of_its_record(pool: ConnectionPool) -> None:
    async def copy() -> None:
        async with pool.acquire() as connection:
            rows = [("a", "half an emoji: \ud83d", 1, "{}")]
            await connection.copy_records_to_table("states", records=rows, columns=("kind", "key", "version", "doc"))

    with pytest.raises(Unstorable):
        await copy()
    with pytest.raises(Unstorable):
        await pool.execute("insert into pools (kind, key) values ('a', $1)", "\ud83d")


async def test_a_wrong_statement_is_a_bug(pool: ConnectionPool) -> None:
    with pytest.raises(asyncpg.PostgresSyntaxError):
        await pool.execute("selekt 1")
