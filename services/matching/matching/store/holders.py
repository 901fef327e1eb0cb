"""Who has open offers with a connecteur: read from the deadlines of the open rounds, a few days of needs.

No index is kept for it: a connecteur becomes inactive now and then, an offer is made several times a company.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from common.postgres.connections import Connection
from matching.places.offers import Holder

_HOLDERS: Final = """select d.key, min(d.region) from deadlines d join states s on s.kind = d.kind and s.key = d.key
    where d.kind = 'needs' and starts_with(d.name, 'offers:') and strpos(s.doc, $1) > 0
    group by d.key order by d.key"""


class HoldersTable:
    """The pool `HOLDERS`, read as last committed."""

    async def lock(self, connection: Connection, keys: Sequence[str]) -> Mapping[str, tuple[Holder, ...]]:
        """See `PoolTable.lock`; nothing is locked, see the module."""
        found: dict[str, tuple[Holder, ...]] = {}
        for key in keys:
            named = f'"connector_id":{msgspec.json.encode(key).decode()}'
            found[key] = tuple([Holder(*row) for row in await connection.fetch(_HOLDERS, named)])
        return found

    async def save(
        self,
        connection: Connection,
        before: Mapping[str, tuple[Holder, ...]],
        after: Mapping[str, tuple[Holder, ...]],
    ) -> None:
        """See `PoolTable.save`: nothing of it is kept."""


HOLDERS_TABLE: Final = HoldersTable()
