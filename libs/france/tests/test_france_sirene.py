"""What the register writes in place of a value, and whom it names."""

import pytest

from france.sirene import NAME_LENGTH, company_name, given, is_of_persons, trade_name

PERSON = ("MARTIN", None, "CAMILLE", "[ND]")


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("ATELIER\nDU PORT", "ATELIER DU PORT"),
        ("[ND]", ""),
        ("", ""),
        (None, ""),
        ("SUPPRESSION DU NOM COMMERCIAL", ""),
        ("suppression du nom commercial", ""),
        ("SUPPRESSION  DE L’ENSEIGNE", ""),
        ("SUPPRESSION NOM COMMERCIAL", ""),
        ("SUPPRESSION DU SIGLE", ""),
        ("SUPPRESSION DE LA DENOMINATION USUELLE", ""),
        ("SUPPRESSION DES NUISIBLES DU SUD", "SUPPRESSION DES NUISIBLES DU SUD"),
        ("LA SUPPRESSION DU NOM", "LA SUPPRESSION DU NOM"),
        ("N" * 400, "N" * NAME_LENGTH),
    ],
)
def test_a_name_is_one_or_none(raw: str | None, name: str) -> None:
    assert company_name(raw) == name


@pytest.mark.parametrize(("raw", "value"), [(None, ""), ("[ND]", ""), ("11", "11")])
def test_a_withheld_value_is_not_given(raw: str | None, value: str) -> None:
    assert given(raw) == value


@pytest.mark.parametrize(
    ("form", "persons"), [("1000", True), ("2110", True), ("2120", False), ("5710", False), ("", False)]
)
def test_who_is_a_natural_person(form: str, *, persons: bool) -> None:
    assert is_of_persons(form) is persons


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("AU BON PAIN", "AU BON PAIN"),
        ("CAMILLE COIFFURE", ""),
        ("Chez Martin", ""),
        ("L'Atelier de Càmille", ""),
        ("SAINT-MARTIN PNEUS", ""),
        ("MARTINIQUE PNEUS", "MARTINIQUE PNEUS"),
        (None, ""),
    ],
)
def test_the_name_on_the_door_is_told_when_it_names_nobody(raw: str | None, name: str) -> None:
    assert trade_name(raw, PERSON) == name


@pytest.mark.parametrize(("raw", "name"), [("A TABLE", "A TABLE"), ("CHEZ LY", ""), ("CHEZ ANH", "")])
def test_a_letter_alone_names_nobody_and_two_may(raw: str, name: str) -> None:
    assert trade_name(raw, ("LY", "A", "ANH", None)) == name


def test_without_the_names_of_the_person_nothing_can_be_told() -> None:
    assert trade_name("AU BON PAIN", (None, "[ND]", "")) == ""
