"""The loads of connecteurs: read where they moved, and moved on condition that there is room.

Nothing is locked to read them; what counts is the conditional update when a batch is saved.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from uuid import UUID

from common.declare.errors import Conflict
from common.postgres.connections import Connection
from common.postgres.rows import affected
from matching.basis import ALL
from matching.search.loads import NONE, Loads, reaching, with_counts

_LOADS: Final = """select v.identity, pg_snapshot_xmin(pg_current_snapshot()) as horizon, m.numbers, m.loads
    from directory_version v
    left join unnest($1::uuid[], $2::xid8[]) k (identity, horizon) using (identity)
    cross join lateral (
        select coalesce(array_agg(l.number), '{}') as numbers, coalesce(array_agg(l.load), '{}') as loads
        from loads l where l.changed >= coalesce(k.horizon, '0'::xid8)) m"""
_MOVE: Final = """with locked as materialized (
        select connector_id from loads where connector_id = any($1::text[]) order by connector_id for update)
    update loads l set load = greatest(0, l.load + u.by), changed = pg_current_xact_id(),
        capacity = case when u.by < 0 then greatest(l.declared, l.load + u.by) else l.capacity end
    from unnest($1::text[], $2::int[]) u (connector_id, by) join locked using (connector_id)
    where l.connector_id = u.connector_id and (u.by < 0 or l.load + u.by <= l.declared)"""

KNOWN_LIMIT: Final = 8
"""Directories of which a process holds something at once: one in a service, some in tests."""


class _Known(NamedTuple):
    """The loads of one directory as read last. What transactions from the horizon on wrote is read again."""

    horizon: int
    loads: Loads


@dataclass(frozen=True, slots=True)
class LoadsTable:
    """`LOADS` in a table of its own: one cheap query a batch, which reads only what moved since the last one."""

    known: dict[UUID, _Known] = field(default_factory=dict[UUID, _Known])

    async def lock(self, connection: Connection, keys: Sequence[str]) -> Mapping[str, Loads]:
        """See `PoolTable.lock`; nothing is locked, see the module."""
        horizons = [known.horizon for known in self.known.values()]
        row = await connection.fetchrow(_LOADS, list(self.known), horizons)
        if row is None:
            raise LookupError("table directory_version has no row")
        identity, horizon, numbers, counts = row
        moved = list(zip(numbers, counts, strict=True))
        known = self.known.get(identity)
        loads = reaching(NONE if known is None else known.loads, 1 + max((number for number, _ in moved), default=-1))
        loads = with_counts(loads, moved)
        if known is None and len(self.known) >= KNOWN_LIMIT:
            self.known.clear()
        self.known[identity] = _Known(horizon, loads)
        return dict.fromkeys(keys, loads)

    async def save(self, connection: Connection, before: Mapping[str, Loads], after: Mapping[str, Loads]) -> None:
        """See `PoolTable.save`; the rows of the decisions say what moves, see `move_loads`."""


LOADS_TABLE: Final = LoadsTable()


async def read_loads(connection: Connection) -> Loads:
    """The loads as last committed."""
    return (await LOADS_TABLE.lock(connection, [ALL]))[ALL]


async def move_loads(connection: Connection, moves: Mapping[str, int]) -> None:
    """Move the loads of connecteurs, in order of id.

    Raises:
        Conflict: one has no room left; every load is read anew by the next batch.
    """
    tag = await connection.execute(_MOVE, list(moves), list(moves.values()))
    if affected(tag) != len(moves):
        LOADS_TABLE.known.clear()
        raise Conflict("a connecteur has no room left")
