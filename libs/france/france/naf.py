"""NAF codes: shape, nomenclature, section. NAF rév. 2 and NAF 2025 are both in use around 1 January 2027."""

from importlib.resources import files
from typing import Any, Final

import msgspec

REV2: Final = "NAFRev2"
NAF2025: Final = "NAF2025"
_DOTTED: Final = 6
_BARE: Final = 5

_RANGES: Final[dict[str, Any]] = msgspec.json.decode((files("france") / "data" / "naf.json").read_bytes())
_SECTIONS: Final[dict[str, dict[str, str]]] = {
    nomenclature: {
        f"{division:02}": section
        for section, (first, last) in _RANGES[nomenclature].items()
        for division in range(int(first), int(last) + 1)
    }
    for nomenclature in (REV2, NAF2025)
}


def naf_code(raw: str) -> str:
    """A NAF code as `62.01Z`, from `62.01Z` or `6201Z`; "" when it has another shape."""
    code = f"{raw[:2]}.{raw[2:]}" if len(raw) == _BARE else raw
    if len(code) != _DOTTED or not code.isascii() or code[2] != ".":
        return ""
    return code if (code[:2] + code[3:5]).isdigit() and code[5].isalpha() and code[5].isupper() else ""


def section(nomenclature: str, naf: str) -> str:
    """The section letter of a NAF code in its nomenclature; "" when the code belongs to none."""
    return _SECTIONS.get(nomenclature, {}).get(naf[:2], "")
