"""SIRENE stock files joined on the way: each legal unit with the establishment that stands for it.

When both files are sorted by SIREN, as INSEE delivers them, they are merged; otherwise the establishments go through
a temporary SQLite index first. Memory stays flat either way.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeAlias

from croissance.sirene.company import Found, Refused, Unusable, siren_of
from croissance.sirene.opening import shown
from croissance.sirene.rows import OFFICES, UNIT_NAMES, UNITS, Fields, Office, company_of_unit, office_of
from croissance.sirene.table import check_header, is_sorted, rows

Outcomes: TypeAlias = Iterator[Found | Refused]

_INDEX: Final = """create table offices (siren integer primary key, rank integer, siret text, state text,
    commune text, postal_code text, brand text, diffusion text, treated text)"""
_ADD: Final = """insert into offices values (?, ?, ?, ?, ?, ?, ?, ?, ?)
    on conflict (siren) do update set rank = excluded.rank, siret = excluded.siret, state = excluded.state,
        commune = excluded.commune, postal_code = excluded.postal_code, brand = excluded.brand,
        diffusion = excluded.diffusion, treated = excluded.treated
    where (excluded.rank, offices.treated, excluded.siret) < (offices.rank, excluded.treated, offices.siret)"""
_FIND: Final = "select rank, siret, state, commune, postal_code, brand, diffusion, treated from offices where siren = ?"
_CHUNK: Final = 10_000


def read_sirene(unites: Path, etablissements: Path | None = None) -> Outcomes:
    """The companies of `StockUniteLegale`, each with its head office, or an active establishment, if given.

    Of two head offices the active one is taken. One company a legal unit, ceased ones included; a refusal a line that
    cannot be used, of either file. Plain, gzip and zip files are read. Without `etablissements` the SIRET is made of
    `nicSiegeUniteLegale`, the place is unknown.

    Raises:
        UnreadableFile: at once, when a file cannot be read or its header lacks a required column.
    """
    check_header(unites, UNITS)
    if etablissements is None:
        return _alone(unites)
    check_header(etablissements, OFFICES)
    if is_sorted(unites) and is_sorted(etablissements):
        return _merged(unites, etablissements)
    return _indexed(unites, etablissements)


def _alone(unites: Path) -> Outcomes:
    for row in rows(unites, UNITS):
        yield row if isinstance(row, Refused) else _company(unites, *row, None)


def _units(unites: Path) -> Iterator[tuple[int, Fields, str] | Refused]:
    """The lines of a file of units whose SIREN can be read, with it; a refusal of every other."""
    for row in rows(unites, UNITS):
        if isinstance(row, Refused):
            yield row
            continue
        number, fields = row
        try:
            yield number, fields, siren_of("siren", fields[0])
        except Unusable as fault:
            yield _refused(unites, number, fields, fault)


def _merged(unites: Path, etablissements: Path) -> Outcomes:
    """Both files in step: memory for one unit and its establishments."""
    offices = _representatives(etablissements)
    current: Office | None = None
    exhausted = False
    for unit in _units(unites):
        if isinstance(unit, Refused):
            yield unit
            continue
        number, fields, siren = unit
        while not exhausted and (current is None or current.siret[:9] < siren):
            found = next(offices, None)
            if isinstance(found, Refused):
                yield found
            else:
                exhausted, current = found is None, found
        office = current if current is not None and current.siret[:9] == siren else None
        yield _company(unites, number, fields, office)
    for found in offices:
        if isinstance(found, Refused):
            yield found


def _indexed(unites: Path, etablissements: Path) -> Outcomes:
    """Establishments indexed on disk first: any order of lines."""
    with (
        TemporaryDirectory(prefix="croissance-import-") as folder,
        closing(sqlite3.connect(Path(folder) / "offices.db", isolation_level=None)) as index,
    ):
        index.executescript("pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -65536;")
        index.execute(_INDEX)
        candidates = _offices(etablissements)
        while chunk := list(islice(candidates, _CHUNK)):
            index.execute("begin")
            index.executemany(_ADD, ((int(o.siret[:9]), *o) for o in chunk if isinstance(o, Office)))
            index.execute("commit")
            yield from (found for found in chunk if isinstance(found, Refused))
        for unit in _units(unites):
            if isinstance(unit, Refused):
                yield unit
                continue
            number, fields, siren = unit
            found = index.execute(_FIND, (int(siren),)).fetchone()
            yield _company(unites, number, fields, None if found is None else Office(*found))


def _offices(path: Path) -> Iterator[Office | Refused]:
    """The establishments that may stand for their company, in file order."""
    for row in rows(path, OFFICES):
        if isinstance(row, Refused):
            yield row
            continue
        number, fields = row
        try:
            office = office_of(fields)
        except Unusable as fault:
            yield _refused(path, number, fields, fault)
        else:
            if office is not None:
                yield office


def _representatives(path: Path) -> Iterator[Office | Refused]:
    """The establishment that stands for each company, from a file sorted by SIREN."""
    best: Office | None = None
    for office in _offices(path):
        if isinstance(office, Refused):
            yield office
        elif best is None or best.siret[:9] != office.siret[:9]:
            if best is not None:
                yield best
            best = office
        elif office.outranks(best):
            best = office
    if best is not None:
        yield best


def _company(path: Path, number: int, fields: Fields, office: Office | None) -> Found | Refused:
    try:
        return Found(shown(path), number, UNIT_NAMES, company_of_unit(fields, office))
    except Unusable as fault:
        return _refused(path, number, fields, fault)


def _refused(path: Path, number: int, fields: Fields, fault: Unusable) -> Refused:
    return Refused(shown(path), number, fields[0][:14], fault.field, fault.reason)
