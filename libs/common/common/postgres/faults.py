"""What a database says, classified once: every error that leaves the pool is one of the core's, or a bug."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

import asyncpg

from common.declare.errors import Conflict, CroissanceError, Transient, Unstorable

Verdict: TypeAlias = Literal["race", "values", "passing", "bug"]
"""Another transaction was first; what was written cannot be stored; nobody here is to blame: the server, the network or
an operator's hand will end it; or a statement is wrong whatever it is given."""

_CODES: Final[Mapping[str, Verdict]] = {
    "40001": "race",  # serialization failure
    "40P01": "race",  # deadlock
    "40002": "values",  # a constraint, found at the commit
    "2200H": "passing",  # a sequence is used up: no record's fault
    "54011": "bug",  # more columns than a table has
    "54023": "bug",  # more arguments than a function has
    "26000": "passing",  # a prepared statement is gone: a pooler in between, or a server that was replaced
    "42P05": "passing",  # a prepared statement is there already: the same
    "25006": "passing",  # read-only: a primary that is none any more
    "25P03": "passing",  # our own limit: idle in a transaction
    "25P04": "passing",  # our own limit: a transaction that lasts too long
    "55P02": "bug",  # a setting that cannot be set now
    "55P04": "bug",  # an enum value used before its time
    # What is not there yet or not any more (a schema behind its version, a restore under way), or not granted yet.
    "3D000": "passing",
    "3F000": "passing",
    "42501": "passing",
    "42704": "passing",
    "42703": "passing",
    "42883": "passing",
    "42P01": "passing",
}
_CLASSES: Final[Mapping[str, Verdict]] = {
    "08": "passing",  # connections
    "0L": "passing",  # what an administrator grants and creates, here and in 0P, 28, 2B
    "0P": "passing",
    "21": "values",  # one row twice in a statement: which ones meet depends on the batch
    "22": "values",  # data
    "23": "values",  # constraints
    "28": "passing",  # a password that was rotated
    "2B": "passing",
    "40": "passing",  # rolled back for another reason, or nobody knows whether it was committed
    "44": "values",  # check option of a view
    "53": "passing",  # disk, memory, connections
    "54": "values",  # a row, an index entry or a nesting too large
    "55": "passing",  # locked, in use, not in the state for it
    "57": "passing",  # shutdown, crash, recovery, cancelled
    "58": "passing",  # input and output of the server
    "72": "passing",  # a snapshot that is too old
    "F0": "passing",  # files of the server
    "XX": "passing",  # the server itself
}
"""By the first two characters of the SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html), where
the whole of it is not in `_CODES`; a class that is missing here is a bug, if the driver knows it."""

_TYPES: Final[tuple[tuple[type[BaseException], Verdict], ...]] = (
    (
        asyncpg.InvalidCachedStatementError,
        "passing",
    ),  # a migration changed what a statement returns; asked anew it fits
    (asyncpg.FatalPostgresError, "passing"),  # a code that the driver does not know
    (asyncpg.ClientConfigurationError, "bug"),
    (asyncpg.UnsupportedClientFeatureError, "bug"),
    (asyncpg.UnsupportedServerFeatureError, "bug"),
    (asyncpg.InterfaceError, "passing"),  # the connection went away under what was done on it
    (asyncpg.InternalClientError, "passing"),
    (UnicodeError, "values"),  # text that has no bytes
    (OSError, "passing"),
    (TimeoutError, "passing"),
)

_RENEWED: Final = frozenset({"25006", "26000", "42P05"})

DATABASE_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
"""All that talking to a database can raise."""


def verdict_of(error: BaseException) -> Verdict:
    """Whose fault an error is."""
    code: str | None = getattr(error, "sqlstate", None)
    known = _CODES.get(code or "") or _CLASSES.get((code or "")[:2])
    for kind, verdict in _TYPES:
        known = known or (verdict if isinstance(error, kind) else None)
    return known or "bug"


def as_ours(error: BaseException) -> CroissanceError | None:
    """The error of the core that says the same; None: a bug, or no error of a database.

    Where the end of a transaction failed because the connection had gone, what the server said before is the reason.
    """
    first = error.__context__
    if isinstance(error, asyncpg.InterfaceError) and isinstance(first, asyncpg.PostgresError):
        return as_ours(first)
    text = f"{type(error).__name__}: {error}"
    match verdict_of(error):
        case "race":
            return Conflict(str(error))
        case "values":
            return Unstorable(text)
        case "passing":
            return Transient(f"database: {text}")
        case "bug":
            return None


def spoils_sessions(error: BaseException) -> bool:
    """What the error says is true of this session and not of the next one.

    A former primary is read-only for all who stay with it; who comes again is led to the new one.
    """
    return getattr(error, "sqlstate", None) in _RENEWED
