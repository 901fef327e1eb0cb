"""Legal forms: INSEE's list (catégories juridiques, level III)."""

from importlib.resources import files
from typing import Final

import msgspec


class _Forms(msgspec.Struct):
    """The list.

    Attributes:
        written: code that forms of registration use → the form of the list that it is classed under.
        codes: first digit → the codes of the list.
    """

    written: dict[str, str]
    codes: dict[str, str]


_FORMS: Final = msgspec.json.decode((files("france") / "data" / "legal_forms.json").read_bytes(), type=_Forms)
LEGAL_FORMS: Final = frozenset(code for codes in _FORMS.codes.values() for code in codes.split())


def legal_form(raw: str) -> str:
    """A legal form of the list, from what people write: `5498` (EURL) is a `5499` (SARL); "" when it is none."""
    return raw if raw in LEGAL_FORMS else _FORMS.written.get(raw, "")
