"""Files as people have them, opened to be read line by line: plain, gzip, or the CSV of a zip, by what they hold.

The name of a file does not count: a browser unpacks a `.gz` and leaves its name.
"""

import gzip
import lzma
import stat
import zipfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from common.declare.errors import CroissanceError

_BUFFER: Final = 1 << 20
_START: Final = 512
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP: Final = b"\x1f\x8b"
_TAR: Final = slice(257, 262)
_ENCRYPTED: Final = 1
_METHODS: Final = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}

_OTHERS: Final = {
    b"7z\xbc\xaf\x27\x1c": "une archive 7-Zip",
    b"Rar!": "une archive RAR",
    b"\xfd7zXZ": "une archive xz",
    b"BZh": "une archive bzip2",
    b"\x28\xb5\x2f\xfd": "une archive Zstandard",
    b"PAR1": "un fichier Parquet",
    b"\xd0\xcf\x11\xe0": "un classeur Excel",
    b"%PDF": "un document PDF",
    b"<!DO": "une page web",
    b"<!do": "une page web",
    b"<htm": "une page web",
}
"""How other files begin → what they are."""

_READ: Final = "sont lus un CSV, un CSV compressé en .gz et un .zip qui en contient un"
_BROKEN: Final = "archive abîmée ou incomplète, à télécharger de nouveau"


class UnreadableFile(CroissanceError):
    """A file that cannot be imported at all; the text, in French, names what is wrong and what would be right."""


class Readable(Protocol):
    """An open file of bytes."""

    def readline(self, size: int, /) -> bytes:
        """The next line, or its first `size` bytes; b"" at the end."""
        ...


def shown(path: Path) -> str:
    """The name of a file, fit to be printed and stored whatever bytes it is made of."""
    return path.name.encode("utf-8", "replace").decode()


def fault_of(error: OSError) -> str:
    """Why the system does not give a file, in French."""
    if isinstance(error, FileNotFoundError):
        return "fichier introuvable"
    if isinstance(error, IsADirectoryError):
        return "c'est un dossier, pas un fichier"
    if isinstance(error, PermissionError):
        return "le système en refuse l'accès"
    return f"le système ne peut pas y accéder (erreur {error.errno})"


def check_kind(path: Path) -> None:
    """See that a path is no pipe and no device: its bytes come once, or never, or without end.

    Raises:
        OSError: it is not there.
        UnreadableFile: it is one of these.
    """
    kind = path.stat().st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        raise UnreadableFile(f"{shown(path)}: c'est un tube ou un périphérique, pas un fichier")


@contextmanager
def opened(path: Path) -> Generator[Readable]:
    """Open a plain, gzip or zip file (its CSV) for reading bytes.

    Raises:
        UnreadableFile: it cannot be opened or read, is of another kind, or a zip does not hold exactly one CSV.
    """
    name = shown(path)
    try:
        check_kind(path)
        with path.open("rb") as file:
            start = file.read(_START)
        if start.startswith(_ZIP):
            with _archive(path, name) as archive, archive.open(_member(archive, name)) as file:
                yield file
        elif start.startswith(_GZIP):
            with gzip.open(path, "rb") as file:
                _refuse_others(name, file.peek(_START)[:_START])
                yield file
        else:
            _refuse_others(name, start)
            with path.open("rb", buffering=_BUFFER) as file:
                yield file
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise UnreadableFile(f"{name}: {_BROKEN}") from error
    except OSError as error:
        raise UnreadableFile(f"{name}: {fault_of(error)}") from error


def _refuse_others(name: str, start: bytes) -> None:
    """Refuse what begins as a file of another kind."""
    what = next((what for mark, what in _OTHERS.items() if start.startswith(mark)), "")
    if start[_TAR] == b"ustar":
        what = "une archive tar"
    if what:
        raise UnreadableFile(f"{name}: c'est {what}; {_READ}")


def _archive(path: Path, name: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (ValueError, RuntimeError) as error:  # its table of contents is none, or of a later version of the format
        raise UnreadableFile(f"{name}: {_BROKEN}") from error


def _member(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """The CSV of an archive; what macOS adds to each file is none."""
    if "xl/workbook.xml" in archive.namelist() or "mimetype" in archive.namelist():
        raise UnreadableFile(f"{name}: c'est un classeur de tableur, à enregistrer en « CSV UTF-8 »")
    found = [
        info
        for info in archive.infolist()
        if info.filename.lower().endswith(".csv") and not PurePosixPath(info.filename).name.startswith("._")
    ]
    if not found:
        raise UnreadableFile(f"{name}: aucun fichier CSV dans cette archive")
    if len(found) > 1:
        names = ", ".join(info.filename[:80] for info in found[:3])
        raise UnreadableFile(f"{name}: plusieurs fichiers CSV dans cette archive ({names}): extraire celui à importer")
    (info,) = found
    if info.flag_bits & _ENCRYPTED:
        raise UnreadableFile(f"{name}: archive protégée par un mot de passe")
    if info.compress_type not in _METHODS:
        raise UnreadableFile(f"{name}: archive d'une compression que Python ne lit pas; en extraire le CSV")
    return info
