"""NAF codes: shape, list, section. NAF rév. 2 and NAF 2025 are both in use around 1 January 2027.

No code is in both lists (their last letters differ): a code of one of them tells its list.
"""

from collections.abc import Mapping
from importlib.resources import files
from typing import Final, NamedTuple

import msgspec

REV2: Final = "NAFRev2"
NAF2025: Final = "NAF2025"
UNASSIGNED: Final = "00.00Z"
"""What INSEE writes for a unit whose activity it has not told yet."""

_DOTTED: Final = 6
_BARE: Final = 5


class _List(msgspec.Struct):
    """One edition: first and last division of each section, codes of each division without its two digits."""

    sections: dict[str, str]
    codes: dict[str, str]


class _Lists(msgspec.Struct, rename={"rev2": REV2, "naf2025": NAF2025}):
    """Both lists."""

    rev2: _List
    naf2025: _List


class Activity(NamedTuple):
    """An activity as the lists have it.

    Attributes:
        code: `62.01Z`; "" when none is told.
        nomenclature: `REV2` or `NAF2025`; "" with `code`.
        fault: `naf` or `naf_nomenclature` when that value is in none of the lists, or they contradict; "" otherwise.
    """

    code: str
    nomenclature: str
    fault: str


_DATA: Final = msgspec.json.decode((files("france") / "data" / "naf.json").read_bytes(), type=_Lists)
_LISTS: Final = {REV2: _DATA.rev2, NAF2025: _DATA.naf2025}
_SECTIONS: Final[dict[str, dict[str, str]]] = {
    name: {
        f"{division:02}": section
        for section, (first, last) in ((s, ends.split()) for s, ends in edition.sections.items())
        for division in range(int(first), int(last) + 1)
    }
    for name, edition in _LISTS.items()
}
_LIST_OF: Final = {
    f"{division}.{rest}": name
    for name, edition in _LISTS.items()
    for division, codes in edition.codes.items()
    for rest in codes.split()
}

_SPELLINGS: Final = {
    **dict.fromkeys(("nafrev2", "naf2008", "naf08", "naf2", "rev2", "2008"), REV2),
    **dict.fromkeys(("naf2025", "naf25", "nafrev2025", "nafrev3", "nafrev21", "2025"), NAF2025),
    **dict.fromkeys(("nap", "nap1973", "naf1993", "naf93", "nafrev1", "naf2003", "naf03"), ""),
}
"""Name of a list without case, accents, blanks and marks → the list; "" for the lists of before 2008."""

_PLAIN: Final = str.maketrans("éèêÉÈÊ", "eeeeee")
_NONE: Final = Activity("", "", "")


def _named(nomenclature: str) -> str | None:
    """The list that a name means, in any spelling; None for a name that nobody knows."""
    return _SPELLINGS.get("".join(c for c in nomenclature.translate(_PLAIN).lower() if c.isalnum()))


def naf_code(raw: str) -> str:
    """A NAF code as `62.01Z`, from `62.01Z` or `6201Z`; "" when it has another shape."""
    code = f"{raw[:2]}.{raw[2:]}" if len(raw) == _BARE else raw
    if len(code) != _DOTTED or not code.isascii() or code[2] != ".":
        return ""
    return code if (code[:2] + code[3:5]).isdigit() and code[5].isupper() else ""


def activity(naf: str, nomenclature: str) -> Activity:
    """The activity that a code and the name of its list, in any spelling, tell.

    The code decides: a list that is not named, or by a name that nobody knows, is completed from it. Codes of the
    lists of before 2008 tell nothing today, nor does `UNASSIGNED`.
    """
    if not naf:
        return _NONE
    if tells_nothing(naf, nomenclature):
        return _NONE
    named, code = _named(nomenclature), naf_code(naf)
    found = _LIST_OF.get(code, "")
    if not found:
        return Activity("", "", "naf")
    if named and named != found:
        return Activity("", "", "naf_nomenclature")
    return Activity(code, found, "")


def tells_nothing(naf: str, nomenclature: str) -> bool:
    """Whether a code is of a list of before 2008, or `UNASSIGNED`."""
    return naf_code(naf) == UNASSIGNED or _named(nomenclature) == ""


def known_codes(nomenclature: str) -> Mapping[str, str]:
    """Every code of a list, with its section."""
    return {code: section(name, code) for code, name in _LIST_OF.items() if name == nomenclature}


def section(nomenclature: str, naf: str) -> str:
    """The section letter of a NAF code in its nomenclature; "" when the code belongs to none."""
    return _SECTIONS.get(nomenclature, {}).get(naf[:2], "")
