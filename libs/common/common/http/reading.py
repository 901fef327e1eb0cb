"""Reading JSON that strangers write: once, strictly, with what a reader would pass over in silence."""

import json
import re
import sys
from typing import Any, Final

import msgspec
from pydantic_core import from_json

from common.declare.decision import Refusal
from common.http.problems import Problem, unstorable
from common.http.texts import Fault, Place, fault_of, read_leniently, suspect

MOST_VALUES: Final = 10_000
"""Names and values of one item: far above any that fits a door, and what can be judged in a tenth of a second."""

_HOLDERS: Final = frozenset((dict, list))
_NAME: Final = re.compile(rb'"[ \t\r\n]*:')
_WHERE: Final = re.compile(r"line (\d+) column (\d+)")
_TWICE: Final = "ce nom est répété dans le même objet"
_CROWDED: Final = f"au plus {MOST_VALUES} valeurs"


class _Doubled(dict[str, Any]):
    """An object in which a name stands twice."""

    name: str = ""


def read(body: bytes) -> tuple[Any, bool]:
    """The value of a body, and whether it must be looked at for what cannot be kept.

    The fast reader refuses the whole for one such text or number; then the slow one reads what it can.

    Raises:
        Problem: it is not JSON.
    """
    try:
        return from_json(body, allow_inf_nan=False), suspect(body)
    except ValueError as error:
        try:
            return read_leniently(body), True
        except (ValueError, RecursionError):
            raise Problem(_unreadable(str(error))) from None


def _unreadable(reason: str) -> Refusal:
    where = _WHERE.search(reason)
    place = "" if where is None else f" (ligne {where[1]}, colonne {where[2]})"
    detail = f"le corps n’est pas lisible{place}: JSON en UTF-8, non compressé, sans imbrication démesurée"
    return Refusal("unreadable", "json_invalide", "JSON invalide", detail)


def check(body: bytes) -> None:
    """Look at the body of a door for a single thing, before the door does.

    Raises:
        Problem: it is not JSON (400); nothing can keep it, a name stands twice in it, or it is out of all proportion.
    """
    value, doubtful = read(body)
    fault = fault_of(value) if doubtful else None
    if fault is None:
        names, values = weigh(value, plain=is_plain(body))
        if values > MOST_VALUES:
            fault = Fault((), _CROWDED)
        elif may_repeat(body, names) and (place := repeated(value := with_repeats(body))) is not None:
            fault = Fault(place, _TWICE)
    if fault is not None:
        raise Problem(unstorable(fault))


def is_plain(body: bytes) -> bool:
    """Whether no sign of a body is written by its number: its texts look in it as they look in its value."""
    return b"\\u" not in body


def weigh(value: Any, *, plain: bool) -> tuple[int, int]:
    """The names and values of what was read from a body or a part of it, for `may_repeat` and against `MOST_VALUES`.

    Counted in the value as it would be written, which costs a tenth of a walk through it: a name once for each of its
    places, and more for texts that look like one, as many as the body has; values never too few. Where the body is not
    `plain` (asked once a body: it may hold a thousand values), or where the values may be too many, the walk decides.
    """
    if plain:
        try:
            written = msgspec.json.encode(value)
        except (msgspec.MsgspecError, TypeError, ValueError, OverflowError, RecursionError):
            return measure(value, sys.maxsize)
        values = written.count(b",") + written.count(b"[") + written.count(b"{")
        if values <= MOST_VALUES:
            return written.count(b'":'), values
    return measure(value, sys.maxsize)


def measure(value: Any, most: int = MOST_VALUES) -> tuple[int, int]:
    """How many names a value has, and how many names and values; it stops counting soon after `most`."""
    names = values = 0
    waiting: list[Any] = [value]
    while waiting and values <= most:
        each = waiting.pop()
        inside: Any = each
        if type(each) is dict:
            names += len(each)  # pyright: ignore[reportUnknownArgumentType]
            inside = each.values()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        elif type(each) is not list:
            continue
        values += len(inside)  # pyright: ignore[reportUnknownArgumentType]
        waiting += [inner for inner in inside if type(inner) in _HOLDERS]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return names, values


def may_repeat(body: bytes, names: int) -> bool:
    """Whether a name may stand twice: the text has more than the value; true too often rather than too rarely."""
    return body.count(b":") != names and len(_NAME.findall(body)) != names


def with_repeats(body: bytes) -> Any:
    """The value of a readable body, in which objects with a repeated name are marked."""
    text = body.decode("utf-8-sig", "surrogateescape")
    return json.loads(text, object_pairs_hook=_pairs)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    marked = _Doubled(found)
    for name, _ in pairs:
        if name in seen:
            marked.name = name
            break
        seen.add(name)
    return marked


def repeated(value: Any) -> Place | None:
    """The place of the first repeated name of a value that `with_repeats` read; None: no name is."""
    waiting: list[tuple[Place, Any]] = [((), value)]
    while waiting:
        place, each = waiting.pop()
        if isinstance(each, _Doubled):
            return (*place, each.name)
        if isinstance(each, dict):
            waiting += [((*place, name), inner) for name, inner in reversed(list(each.items()))]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        elif isinstance(each, list):
            waiting += [((*place, index), inner) for index, inner in reversed(list(enumerate(each)))]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return None


def item_faults(body: bytes, items: list[Any], counted: int) -> dict[int, Fault]:
    """Which items of a batch repeat a name; `counted`: the names of the whole body as its value has them."""
    if not may_repeat(body, counted):
        return {}
    marked = with_repeats(body)
    if isinstance(marked, dict):
        marked = marked.get("items")  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    found: dict[int, Fault] = {}
    for index, item in enumerate(marked if isinstance(marked, list) and len(marked) == len(items) else ()):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        place = repeated(item)
        if place is not None:
            found[index] = Fault(place, _TWICE)
    return found


def crowded(values: int) -> Fault | None:
    """What is wrong with an item of so many names and values."""
    return Fault((), _CROWDED) if values > MOST_VALUES else None
