"""Raw values to a command: what is normalised, what says nothing, what makes a record unusable."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from companies.register.facts import Unusable, observation_of
from companies.register.inputs import RegisterCompany
from france.sirene import WITHHELD

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
        "now": datetime(2026, 1, 2, tzinfo=UTC),
    }
    return observation_of(**known | changes)


def test_what_is_given_is_normalised() -> None:
    found = observed(siret="732 829 320 00074", name="  EXEMPLE\nET FILS ")
    assert (found.siren, found.siret, found.name) == ("732829320", "73282932000074", "EXEMPLE ET FILS")
    assert (found.naf, found.naf_nomenclature, found.commune, found.departement) == ("62.01Z", "NAFRev2", "75102", "75")
    assert (found.legal_form, found.headcount_code, found.insee_category) == ("5710", "11", "PME")


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
        ({"name": "SUPPRESSION DU NOM COMMERCIAL"}, {"name": None}),
        ({"diffusible": False}, {"name": None}),
        ({"commune": WITHHELD, "postal_code": "69001"}, {"departement": "69"}),
        ({"commune": "", "departement": "69"}, {"commune": "", "departement": "69"}),
        ({"commune": "99109"}, {"commune": "99109", "departement": ""}),
        ({"commune": "99109", "postal_code": "D-10115", "departement": "99"}, {"commune": "99109", "departement": ""}),
        ({"naf": "00.00Z"}, {"naf": "", "naf_nomenclature": ""}),
        ({"commune": "", "postal_code": WITHHELD, "departement": WITHHELD}, {"commune": "", "departement": ""}),
        ({"siren": "732 829 320"}, {"siren": "732829320"}),
    ],
)
def test_what_is_not_given_says_nothing(given: dict[str, str], kept: dict[str, str]) -> None:
    found = observed(**given)
    assert {name: getattr(found, name) for name in kept} == kept


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"commune": "1004"}, {"commune": "01004", "departement": "01"}),
        ({"commune": "97127"}, {"commune": "97801", "departement": "978"}),
        ({"commune": "97123"}, {"commune": "97701", "departement": "977"}),
        ({"commune": "01126"}, {"commune": "01033", "departement": "01"}),
        ({"commune": "", "postal_code": "1000"}, {"commune": "", "departement": "01"}),
        ({"commune": "", "postal_code": "69003"}, {"commune": "69383", "departement": "69"}),
        ({"commune": "75102", "postal_code": "75003"}, {"commune": "75102", "departement": "75"}),
        ({"commune": "", "postal_code": "97150"}, {"commune": "", "departement": "978"}),
        ({"commune": "", "postal_code": "00200", "departement": "83"}, {"commune": "", "departement": "83"}),
        ({"commune": "", "departement": "1"}, {"commune": "", "departement": "01"}),
        ({"commune": "75102", "departement": "69"}, {"commune": "75102", "departement": "75"}),
        ({"naf": "62.10Y", "nomenclature": "NAF 2025"}, {"naf": "62.10Y", "naf_nomenclature": "NAF2025"}),
        ({"naf": "62.10Y", "nomenclature": "naf25"}, {"naf": "62.10Y", "naf_nomenclature": "NAF2025"}),
        ({"naf": "62.10Y", "nomenclature": "?"}, {"naf": "62.10Y", "naf_nomenclature": "NAF2025"}),
        ({"naf": "62.10Y", "nomenclature": ""}, {"naf": "62.10Y", "naf_nomenclature": "NAF2025"}),
        ({"legal_form": "5498"}, {"legal_form": "5499"}),
        ({"created_on": date(2026, 12, 31)}, {"created_on": date(2026, 12, 31)}),
        ({"created_on": date(1665, 10, 1)}, {"created_on": date(1665, 10, 1)}),
        ({"created_on": date(1600, 1, 1)}, {"created_on": date(1600, 1, 1)}),
        ({"created_on": date(2027, 1, 3)}, {"created_on": date(2027, 1, 3)}),
        ({"observed_at": EPOCH}, {"observed_at": EPOCH}),
    ],
)
def test_what_can_be_completed_in_one_way_is(given: dict[str, Any], kept: dict[str, Any]) -> None:
    found = observed(**given)
    assert {name: getattr(found, name) for name in kept} == kept


@pytest.mark.parametrize(
    ("given", "field", "reason"),
    [
        ({"siren": "123456789"}, "siren", "SIREN"),
        ({"siret": "73282932000075"}, "siret", "SIRET"),
        ({"siren": "552100554"}, "siret", "n'appartient pas"),
        ({"naf": "ABC"}, "naf", "62.01Z"),
        ({"naf": "99.99Z"}, "naf", "62.01Z"),
        ({"naf": "62.01Z", "nomenclature": "NAF 2025"}, "naf_nomenclature", "NAFRev2 ou NAF2025"),
        ({"commune": "0"}, "commune", "75102"),
        ({"commune": "99999"}, "commune", "75102"),
        ({"commune": "75999"}, "commune", "75102"),
        ({"commune": "", "postal_code": "100"}, "postal_code", "75002"),
        ({"commune": "", "postal_code": "96000"}, "postal_code", "75002"),
        ({"postal_code": "ABCDE"}, "postal_code", "75002"),
        ({"commune": "", "departement": "99Z"}, "departement", "2A"),
        ({"departement": "20"}, "departement", "2A"),
        ({"legal_form": "9999"}, "legal_form", "4 chiffres"),
        ({"created_on": date(9999, 12, 31)}, "created_on", "9999-12-31"),
        ({"created_on": date(2027, 1, 4)}, "created_on", "2027-01-04"),
        ({"created_on": date(1599, 12, 31)}, "created_on", "1599-12-31"),
        ({"observed_at": EPOCH - timedelta(microseconds=1)}, "observed_at", "avant 1970"),
        ({"observed_at": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))}, "observed_at", "avant 1970"),
        ({"legal_form": "57"}, "legal_form", "4 chiffres"),
        ({"legal_form": "57AB"}, "legal_form", "4 chiffres"),
        ({"headcount_code": "99"}, "headcount_code", "valeurs possibles"),
        ({"insee_category": "XXL"}, "insee_category", "valeurs possibles"),
    ],
)
def test_what_is_wrong_names_its_field_and_why(given: dict[str, Any], field: str, reason: str) -> None:
    with pytest.raises(Unusable) as told:
        observed(**given)
    assert told.value.field == field
    assert reason in told.value.reason
    assert str(told.value) == f"{field}: {told.value.reason}"


@pytest.mark.parametrize(
    "field", ["naf", "commune", "postal_code", "departement", "legal_form", "headcount_code", "insee_category"]
)
def test_a_reason_quotes_the_beginning_of_what_was_received(field: str) -> None:
    with pytest.raises(Unusable) as told:
        observed(**{"commune": "", field: "?" * 39 + "ab"})
    assert told.value.field == field
    assert told.value.reason.endswith(f"« {'?' * 39}a »")
