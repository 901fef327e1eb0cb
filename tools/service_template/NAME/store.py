"""The SQL of the service: rows and read models; states are the core's."""

from typing import Final

from common.core.unit_of_work import Changes
from common.postgres.connections import Connection
from common.postgres.rows import columns
from NAME.AGGREGATE.model import Wish

_ADD: Final = "insert into wishes (siren, wish) select * from unnest($1::text[], $2::text[])"
_COUNT: Final = "select count(*) from wishes"


async def project(connection: Connection, changes: Changes) -> None:
    """Write the rows of a batch, in its transaction."""
    rows = [(row.siren, row.wish) for row in changes.rows if isinstance(row, Wish)]
    if rows:
        await connection.execute(_ADD, *columns(rows, 2))


async def count(connection: Connection) -> int:
    """How many wishes there are."""
    return await connection.fetchval(_COUNT)
