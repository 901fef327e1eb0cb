"""The directory as it is read: lines to select from, and an index that the process holds and brings up to date."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from common.core.pace import Pace
from common.postgres.connections import Connection
from matching import settings
from matching.basis import Basis
from matching.search.connector import Connector
from matching.search.index import Directory
from matching.store.loads import KNOWN_LIMIT

_decode = msgspec.json.Decoder(Connector).decode
_encode = msgspec.json.Encoder().encode

_VERSION: Final = "select identity, version from directory_version"
_CHANGED: Final = """select l.number, c.doc from connectors c join loads l on l.connector_id = c.id
    where c.version > $1 order by l.number"""

_NEXT_VERSION: Final = "update directory_version set version = version + 1 returning version"
_PUT: Final = """insert into connectors (id, version, status, type, subjects, regions, doc)
    select u.id, $1, u.status, u.type, string_to_array(u.subjects, ' '), string_to_array(u.regions, ' '), u.doc
    from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::json[])
        u (id, status, type, subjects, regions, doc)
    on conflict (id) do update set version = excluded.version, status = excluded.status, type = excluded.type,
        subjects = excluded.subjects, regions = excluded.regions, doc = excluded.doc"""
_PUT_CAPACITY: Final = """insert into loads (connector_id, number, declared, capacity)
    select connector_id, coalesce(l.number, (select coalesce(max(number), -1) from loads)
            + count(*) filter (where l.number is null) over (order by connector_id)),
        u.declared, u.declared
    from unnest($1::text[], $2::int[]) u (connector_id, declared) left join loads l using (connector_id)
    order by connector_id
    on conflict (connector_id) do update set declared = excluded.declared,
        capacity = greatest(excluded.declared, loads.load), changed = pg_current_xact_id()
    where loads.declared <> excluded.declared"""

_LIST: Final = """select c.doc, l.load from connectors c join loads l on l.connector_id = c.id
    where c.id > $1 and ($2::text is null or c.regions && array[$2, '*']) and ($3::text is null or $3 = any(c.subjects))
        and ($4::text is null or c.type = $4) and c.status = $5
    order by c.id limit $6"""
_ONE: Final = """select c.doc, l.load from connectors c join loads l on l.connector_id = c.id where c.id = $1"""
_SOME: Final = "select doc from connectors where id = any($1::text[])"


FILED_AT_ONCE: Final = 10_000
"""Places (a zone and a subject each) that are filed in one go, some hundredths of a second.

Fewer would filter the same lists again and again."""


# --- the index -------------------------------------------------------------------------------------------------------


class _Known(NamedTuple):
    """What this process holds of one directory, and up to which version."""

    version: int
    basis: Basis


@dataclass(frozen=True, slots=True)
class DirectoryReader:
    """Keeps the index of `DIRECTORY`: one cheap query while the directory stays, else the lines that changed."""

    known: dict[UUID, _Known] = field(default_factory=dict[UUID, _Known])

    async def read(self, connection: Connection) -> Basis:
        """See `ViewReader.read`.

        Raises:
            LookupError: a table was written by hand: `directory_version` is empty, or connecteurs were renumbered.
        """
        row = await connection.fetchrow(_VERSION)
        if row is None:
            raise LookupError("table directory_version has no row")
        identity, version = row
        known = self.known.get(identity)
        if known is None or known.version > version:
            known = _Known(-1, settings.basis(Directory(settings.ruleset(), settings.territories())))
        if known.version != version:
            rows = await connection.fetch(_CHANGED, known.version)
            directory = await _brought_up(known.basis.directory, [(number, doc) for number, doc in rows])
            known = _Known(version, settings.basis(directory))
        if identity not in self.known and len(self.known) >= KNOWN_LIMIT:
            self.known.clear()
        self.known[identity] = known
        return known.basis


async def _brought_up(directory: Directory, rows: Iterable[tuple[int, str]]) -> Directory:
    """The directory with the lines that changed, in order of number, in slices: everybody else has a turn between two.

    Raises:
        LookupError: connecteurs were renumbered.
    """
    pace = Pace()
    part: dict[int, Connector] = {}
    places = 0
    for number, doc in rows:
        connector = _decode(doc)
        part[number] = connector
        places += len(connector.zones) * len(connector.sujets)
        if places >= FILED_AT_ONCE:
            directory, part, places = _filed(directory, part), {}, 0
        await pace.rest()
    return _filed(directory, part) if part else directory


def _filed(directory: Directory, changed: Mapping[int, Connector]) -> Directory:
    """The directory with these lines, by number.

    Raises:
        LookupError: one is not the one that came at this number.
    """
    directory = directory.replace(changed.values())
    for number, connector in changed.items():
        if directory.numbers[connector.id] != number:
            raise LookupError(f"connecteur {connector.id} is not the {number}th that came")
    return directory


DIRECTORY_READER: Final = DirectoryReader()


# --- writes ----------------------------------------------------------------------------------------------------------


async def save_lines(connection: Connection, connectors: Sequence[Connector]) -> None:
    """Write lines, in order of id, under the lock of the directory's version; a new one gets the next number."""
    pace = Pace()
    regions: list[str] = []
    for connector in connectors:
        regions.append(" ".join(sorted(settings.territories().regions_of(connector.zones))))
        await pace.rest()
    version = await connection.fetchval(_NEXT_VERSION)
    await connection.execute(
        _PUT,
        version,
        [connector.id for connector in connectors],
        [connector.status for connector in connectors],
        [connector.type for connector in connectors],
        [" ".join(connector.sujets) for connector in connectors],
        regions,
        [_encode(connector).decode() for connector in connectors],
    )
    capacities = [connector.capacity_30d for connector in connectors]
    await connection.execute(_PUT_CAPACITY, [connector.id for connector in connectors], capacities)


# --- reads -----------------------------------------------------------------------------------------------------------


class Listed(NamedTuple):
    """A line of the directory with its current load."""

    connector: Connector
    load: int


async def list_connectors(
    connection: Connection,
    *,
    region: str | None,
    subject: str | None,
    kind: str | None,
    status: str,
    after: str,
    limit: int,
) -> list[Listed]:
    """A page of the directory, by id."""
    rows = await connection.fetch(_LIST, after, region, subject, kind, status, limit)
    return [Listed(_decode(doc), count) for doc, count in rows]


async def find_connector(connection: Connection, connector_id: str) -> Listed | None:
    """One line of the directory."""
    row = await connection.fetchrow(_ONE, connector_id)
    return None if row is None else Listed(_decode(row["doc"]), row["load"])


async def find_connectors(connection: Connection, ids: Iterable[str]) -> dict[str, Connector]:
    """Several lines of the directory, by id."""
    rows = await connection.fetch(_SOME, sorted(set(ids)))
    found = [_decode(doc) for (doc,) in rows]
    return {connector.id: connector for connector in found}
