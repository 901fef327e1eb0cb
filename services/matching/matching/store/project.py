"""What a batch leaves in the tables of matching."""

from collections import Counter

from common.core.unit_of_work import Changes
from common.postgres.connections import Connection
from matching.directory.table import LINES
from matching.needs.model import LoadsMoved
from matching.store.directory import save_lines
from matching.store.loads import move_loads


async def project(connection: Connection, changes: Changes) -> None:
    """Write the lines of the directory that changed, then move loads.

    Raises:
        Conflict: a connecteur has no room left for what this batch offers it.
    """
    lines = changes.states_of(LINES.kind)
    if lines:
        await save_lines(connection, [lines[connector_id].connector for connector_id in sorted(lines)])
    moves: Counter[str] = Counter()
    for row in changes.rows:
        if isinstance(row, LoadsMoved):
            for connector_id in row.connector_ids:
                moves[connector_id] += row.by
    moved = {connector_id: by for connector_id, by in sorted(moves.items()) if by}
    if moved:
        await move_loads(connection, moved)
