"""One profile of two origins: what the register says stands, what it leaves open is filled."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from companies.register.inputs import Accounts, RegisterCompany
from companies.register.profile import merged

REGISTER = RegisterCompany(
    "732829320",
    "73282932000074",
    "EXEMPLE",
    "62.01Z",
    "NAFRev2",
    "5710",
    "11",
    "PME",
    "75102",
    "75",
    date(2010, 5, 1),
    active=True,
    diffusible=True,
    source="sirene_stock",
    observed_at=datetime(2026, 1, 1, tzinfo=UTC),
)
DECLARED = RegisterCompany(
    "732829320",
    "73282932000082",
    "AUTRE NOM",
    "62.10Y",
    "NAF2025",
    "5499",
    "12",
    "GE",
    "75103",
    "75",
    date(2011, 6, 2),
    active=False,
    diffusible=True,
    source="declaratif",
    observed_at=datetime(2026, 2, 1, tzinfo=UTC),
)


def test_where_the_register_speaks_a_declaration_changes_nothing() -> None:
    assert merged(REGISTER, DECLARED) == REGISTER


@pytest.mark.parametrize(
    "left_open",
    [
        {"name": None},
        {"naf": "", "naf_nomenclature": ""},
        {"legal_form": ""},
        {"headcount_code": ""},
        {"insee_category": ""},
        {"commune": ""},
        {"commune": "", "departement": ""},
        {"created_on": None},
    ],
)
def test_a_declaration_fills_what_the_register_leaves_open_and_nothing_else(left_open: dict[str, Any]) -> None:
    filled = {name: getattr(DECLARED, name) for name in left_open}
    assert merged(replace(REGISTER, **left_open), DECLARED) == replace(REGISTER, **filled)


def test_a_commune_declared_outside_the_known_departement_is_not_taken() -> None:
    vague = replace(REGISTER, commune="")
    assert merged(vague, replace(DECLARED, commune="69381", departement="69")) == vague


def test_a_name_withheld_by_either_stays_withheld() -> None:
    hidden = replace(REGISTER, name=None, diffusible=False)
    assert merged(REGISTER, replace(DECLARED, diffusible=False)) == hidden
    assert merged(hidden, DECLARED) == hidden


def test_accounts_are_those_declared_and_are_not_lost_to_a_declaration_without() -> None:
    known, declared = Accounts(headcount=20), Accounts(headcount=60)
    assert merged(replace(REGISTER, accounts=known), replace(DECLARED, accounts=declared)).accounts == declared
    assert merged(replace(REGISTER, accounts=known), DECLARED).accounts == known


def test_nothing_is_made_of_no_word_at_all() -> None:
    with pytest.raises(ValueError, match="neither"):
        merged(None, None)
