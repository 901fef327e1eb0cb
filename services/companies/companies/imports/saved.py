"""Saved answers of the public APIs: Sirene 3.11 (`/siret`, one or many) and Recherche d'entreprises (`/search`)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from companies.imports.table import Refused, UnreadableFile
from companies.inputs import RegisterCompany
from companies.rules.answers import (
    InseeOffice,
    SearchResult,
    company_of_office,
    company_of_result,
    head_offices,
)
from companies.rules.facts import Unusable

Record = TypeVar("Record")

MAX_BYTES: Final = 256 * 1024 * 1024
"""Largest answer read: the APIs give pages of at most a few megabytes."""


class _Header(msgspec.Struct, frozen=True):
    statut: int = 200
    message: str = ""


class _Answer(msgspec.Struct, frozen=True):
    header: _Header = _Header()
    etablissement: msgspec.Raw = msgspec.Raw()
    etablissements: tuple[msgspec.Raw, ...] | None = None
    results: tuple[msgspec.Raw, ...] | None = None


_ABSENT: Final = (b"", b"null")
_office = msgspec.json.Decoder(InseeOffice).decode
_result = msgspec.json.Decoder(SearchResult).decode


def read_api(path: Path) -> Iterator[RegisterCompany | Refused]:
    """The companies of a saved answer: one command a company, a refusal a record that cannot be used.

    Of several establishments of one company only its head office, else the first active one, is taken.

    Raises:
        UnreadableFile: at once, when the file is not JSON in one of the known shapes.
    """
    answer = _read(path)
    if answer.results is not None:
        return _results(path, answer.results)
    if answer.etablissements is not None:
        return _establishments(path, answer.etablissements)
    if bytes(answer.etablissement) not in _ABSENT:
        return _establishments(path, (answer.etablissement,))
    if answer.header.statut != 200:
        raise UnreadableFile(f"{path.name}: réponse d'erreur {answer.header.statut} ({answer.header.message})")
    raise UnreadableFile(
        f"{path.name}: forme inconnue; attendu « etablissement », « etablissements » (API Sirene 3.11) "
        "ou « results » (Recherche d'entreprises)"
    )


def _read(path: Path) -> _Answer:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UnreadableFile(f"{path.name}: plus de {MAX_BYTES // 1024 // 1024} Mo")
        return msgspec.json.decode(path.read_bytes(), type=_Answer)
    except OSError as error:
        raise UnreadableFile(f"{path.name}: lecture impossible ({error})") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"{path.name}: JSON inutilisable ({error})") from error


def _results(path: Path, records: tuple[msgspec.Raw, ...]) -> Iterator[RegisterCompany | Refused]:
    for number, record in enumerate(records, 1):
        result = _decoded(path, number, record, _result)
        if isinstance(result, Refused):
            yield result
        else:
            yield _company(path, number, result.siren, result, company_of_result)


def _establishments(path: Path, records: tuple[msgspec.Raw, ...]) -> Iterator[RegisterCompany | Refused]:
    offices: list[InseeOffice] = []
    numbers: dict[int, int] = {}
    for number, record in enumerate(records, 1):
        office = _decoded(path, number, record, _office)
        if isinstance(office, Refused):
            yield office
        else:
            numbers[id(office)] = number
            offices.append(office)
    for office in head_offices(offices):
        yield _company(path, numbers[id(office)], office.siret, office, company_of_office)


def _decoded(path: Path, number: int, record: msgspec.Raw, decode: Callable[[msgspec.Raw], Record]) -> Record | Refused:
    try:
        return decode(record)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        reason, _, where = str(error).partition(" - at `$.")
        return Refused(path.name, number, "", where.rstrip("`"), f"enregistrement inutilisable: {reason}")


def _company(
    path: Path, number: int, identifier: str, record: Record, company_of: Callable[[Record], RegisterCompany]
) -> RegisterCompany | Refused:
    try:
        return company_of(record)
    except Unusable as fault:
        return Refused(path.name, number, identifier[:14], fault.field, fault.reason)
