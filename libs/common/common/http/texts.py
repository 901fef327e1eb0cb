"""What JSON, an address or a header can say and nothing can keep: found at the door and named by its place."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_to_bytes

Place = tuple[str | int, ...]
"""Where a value stands in a body: names and indexes, outermost first."""

DEEPEST: Final = 200
"""Levels of nesting that a value may have: what the readers of JSON behind the door take."""

LONGEST_NUMBER: Final = 300
"""Digits of the longest whole number: beyond, even a floating point number cannot say it."""

_TEXT: Final = "un caractère ne peut pas être enregistré (octet nul, moitié d’un émoji ou texte qui n’est pas en UTF-8)"
_NUMBER: Final = "ce nombre est trop grand, ou n’en est pas un"
_DEPTH: Final = "imbrication démesurée"

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_SUSPECT: Final = re.compile(rb"\x00|\xed[\xa0-\xbf]|\\u(?:0000|[dD][89a-fA-F])")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f]")


class Fault(NamedTuple):
    """What is wrong with a value, in French, and where it stands."""

    place: Place
    reason: str


def path_of(location: Sequence[int | str]) -> str:
    """A location as a JSON path: `lines[2].amount_cents`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


class _Unusable:
    """Stands for a number that is none."""


def suspect(body: bytes) -> bool:
    """Whether a body may hold what cannot be kept: one look at its bytes, true too often rather than too rarely."""
    return _SUSPECT.search(body) is not None


def read_leniently(body: bytes) -> Any:
    """The value of a JSON body, whatever its texts and numbers are: `fault_of` names those that cannot be kept.

    Raises:
        ValueError: it is not JSON, however its bytes are read.
        RecursionError: it nests too deeply to be read.
    """
    text = body.decode("utf-8-sig", "surrogateescape")
    return json.loads(text, parse_int=_whole, parse_float=_number, parse_constant=_unusable)


def _whole(digits: str) -> object:
    return int(digits) if len(digits) <= LONGEST_NUMBER else _Unusable()


def _number(text: str) -> object:
    value = float(text)
    return value if abs(value) != float("inf") else _Unusable()


def _unusable(_: str) -> object:
    return _Unusable()


def fault_of(value: Any) -> Fault | None:
    """The first text, name or number of a value that nothing can keep, in the order of the body; None: all can be."""
    waiting: list[Iterator[tuple[str | int, Any]]] = [iter(((0, value),))]
    place: list[str | int] = []
    while waiting:
        for name, each in waiting[-1]:
            here = (*place, name)[1:]
            if isinstance(name, str) and _UNSTORABLE.search(name):
                return Fault(here, _TEXT)
            if isinstance(each, str):
                if _UNSTORABLE.search(each):
                    return Fault(here, _TEXT)
            elif isinstance(each, _Unusable):
                return Fault(here, _NUMBER)
            elif isinstance(each, dict | list):
                if len(here) > DEEPEST:
                    return Fault(here[:1], _DEPTH)
                inner: Any = each.items() if isinstance(each, dict) else enumerate(each)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType, reportUnknownArgumentType]
                place.append(name)
                waiting.append(iter(inner))
                break
        else:
            waiting.pop()
            if place:
                place.pop()
    return None


def address_fault(path: bytes, query: bytes) -> Fault | None:
    """The part of an address, as it came, that is no text or cannot be kept: the path, or a parameter by its name."""
    if not _readable(path):
        return Fault(("adresse",), _TEXT)
    for pair in query.split(b"&"):
        if not _readable(pair):
            name = unquote_to_bytes(pair.partition(b"=")[0].replace(b"+", b" "))
            return Fault((name.decode(errors="replace"),), _TEXT)
    return None


def _readable(part: bytes) -> bool:
    """Whether a part of an address is text that can be kept, once its %-signs are read."""
    if b"%" not in part and part.isascii():
        return b"\0" not in part
    try:
        return "\0" not in unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        return False


def one_line(header: str) -> bool:
    """Whether the value of a header is free of control characters."""
    return _CONTROL.search(header) is None


def printable(text: str) -> str:
    """Text that can be encoded: what cannot is written as an escape."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()
