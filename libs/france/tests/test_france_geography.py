"""Communes, départements, regions, EPCI, and what a postal code tells."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from france.geography import (
    GEOGRAPHY,
    REGIONS,
    city_of,
    codes_of_runs,
    commune_of_postal_code,
    departement_of_commune,
    departement_of_postal_code,
    departement_part,
    epci_by_commune,
    is_abroad,
    read_commune,
    read_departement,
    read_postal_code,
    region_of,
    regions_by_departement,
)


@pytest.mark.parametrize(
    ("commune", "departement", "region"),
    [
        ("75102", "75", "11"),
        ("2A004", "2A", "94"),
        ("2B033", "2B", "94"),
        ("97411", "974", "04"),
        ("97608", "976", "06"),
        ("97501", "975", ""),  # Saint-Pierre-et-Miquelon belongs to no region
        ("98735", "987", ""),
        ("69381", "69", "84"),
        ("20004", "", ""),
        ("99100", "", ""),  # abroad
        ("7510", "", ""),
        ("751O2", "", ""),
        ("75O12", "", ""),
        ("7510٢", "", ""),
        ("²A004", "", ""),
    ],
)
def test_a_commune_gives_its_departement_and_region(commune: str, departement: str, region: str) -> None:
    assert departement_of_commune(commune) == departement
    assert region_of(departement) == region


@pytest.mark.parametrize(
    ("postal_code", "departement"),
    [
        ("75007", "75"),
        ("20000", "2A"),
        ("20190", "2A"),
        ("20200", "2B"),
        ("20600", "2B"),
        ("97420", "974"),
        ("97133", "977"),
        ("97150", "978"),
        ("94390", "91"),
        ("98713", "987"),
        ("00000", ""),
        ("7500", ""),
        ("750070", ""),
        ("75OO7", ""),
        ("7500٧", ""),
        ("ABCDE", ""),
    ],
)
def test_a_postal_code_gives_the_departement_when_the_commune_is_unknown(postal_code: str, departement: str) -> None:
    assert departement_of_postal_code(postal_code) == departement


@pytest.mark.parametrize(
    ("postal_code", "commune"),
    [
        ("75001", "75101"),
        ("75020", "75120"),
        ("75021", ""),
        ("75116", "75116"),
        ("69009", "69389"),
        ("690010", ""),
        ("13016", "13216"),
        ("13017", ""),
        ("59000", ""),
    ],
)
def test_a_postal_code_names_an_arrondissement(postal_code: str, commune: str) -> None:
    assert commune_of_postal_code(postal_code) == commune


def test_the_code_list_is_that_of_the_administration(samples: Path) -> None:
    published = json.loads((samples / "reference" / "departements.json").read_text())
    regions = json.loads((samples / "reference" / "regions.json").read_text())
    assert set(REGIONS) == set(regions)
    assert set(GEOGRAPHY.departements) == set(published)
    assert {d.region for d in GEOGRAPHY.departements.values()} == {*regions, ""}


@given(st.text(max_size=6))
def test_places_are_total(text: str) -> None:
    for code in (departement_of_commune(text), departement_of_postal_code(text), read_departement(text)):
        assert code in {"", *GEOGRAPHY.departements}


@pytest.mark.parametrize(
    ("raw", "commune"),
    [
        ("75102", "75102"),
        ("75056", "75056"),  # the city and its arrondissements are both in use
        ("2a004", "2A004"),
        (" 59350 ", "59350"),
        ("1004", "01004"),  # a spreadsheet ate the zero
        ("22016", "22016"),  # an island, member of no EPCI
        ("97501", "97501"),
        ("98818", "98818"),
        ("97701", "97701"),
        ("97123", "97701"),  # Saint-Barthélemy and Saint-Martin, in Guadeloupe until 2007
        ("97127", "97801"),
        ("20004", "2A004"),  # Corsica before 1976
        ("01126", "01033"),  # merged
        ("39012", "25527"),  # merged across a border
        ("99109", "99109"),
        ("99999", ""),
        ("99000", ""),
        ("75999", ""),
        ("75121", ""),
        ("00000", ""),
        ("751O2", ""),
        ("²5102", ""),
        ("", ""),
    ],
)
def test_a_commune_is_one_of_the_list_of_today_or_none(raw: str, commune: str) -> None:
    assert read_commune(raw) == commune


def test_every_commune_of_the_list_lies_in_a_departement_or_abroad() -> None:
    known = {read_commune(f"{part}{rest:03}") for part in (f"{n:02}" for n in range(100)) for rest in range(1000)}
    known |= {read_commune(f"2{letter}{rest:03}") for letter in "AB" for rest in range(1000)}
    known -= {""}
    assert len(known) == 34_969 + 45 + 255  # communes, arrondissements, countries
    assert all(bool(departement_of_commune(commune)) is not is_abroad(commune) for commune in known)
    assert all(read_commune(commune) == commune for commune in known)
    assert set(epci_by_commune()) < known


@pytest.mark.parametrize(
    ("raw", "departement"),
    [("75", "75"), ("1", "01"), ("2a", "2A"), ("978", "978"), ("20", ""), ("96", ""), ("99Z", ""), ("0", ""), ("", "")],
)
def test_a_departement_is_one_of_the_list_or_none(raw: str, departement: str) -> None:
    assert read_departement(raw) == departement


@pytest.mark.parametrize(
    ("raw", "postal_code"),
    [
        ("75007", "75007"),
        ("75 007", "75007"),
        ("1000", "01000"),
        ("20200", "20200"),
        ("97150", "97150"),
        ("00200", "00200"),
        ("98000", "98000"),
        ("00000", ""),
        ("002000", ""),
        ("0020٠", ""),
        ("002OO", ""),
        ("96000", ""),
        ("99999", ""),
        ("100", ""),
        ("ABCDE", ""),
        ("", ""),
    ],
)
def test_a_postal_code_begins_as_one_of_france_does_or_is_none(raw: str, postal_code: str) -> None:
    assert read_postal_code(raw) == postal_code


@pytest.mark.parametrize(
    ("commune", "city"),
    [("75116", "75056"), ("69381", "69123"), ("13216", "13055"), ("75056", "75056"), ("59350", "59350"), ("", "")],
)
def test_an_arrondissement_belongs_to_its_city(commune: str, city: str) -> None:
    assert city_of(commune) == city


def test_every_member_of_an_epci_lies_in_a_departement_of_a_region() -> None:
    members = epci_by_commune()
    assert len(members) > 34_000
    assert members["69123"] == "200046977"  # the métropole of Lyon
    assert {departement_part(commune) for commune in members} <= set(regions_by_departement())


def test_territories_outside_the_regions_are_not_mapped_to_one() -> None:
    assert len(regions_by_departement()) == 101
    assert set(regions_by_departement().values()) == set(REGIONS)
    assert "975" not in regions_by_departement()


@pytest.mark.parametrize(("commune", "abroad"), [("99109", True), ("75102", False), ("97801", False), ("", False)])
def test_what_lies_abroad(commune: str, *, abroad: bool) -> None:
    assert is_abroad(commune) is abroad


def test_a_run_of_codes_holds_both_its_ends() -> None:
    assert codes_of_runs("99100-99102 99148-99148") == ["99100", "99101", "99102", "99148"]
