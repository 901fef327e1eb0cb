"""What INSEE's register writes in place of a value, and whom it names."""

import re
import unicodedata
from typing import Final

from france.typography import one_line

WITHHELD: Final = "[ND]"
"""What stands for a value that may not be published."""

NAME_LENGTH: Final = 300

_DELETED: Final = re.compile(
    r"SUPPRESSION (?:D(?:E|U|ES) ?)?(?:LA |L')?(?:NOM|ENSEIGNE|SIGLE|D[EÉ]NOMINATION|MARQUE)\b.*", re.IGNORECASE
)
"""The order to delete a name, that some forms of registration left in the name's place."""

_OF_PERSONS: Final = ("1", "2110", "2210", "2310")
"""First digits of the legal forms of natural persons, alone or together without a legal person."""


def given(raw: str | None) -> str:
    """A value, "" when there is none or it is withheld."""
    return "" if raw is None or raw == WITHHELD else raw


def company_name(raw: str | None) -> str:
    """A name on one line, cut at `NAME_LENGTH`; "" when it is withheld, or says that a name was deleted."""
    name = one_line(given(raw))[:NAME_LENGTH]
    return "" if _DELETED.fullmatch(name.replace("’", "'")) else name


def is_of_persons(legal_form: str) -> bool:
    """Whether who has this legal form is a natural person, or several: what they are called may not be told."""
    return legal_form.startswith(_OF_PERSONS)


def trade_name(raw: str | None, person: tuple[str | None, ...]) -> str:
    """The name on the door of a natural person; "" when a word of it is one of the person's names, or none is known.

    `person`: surname, name in use, first names, pseudonym.
    """
    known = {word for name in person for word in _words(given(name))}
    name = company_name(raw)
    return name if known and known.isdisjoint(_words(name)) else ""


def _words(text: str) -> list[str]:
    """Words of two letters and more, without case and accents."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return [word for word in re.split(r"\W+", bare) if len(word) > 1]
