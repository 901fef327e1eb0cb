"""Saved answers of the public APIs: Sirene 3.11 (`/siret`, one or many) and Recherche d'entreprises (`/search`)."""

import codecs
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from croissance.sirene.answers import (
    INSEE_NAMES,
    SEARCH_NAMES,
    InseeOffice,
    SearchResult,
    company_of_office,
    company_of_result,
    head_offices,
)
from croissance.sirene.company import Company, Found, Names, Refused, Unusable
from croissance.sirene.opening import UnreadableFile, check_kind, fault_of, shown

Record = TypeVar("Record")

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What a decoder raises for bytes that it cannot read; the last of them for what nests too deeply."""

MAX_BYTES: Final = 256 * 1024 * 1024
"""Largest answer read: the APIs give pages of at most a few megabytes."""


_MARKS: Final = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class _Header(msgspec.Struct, frozen=True):
    statut: int = 200
    message: str = ""


class _Answer(msgspec.Struct, frozen=True):
    header: _Header = _Header()
    etablissement: msgspec.Raw = msgspec.Raw()
    etablissements: tuple[msgspec.Raw, ...] | None = None
    results: tuple[msgspec.Raw, ...] | None = None


_UNUSABLE: Final = "enregistrement inutilisable: valeur absente, ou autre que celles de cette API"
_ABSENT: Final = (b"", b"null")
_office = msgspec.json.Decoder(InseeOffice).decode
_result = msgspec.json.Decoder(SearchResult).decode


def read_api(path: Path) -> Iterator[Found | Refused]:
    """The companies of a saved answer: one found a company, a refusal a record that cannot be used.

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
        raise UnreadableFile(f"{shown(path)}: réponse d'erreur {answer.header.statut} ({answer.header.message})")
    raise UnreadableFile(
        f"{shown(path)}: forme inconnue; attendu « etablissement », « etablissements » (API Sirene 3.11) "
        "ou « results » (Recherche d'entreprises)"
    )


def _read(path: Path) -> _Answer:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UnreadableFile(f"{shown(path)}: plus de {MAX_BYTES // 1024 // 1024} Mo")
        check_kind(path)
        return msgspec.json.decode(_utf8(path.read_bytes()), type=_Answer)
    except OSError as error:
        raise UnreadableFile(f"{shown(path)}: {fault_of(error)}") from error
    except UNREADABLE as error:
        raise UnreadableFile(
            f"{shown(path)}: JSON inutilisable: fichier abîmé ou coupé, ou réponse d'une autre API"
        ) from error


def _utf8(content: bytes) -> bytes:
    """A JSON document as UTF-8 without a mark: Windows saves what a command prints with one, or as UTF-16."""
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return content.decode(encoding).encode()
    return content


def _results(path: Path, records: tuple[msgspec.Raw, ...]) -> Iterator[Found | Refused]:
    for number, record in enumerate(records, 1):
        result = _decoded(path, number, record, _result)
        if isinstance(result, Refused):
            yield result
        else:
            yield _found(path, number, result.siren, partial(company_of_result, result), SEARCH_NAMES)


def _establishments(path: Path, records: tuple[msgspec.Raw, ...]) -> Iterator[Found | Refused]:
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
        yield _found(path, numbers[id(office)], office.siret, partial(company_of_office, office), INSEE_NAMES)


def _decoded(path: Path, number: int, record: msgspec.Raw, decode: Callable[[msgspec.Raw], Record]) -> Record | Refused:
    try:
        return decode(record)
    except UNREADABLE as error:
        where = str(error).partition(" - at `$.")[2].rstrip("`")
        return Refused(shown(path), number, "", where, _UNUSABLE)


def _found(path: Path, number: int, identifier: str, read: Callable[[], Company], names: Names) -> Found | Refused:
    try:
        return Found(shown(path), number, names, read())
    except Unusable as fault:
        return Refused(shown(path), number, identifier[:14], fault.field, fault.reason)
