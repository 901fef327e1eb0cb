"""What a service keeps in tables of its own, beside the states and pools that the core keeps as documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from common.core.unit_of_work import Changes
from common.postgres.connections import Connection

Value = TypeVar("Value")
Value_co = TypeVar("Value_co", covariant=True)


class PoolTable(Protocol[Value]):
    """A pool with columns and CHECKs of its own."""

    async def lock(self, connection: Connection, keys: Sequence[str]) -> Mapping[str, Value]:
        """Lock and read the pools of these keys, in the order given (sorted); those that do not exist are left out."""
        ...

    async def save(self, connection: Connection, before: Mapping[str, Value], after: Mapping[str, Value]) -> None:
        """Write the pools that changed.

        Raises:
            Conflict: one is not as it was read.
        """
        ...


class ViewReader(Protocol[Value_co]):
    """Keeps an index of this process up to date."""

    async def read(self, connection: Connection) -> Value_co:
        """The index as the database has it now: one cheap query where nothing changed."""
        ...


class Project(Protocol):
    """Writes what the service keeps for itself and for its readers."""

    async def __call__(self, connection: Connection, changes: Changes) -> None:
        """Write the rows and read models of a batch, in its transaction.

        Raises:
            Conflict: the batch is to be taken again.
        """
        ...


class Adopt(Protocol):
    """Takes back what the service can of its own facts that a restored database had forgotten: see `recovered`."""

    async def __call__(self, connection: Connection) -> object:
        """Run in a transaction of its own, again at each start while such facts are open; repeating changes nothing."""
        ...


async def nothing_adopted(connection: Connection) -> None:
    """For a service whose facts do not say enough of its states."""


async def nothing_more(connection: Connection, changes: Changes) -> None:
    """For a service whose states say all."""


NO_MIGRATIONS = Path(__file__).parent / "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """The SQL of a service.

    Attributes:
        migrations: folder of its numbered `.sql` files.
        pools: name of a pool → its table, where it is no document.
        views: name of a view → its reader.
        project: writes rows and read models.
        adopt: takes back what its own topic says, after a recovery.
    """

    migrations: Path = NO_MIGRATIONS
    pools: Mapping[str, PoolTable[Any]] = field(default_factory=dict[str, PoolTable[Any]])
    views: Mapping[str, ViewReader[Any]] = field(default_factory=dict[str, ViewReader[Any]])
    project: Project = nothing_more
    adopt: Adopt = nothing_adopted
