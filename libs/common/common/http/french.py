"""What the validator finds wrong, in French: every kind of fault it knows, so that no sentence comes out in English."""

from collections.abc import Mapping
from typing import Final

from pydantic_core import ErrorDetails

_INSTANT = "date et heure attendues, avec le fuseau: 2026-11-23T09:00:00Z"
_DAY = "date attendue: AAAA-MM-JJ"
_TIME = "heure attendue: 09:00:00"
_SPAN = "durée attendue"
_WHOLE = "nombre entier attendu"
_NUMBER = "nombre attendu"
_TEXT = "texte attendu"
_LIST = "liste attendue"
_OBJECT = "objet attendu"
_TRUTH = "vrai ou faux attendu"
_URL = "adresse attendue"
_UUID = "UUID attendu"
_VALUE = "valeur non admise"

REASONS: Final[Mapping[str, str]] = {
    "missing": "champ obligatoire absent",
    "extra_forbidden": "champ inconnu",
    "string_pattern_mismatch": "format attendu: {pattern}",
    "json_invalid": "JSON invalide",
    "json_type": "JSON attendu",
    "greater_than_equal": "doit être au moins {ge}",
    "less_than_equal": "doit être au plus {le}",
    "greater_than": "doit être plus grand que {gt}",
    "less_than": "doit être plus petit que {lt}",
    "multiple_of": "doit être un multiple de {multiple_of}",
    "finite_number": "nombre fini attendu",
    "string_too_long": "au plus {max_length} caractères",
    "string_too_short": "au moins {min_length} caractères",
    "too_long": "au plus {max_length} éléments",
    "too_short": "au moins {min_length} éléments",
    "bytes_too_long": "au plus {max_length} octets",
    "bytes_too_short": "au moins {min_length} octets",
    "literal_error": "valeurs possibles: {expected}",
    "enum": "valeurs possibles: {expected}",
    "value_error": "{error}",
    "assertion_error": "{error}",
    "none_required": "aucune valeur attendue",
    "string_unicode": "texte en UTF-8 attendu",
    "string_not_ascii": "caractères ASCII attendus",
    "int_from_float": _WHOLE,
    "int_parsing_size": "nombre trop grand",
    "decimal_max_digits": "trop de chiffres",
    "decimal_max_places": "trop de décimales",
    "decimal_whole_digits": "trop de chiffres avant la virgule",
    "date_past": "une date passée est attendue",
    "date_future": "une date à venir est attendue",
    "datetime_past": "un instant passé est attendu",
    "datetime_future": "un instant à venir est attendu",
    "timezone_aware": _INSTANT,
    "timezone_naive": "date et heure attendues, sans fuseau",
    "timezone_offset": "ce fuseau n’est pas celui qui est attendu",
    "union_tag_not_found": "champ obligatoire absent",
    "union_tag_invalid": "valeurs possibles: {expected_tags}",
}
"""By the validator's own name of the fault; its figures stand in braces."""

_FAMILIES: Final = (
    ("datetime", _INSTANT),
    ("date", _DAY),
    ("time_delta", _SPAN),
    ("time", _TIME),
    ("int", _WHOLE),
    ("float", _NUMBER),
    ("decimal", _NUMBER),
    ("complex", _NUMBER),
    ("bool", _TRUTH),
    ("string", _TEXT),
    ("bytes", _TEXT),
    ("list", _LIST),
    ("tuple", _LIST),
    ("set", _LIST),
    ("frozen_set", _LIST),
    ("iterable", _LIST),
    ("iteration", _LIST),
    ("dict", _OBJECT),
    ("mapping", _OBJECT),
    ("model", _OBJECT),
    ("dataclass", _OBJECT),
    ("uuid", _UUID),
    ("url", _URL),
)
"""The others, by how their name begins."""


def reason_of(error: ErrorDetails) -> str:
    """A validation error in French."""
    kind = error["type"]
    text = REASONS.get(kind)
    if text is None:
        return next((reason for family, reason in _FAMILIES if kind.startswith(f"{family}_")), _VALUE)
    context = {name: str(value).replace(" or ", " ou ") for name, value in error.get("ctx", {}).items()}
    try:
        return text.format(**context)
    except (KeyError, IndexError):
        return _VALUE
