"""A SIREN as a field: bare digits, or why not; documents name its format."""

import pytest
from pydantic import TypeAdapter, ValidationError

from france.fields import SIREN_SCHEMA, Siren, SirenText, bare


@pytest.mark.parametrize("typed", ["732829320", "732 829 320", "732.829.320", " 732-829-320\u00a0"])
def test_a_siren_is_brought_to_its_digits(typed: str) -> None:
    assert bare(typed) == TypeAdapter(Siren).validate_python(typed) == "732829320"


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("732829321", "SIREN invalide : clé de contrôle du SIREN fausse"),
        ("73282932", "SIREN invalide : un SIREN a 9 chiffres, pas 8"),
        ("٧٣٢٨٢٩٣٢٠", "SIREN invalide : un SIREN ne contient que des chiffres"),
        ("000000000", "SIREN invalide : un SIREN de zéros n'existe pas"),
    ],
)
def test_what_is_no_siren_is_told_why(typed: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        bare(typed)
    with pytest.raises(ValidationError, match=reason):
        TypeAdapter(Siren).validate_python(typed)


def test_a_very_long_one_is_not_read() -> None:
    assert TypeAdapter(Siren).validate_python("732829320" + " " * 31) == "732829320"
    with pytest.raises(ValidationError, match="at most 40 characters"):
        TypeAdapter(Siren).validate_python("732829320" + " " * 32)


def test_documents_name_its_format() -> None:
    assert TypeAdapter(Siren).json_schema() == TypeAdapter(SirenText).json_schema() == SIREN_SCHEMA
    assert SIREN_SCHEMA["format"] == "siren"
    assert bare(SIREN_SCHEMA["examples"][0])
