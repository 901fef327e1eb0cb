"""Numbers and codes of INSEE as fields of what people and partners send.

A code that follows one of INSEE's lists says so by its `format`: the names are ours, other readers of a JSON Schema
pass them over. The list decides what is right, not the schema: a former commune or an eaten zero is completed.
"""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic.config import JsonDict

from france.siren import check_siren

SIREN_SCHEMA: Final[dict[str, Any]] = {
    "type": "string",
    "format": "siren",
    "maxLength": 40,
    "description": "SIREN : neuf chiffres, le dernier est une clé de contrôle ; blancs et ponctuation admis",
    "examples": ["732829320"],
}
"""A SIREN as documents describe it; `siren` is a format of ours (JSON Schema lets others pass it over)."""


SIRET: Final[JsonDict] = {"format": "siret", "examples": ["73282932000074"]}
NAF: Final[JsonDict] = {"format": "naf", "examples": ["43.32A"]}
NOMENCLATURE: Final[JsonDict] = {"format": "nomenclature-naf", "examples": ["NAFRev2"]}
LEGAL_FORM: Final[JsonDict] = {"format": "categorie-juridique", "examples": ["5710"]}
HEADCOUNT: Final[JsonDict] = {"format": "tranche-effectif", "examples": ["11"]}
CATEGORY: Final[JsonDict] = {"format": "categorie-entreprise", "examples": ["PME"]}
COMMUNE: Final[JsonDict] = {"format": "commune", "examples": ["69123"]}
POSTAL_CODE: Final[JsonDict] = {"format": "code-postal", "examples": ["69003"]}
DEPARTEMENT: Final[JsonDict] = {"format": "departement", "examples": ["69"]}
"""What a schema adds for a number or a code of INSEE: `Field(json_schema_extra=NAF)`."""


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
