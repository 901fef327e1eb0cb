"""SQL of the directory and of the loads.

The index of the directory is kept by the process and brought up to date when `directory_version` moves; loads likewise,
by the horizon of the last read. Both are optimistic: what counts is the conditional update when a batch is saved.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

import msgspec

from common.errors import Conflict
from common.message import Message
from common.service import Changes
from france.working_days import working_days
from matching import settings
from matching.model import CompanyNeeds, Connector, ConnectorSaved, LoadsMoved
from matching.rules.directory import Directory
from matching.rules.explain import Wording
from matching.rules.loads import NONE, Loads, reaching, with_counts
from matching.rules.profile import Profiler
from matching.rules.search import Searcher
from matching.rules.shared import Basis, Shared

if TYPE_CHECKING:
    from common.postgres import Connection

_decode = msgspec.json.Decoder(Connector).decode
_encode = msgspec.json.Encoder().encode

_VERSION: Final = """select identity, version, pg_snapshot_xmin(pg_current_snapshot())::text as horizon
    from directory_version"""
_CHANGED: Final = "select doc from connectors where version > $1"
_LOADS: Final = "select connector_id, load from loads where changed >= $1::text::xid8"

_NEXT_VERSION: Final = "update directory_version set version = version + 1 returning version"
_PUT: Final = """insert into connectors (id, version, status, type, subjects, regions, doc)
    select u.id, $1, u.status, u.type, string_to_array(u.subjects, ' '), string_to_array(u.regions, ' '), u.doc
    from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::json[])
        u (id, status, type, subjects, regions, doc)
    on conflict (id) do update set version = excluded.version, status = excluded.status, type = excluded.type,
        subjects = excluded.subjects, regions = excluded.regions, doc = excluded.doc"""
_PUT_CAPACITY: Final = """insert into loads (connector_id, declared, capacity)
    select connector_id, declared, declared from unnest($1::text[], $2::int[]) u (connector_id, declared)
    order by connector_id
    on conflict (connector_id) do update set declared = excluded.declared,
        capacity = greatest(excluded.declared, loads.load), changed = pg_current_xact_id()
    where loads.declared <> excluded.declared"""
_MOVE: Final = """with locked as materialized (
        select connector_id from loads where connector_id = any($1::text[]) order by connector_id for update)
    update loads l set load = greatest(0, l.load + u.by), changed = pg_current_xact_id(),
        capacity = case when u.by < 0 then greatest(l.declared, l.load + u.by) else l.capacity end
    from unnest($1::text[], $2::int[]) u (connector_id, by) join locked using (connector_id)
    where l.connector_id = u.connector_id and (u.by < 0 or l.load + u.by <= l.declared)"""

_LIST: Final = """select c.doc, l.load from connectors c join loads l on l.connector_id = c.id
    where c.id > $1 and ($2::text is null or c.regions && array[$2, '*']) and ($3::text is null or $3 = any(c.subjects))
        and ($4::text is null or c.type = $4) and c.status = $5
    order by c.id limit $6"""
_ONE: Final = """select c.doc, l.load from connectors c join loads l on l.connector_id = c.id where c.id = $1"""
_SOME: Final = "select doc from connectors where id = any($1::text[])"


class Listed(NamedTuple):
    """A line of the directory with its current load."""

    connector: Connector
    load: int


@dataclass(frozen=True, slots=True)
class _Known:
    """What this process holds of one directory: index, loads, and up to where each was read."""

    version: int
    directory: Directory
    basis: Basis
    horizon: str
    loads: Loads


_known: dict[UUID, _Known] = {}
_KNOWN_LIMIT: Final = 8


@lru_cache(maxsize=1)
def profiler() -> Profiler:
    """The profiler of the package data."""
    return Profiler(settings.figures().activities)


@lru_cache(maxsize=1)
def wording() -> Wording:
    """The sentences of the package data."""
    return Wording(settings.figures())


async def load(connection: "Connection", messages: Sequence[Message[object]]) -> Shared:
    """See `Store.load`: one cheap query when nothing changed, else only what changed since the last read."""
    del messages
    row = await connection.fetchrow(_VERSION)
    if row is None:
        raise LookupError("table directory_version has no row")
    identity, version, horizon = row
    known = _known.get(identity)
    if known is None or known.version > version:
        nobody = Directory(settings.figures(), settings.territories())
        known = _Known(-1, nobody, _basis(nobody), "0", NONE)
    directory = known.directory
    if version != known.version:
        docs = await connection.fetch(_CHANGED, known.version)
        changed = [_decode(doc) for (doc,) in docs]
        directory = directory.replace(changed)
    moved = await connection.fetch(_LOADS, known.horizon)
    loads = with_counts(reaching(known.loads, len(directory.numbers)), _numbered(directory, moved))
    basis = known.basis if directory is known.directory else _basis(directory)
    _remember(identity, _Known(version, directory, basis, horizon, loads))
    return Shared(basis, loads)


def _numbered(directory: Directory, rows: Iterable[Any]) -> list[tuple[int, int]]:
    """Loads read, by number; a connecteur that came since is read again with the next version."""
    numbers = directory.numbers
    return [(numbers[connector_id], load) for connector_id, load in rows if connector_id in numbers]


def _basis(directory: Directory) -> Basis:
    figures = settings.figures()
    searcher = Searcher(directory, figures)
    return Basis(figures, profiler(), settings.catalogue(), working_days(), wording(), directory, searcher)


def _remember(identity: UUID, known: _Known) -> None:
    if identity not in _known and len(_known) >= _KNOWN_LIMIT:
        _known.clear()
    _known[identity] = known


def _forget_loads() -> None:
    """Read every load anew at the next batch."""
    for identity, known in _known.items():
        _known[identity] = replace(known, horizon="0")


async def save(connection: "Connection", changes: Changes[CompanyNeeds, Shared]) -> None:
    """See `Store.save`.

    Raises:
        Conflict: a connecteur has no room left for what this batch offers it.
    """
    saved: dict[str, Connector] = {}
    moves: Counter[str] = Counter()
    for row in changes.rows:
        if isinstance(row, LoadsMoved):
            for connector_id in row.connector_ids:
                moves[connector_id] += row.by
        elif isinstance(row, ConnectorSaved):
            saved[row.connector.id] = row.connector
    if saved:
        await _save_connectors(connection, sorted(saved.values(), key=_id))
    moved = {connector_id: by for connector_id, by in sorted(moves.items()) if by}
    if moved:
        tag = await connection.execute(_MOVE, list(moved), list(moved.values()))
        if int(tag.rpartition(" ")[2]) != len(moved):
            _forget_loads()
            raise Conflict("a connecteur has no room left")


async def _save_connectors(connection: "Connection", connectors: Sequence[Connector]) -> None:
    version = await connection.fetchval(_NEXT_VERSION)
    regions_of = settings.territories().regions_of
    await connection.execute(
        _PUT,
        version,
        [connector.id for connector in connectors],
        [connector.status for connector in connectors],
        [connector.type for connector in connectors],
        [" ".join(connector.sujets) for connector in connectors],
        [" ".join(sorted(regions_of(connector.zones))) for connector in connectors],
        [_encode(connector).decode() for connector in connectors],
    )
    capacities = [connector.capacity_30d for connector in connectors]
    await connection.execute(_PUT_CAPACITY, [connector.id for connector in connectors], capacities)


def _id(connector: Connector) -> str:
    return connector.id


# --- reads -----------------------------------------------------------------------------------------------------------


async def list_connectors(
    connection: "Connection",
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


async def find_connector(connection: "Connection", connector_id: str) -> Listed | None:
    """One line of the directory."""
    row = await connection.fetchrow(_ONE, connector_id)
    return None if row is None else Listed(_decode(row["doc"]), row["load"])


async def find_connectors(connection: "Connection", ids: Iterable[str]) -> dict[str, Connector]:
    """Several lines of the directory, by id."""
    rows = await connection.fetch(_SOME, sorted(set(ids)))
    found = [_decode(doc) for (doc,) in rows]
    return {connector.id: connector for connector in found}
