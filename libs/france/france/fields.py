"""A SIREN as a field of what people and partners send."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, WithJsonSchema

from france.siren import check_siren

SIREN_SCHEMA: Final[dict[str, Any]] = {
    "type": "string",
    "format": "siren",
    "maxLength": 40,
    "description": "SIREN : neuf chiffres, le dernier est une clé de contrôle ; blancs et ponctuation admis",
    "examples": ["732829320"],
}
"""A SIREN as documents describe it; `siren` is a format of ours (JSON Schema lets others pass it over)."""


def bare(text: str) -> str:
    """The nine digits of a SIREN.

    Raises:
        ValueError: it is none; says why, in French.
    """
    digits, reason = check_siren(text)
    if reason:
        raise ValueError(f"SIREN invalide : {reason}")
    return digits


Siren = Annotated[str, Field(max_length=40), AfterValidator(bare), WithJsonSchema(SIREN_SCHEMA)]
"""A SIREN that is checked and brought to its nine digits."""

SirenText = Annotated[str, WithJsonSchema(SIREN_SCHEMA)]
"""A SIREN of an address, as it was typed: its door checks it."""
