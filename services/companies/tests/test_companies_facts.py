"""Raw values to a command: what is normalised, what says nothing, what makes a record unusable."""

from datetime import UTC, datetime
from typing import Any

import pytest

from companies.register.facts import WITHHELD, Unusable, observation_of
from companies.register.inputs import RegisterCompany


def observed(**changes: Any) -> RegisterCompany:
    known: dict[str, Any] = {
        "siren": None,
        "siret": "73282932000074",
        "name": "Exemple",
        "naf": "6201Z",
        "nomenclature": "",
        "legal_form": "5710",
        "headcount_code": "11",
        "insee_category": "PME",
        "commune": "75102",
        "postal_code": "",
        "departement": "",
        "created_on": None,
        "active": True,
        "diffusible": True,
        "source": "sirene_stock",
        "observed_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return observation_of(**known | changes)


def test_what_is_given_is_normalised() -> None:
    found = observed(siret="732 829 320 00074", name="  EXEMPLE\nET FILS ")
    assert (found.siren, found.siret, found.name) == ("732829320", "73282932000074", "EXEMPLE ET FILS")
    assert (found.naf, found.naf_nomenclature, found.commune, found.departement) == ("62.01Z", "NAFRev2", "75102", "75")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"naf": ""}, {"naf": "", "naf_nomenclature": ""}),
        ({"naf": WITHHELD}, {"naf": "", "naf_nomenclature": ""}),
        ({"naf": "722Z", "nomenclature": "NAFRev1"}, {"naf": "", "naf_nomenclature": ""}),
        ({"legal_form": ""}, {"legal_form": ""}),
        ({"legal_form": WITHHELD}, {"legal_form": ""}),
        ({"headcount_code": WITHHELD}, {"headcount_code": ""}),
        ({"insee_category": ""}, {"insee_category": ""}),
        ({"name": WITHHELD}, {"name": None}),
        ({"diffusible": False}, {"name": None}),
        ({"commune": WITHHELD, "postal_code": "69001"}, {"departement": "69"}),
        ({"commune": "", "departement": "69"}, {"commune": "", "departement": "69"}),
        ({"commune": "99109"}, {"commune": "99109", "departement": ""}),
        ({"siren": "732 829 320"}, {"siren": "732829320"}),
    ],
)
def test_what_is_not_given_says_nothing(given: dict[str, str], kept: dict[str, str]) -> None:
    found = observed(**given)
    assert {name: getattr(found, name) for name in kept} == kept


@pytest.mark.parametrize(
    ("given", "field", "reason"),
    [
        ({"siren": "123456789"}, "siren", "SIREN"),
        ({"siret": "73282932000075"}, "siret", "SIRET"),
        ({"siren": "552100554"}, "siret", "n'appartient pas"),
        ({"naf": "ABC"}, "naf", "62.01Z"),
        ({"commune": "0"}, "commune", "75102"),
        ({"legal_form": "57"}, "legal_form", "4 chiffres"),
        ({"legal_form": "57AB"}, "legal_form", "4 chiffres"),
        ({"headcount_code": "99"}, "headcount_code", "valeurs possibles"),
        ({"insee_category": "XXL"}, "insee_category", "valeurs possibles"),
    ],
)
def test_what_is_wrong_names_its_field_and_why(given: dict[str, str], field: str, reason: str) -> None:
    with pytest.raises(Unusable) as told:
        observed(**given)
    assert told.value.field == field
    assert reason in told.value.reason
