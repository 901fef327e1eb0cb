"""A SIREN as a field: bare digits, or why not; documents name its format."""

from collections.abc import Callable

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic.config import JsonDict

from france import fields
from france.fields import SIREN_SCHEMA, Siren, SirenText, bare
from france.geography import read_commune, read_departement, read_postal_code
from france.legal_forms import legal_form
from france.naf import activity
from france.siren import is_siret


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


def known_activity(code: str) -> bool:
    return not activity(code, "NAFRev2").fault


def known_nomenclature(name: str) -> bool:
    return not activity("43.32A", name).fault


LISTS: list[tuple[JsonDict, Callable[[str], object]]] = [
    (fields.SIRET, is_siret),
    (fields.NAF, known_activity),
    (fields.NOMENCLATURE, known_nomenclature),
    (fields.LEGAL_FORM, legal_form),
    (fields.COMMUNE, read_commune),
    (fields.POSTAL_CODE, read_postal_code),
    (fields.DEPARTEMENT, read_departement),
]


@pytest.mark.parametrize(("said", "read"), LISTS)
def test_documents_name_the_list_of_a_code_and_show_one_of_it(said: JsonDict, read: Callable[[str], object]) -> None:
    assert said.keys() == {"format", "examples"}
    shown = said["examples"]
    assert isinstance(shown, list)
    assert all(isinstance(text, str) and read(text) for text in shown)
