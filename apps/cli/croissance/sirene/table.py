"""Large CSV files, line by line: flat memory, and a broken line costs that line only."""

import csv
from collections import deque
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from croissance.sirene.company import Refused
from croissance.sirene.opening import Readable, UnreadableFile, opened, shown
from croissance.sirene.rows import Columns, Fields

MAX_LINE: Final = 65536
"""Longest line read, bytes; SIRENE's are under 2,000."""

CONTINUATIONS: Final = 5
"""A quoted value may run over so many more lines; beyond that its quote counts as unbalanced."""

_NEWLINE: Final = 10
_MARK: Final = b"\xef\xbb\xbf"


Rows: TypeAlias = Iterator[tuple[int, Fields] | Refused]
"""Line number and values of each good line, a refusal for each other."""


class _Layout(NamedTuple):
    """How a file is laid out, from its header."""

    delimiter: str
    width: int
    identifier: int
    pick: Callable[[list[str]], Fields]


class _LineError(Exception):
    """A line that does not hold one record."""

    def __init__(self, reason: str, identifier: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.identifier = identifier


def rows(path: Path, columns: Columns) -> Rows:
    """The rows of a CSV file (UTF-8; comma, semicolon or tab), as the values of `columns`.

    Columns are found by their header: their order and any other column do not matter, an optional one may be missing.
    A line that is not UTF-8, has a NUL, another number of fields than the header or an unbalanced quote is refused;
    the next line is read as if it had not been there.

    Raises:
        UnreadableFile: the file cannot be read, or its header lacks a required column or has one twice.
    """
    with opened(path) as file:
        layout = _layout(path, columns, file.readline(MAX_LINE))
        waiting: deque[bytes] = deque()
        number = 1
        while raw := waiting.popleft() if waiting else file.readline(MAX_LINE):
            number += 1
            try:
                fields, taken = _fields(file, waiting, raw, layout)
            except _LineError as error:
                yield Refused(shown(path), number, error.identifier, "", error.reason)
                continue
            if fields is not None:
                yield number, layout.pick(fields)
            number += taken


def check_header(path: Path, columns: Columns) -> None:
    """Refuse a file whose header does not have what `rows` needs.

    Raises:
        UnreadableFile: the file cannot be read, or a required column is missing, or one is there twice.
    """
    with opened(path) as file:
        _layout(path, columns, file.readline(MAX_LINE))


def is_sorted(path: Path) -> bool:
    """Whether a CSV file begins with its column of SIREN or SIRET and is sorted by SIREN.

    Raises:
        UnreadableFile: the file cannot be read.
    """
    with opened(path) as file:
        header = file.readline(MAX_LINE).lstrip(_MARK + b'"')
        if not header.startswith((b"siren", b"siret")):
            return False
        previous = b""
        for line in iter(lambda: file.readline(MAX_LINE), b""):
            siren = line.lstrip(b'"')[:9]
            if siren < previous or not siren.isdigit():
                return False
            previous = siren
    return True


def _layout(path: Path, columns: Columns, header: bytes) -> _Layout:
    """The layout that a header announces.

    Raises:
        UnreadableFile: the file is empty or no text, or a column is missing or twice there: names it.
    """
    if not header.strip():
        raise UnreadableFile(f"{shown(path)}: fichier vide, ou sans en-tête en ligne 1")
    if b"\r" in header.rstrip(b"\r\n"):
        raise UnreadableFile(
            f"{shown(path)}: fins de ligne d'un ancien Mac (CR seul); à enregistrer avec des fins de ligne LF ou CRLF"
        )
    try:
        text = header.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UnreadableFile(f"{shown(path)}, ligne 1: en-tête illisible, un texte UTF-8 est attendu (« CSV UTF-8 »)")
    delimiter = max(",;\t", key=text.count)
    names = [name.strip().strip('"') for name in text.split(delimiter)]
    missing = [name for name in columns.required if name not in names]
    if missing:
        found = ", ".join(name[:40] for name in names[:8]) or "rien"
        raise UnreadableFile(
            f"{shown(path)}, ligne 1: colonne obligatoire absente: {', '.join(missing)} (trouvé: {found}…)"
        )
    twice = [name for name in (*columns.required, *columns.optional) if names.count(name) > 1]
    if twice:
        raise UnreadableFile(f"{shown(path)}, ligne 1: colonne en double: {', '.join(twice)}")
    places = [names.index(name) if name in names else len(names) for name in (*columns.required, *columns.optional)]
    return _Layout(delimiter, len(names), places[0], itemgetter(*places))


def _fields(file: Readable, waiting: deque[bytes], raw: bytes, layout: _Layout) -> tuple[list[str] | None, int]:
    """The fields of a line, "" added behind them for the columns the file lacks; None for an empty line.

    Second: how many further lines its values ran over.

    Raises:
        _LineError: the line does not hold one record; what comes after it can be read.
    """
    if len(raw) == MAX_LINE and raw[-1] != _NEWLINE:
        _skip_line(file)
        raise _LineError(f"ligne de plus de {MAX_LINE} octets")
    taken = 0
    try:
        line = raw.decode()
    except UnicodeDecodeError as error:
        raise _LineError(f"UTF-8 invalide à l'octet {error.start + 1} de la ligne") from None
    if '"' in line:
        fields, taken = _quoted(file, waiting, line, layout)
    else:
        fields = line.rstrip("\r\n").split(layout.delimiter)
    if len(fields) != layout.width:
        if fields == [""]:
            return None, 0
        reason = f"{len(fields)} champs au lieu des {layout.width} de l'en-tête"
        raise _LineError(reason, _identifier(fields, layout))
    if "\0" in line:
        raise _LineError("caractère nul dans la ligne", _identifier(fields, layout))
    fields.append("")
    return fields, taken


def _quoted(file: Readable, waiting: deque[bytes], line: str, layout: _Layout) -> tuple[list[str], int]:
    """The fields of a line with quotes, and how many further lines its values ran over.

    Raises:
        _LineError: its quotes are not balanced; further lines that were looked at wait to be read again.
    """
    text, looked_at = line, list[bytes]()
    for taken in range(CONTINUATIONS + 1):
        try:
            fields = next(csv.reader([text], delimiter=layout.delimiter, strict=True))
        except csv.Error as error:
            reason = str(error)
        else:
            if taken == 0 or len(fields) == layout.width:
                return fields, taken
            reason = "unbalanced"
        if "unexpected end of data" not in reason:
            break
        more = waiting.popleft() if waiting else file.readline(MAX_LINE)
        if not more:
            break
        looked_at.append(more)
        if len(more) == MAX_LINE:
            break
        try:
            text += more.decode()
        except UnicodeDecodeError:
            break
    waiting.extendleft(reversed(looked_at))
    raise _LineError("guillemets mal fermés")


def _skip_line(file: Readable) -> None:
    """Read on to the end of a line that is too long to be held."""
    while True:
        rest = file.readline(MAX_LINE)
        if not rest or rest[-1] == _NEWLINE:
            return


def _identifier(fields: list[str], layout: _Layout) -> str:
    return fields[layout.identifier][:14] if layout.identifier < len(fields) else ""
