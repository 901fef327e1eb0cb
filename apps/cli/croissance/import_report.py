"""The report of refused lines: a table that French Excel opens by a double click, or JSON lines for programs."""

import csv
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Final, Protocol

import msgspec

from croissance.sirene import Refused
from france.typography import one_line

_HEADINGS: Final = {
    "file": "fichier",
    "line": "ligne",
    "identifier": "identifiant",
    "field": "champ",
    "reason": "raison",
}
_FORMULA: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""How a cell begins that a spreadsheet computes instead of showing it."""


class RefusalReport(Protocol):
    """Writes refused lines."""

    def add(self, refused: Refused) -> None:
        """Write one."""
        ...


class _Table:
    """Semicolons, and the mark that tells Excel that this is UTF-8: what a French Excel expects of a CSV."""

    def __init__(self, file: IO[str]) -> None:
        file.write("\ufeff")
        self._writer = csv.writer(file, delimiter=";")
        self._writer.writerow(_HEADINGS.values())

    def add(self, refused: Refused) -> None:
        self._writer.writerow([cell(getattr(refused, name)) for name in _HEADINGS])


class _JsonLines:
    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def add(self, refused: Refused) -> None:
        self._file.write(msgspec.json.encode(refused).decode() + "\n")


def cell(value: str | int) -> str | int:
    """A value as a cell: on one line, and text that would be a formula as text."""
    if isinstance(value, int):
        return value
    text = one_line(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def writing(report: Path | None) -> IO[str]:
    """The file of the report, open; one that keeps nothing when none is asked for.

    Raises:
        OSError: it cannot be written.
    """
    return (report or Path(os.devnull)).open("w", encoding="utf-8", newline="")


def writer_to(report: Path | None, file: IO[str]) -> RefusalReport:
    """What writes a report of this name (`.csv`, `.jsonl`)."""
    return _JsonLines(file) if report is not None and report.suffix == ".jsonl" else _Table(file)


def would_overwrite(report: Path | None, files: Iterable[Path | None]) -> bool:
    """Whether the report is one of the files that are read."""
    return report is not None and any(file is not None and report.resolve() == file.resolve() for file in files)
