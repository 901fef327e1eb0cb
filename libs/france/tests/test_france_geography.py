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
    commune_of_postal_code,
    departement_of_commune,
    departement_of_postal_code,
    departement_part,
    epci_by_commune,
    is_abroad,
    known_departement,
    region_of,
    regions_by_departement,
)

SAMPLES = Path(__file__).parents[3].parent / "shared" / "data"


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
        ("ABCDE", ""),
    ],
)
def test_a_postal_code_gives_the_departement_when_the_commune_is_unknown(postal_code: str, departement: str) -> None:
    assert departement_of_postal_code(postal_code) == departement


@pytest.mark.parametrize(
    ("postal_code", "commune"),
    [("75001", "75101"), ("75116", "75116"), ("69009", "69389"), ("13016", "13216"), ("59000", "")],
)
def test_a_postal_code_names_an_arrondissement(postal_code: str, commune: str) -> None:
    assert commune_of_postal_code(postal_code) == commune


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample records (../shared/data) are not beside this repository")
def test_the_code_list_is_that_of_the_administration() -> None:
    published = json.loads((SAMPLES / "reference" / "departements.json").read_text())
    regions = json.loads((SAMPLES / "reference" / "regions.json").read_text())
    assert set(REGIONS) == set(regions)
    assert set(GEOGRAPHY.departements) == set(published)
    assert {d.region for d in GEOGRAPHY.departements.values()} == {*regions, ""}


@given(st.text(max_size=6))
def test_places_are_total(text: str) -> None:
    for code in (departement_of_commune(text), departement_of_postal_code(text), known_departement(text)):
        assert code in {"", *GEOGRAPHY.departements}


@pytest.mark.parametrize(("commune", "abroad"), [("99100", True), ("75102", False), ("9910", False), ("99A00", False)])
def test_99_and_a_country_is_abroad(commune: str, *, abroad: bool) -> None:
    assert is_abroad(commune) is abroad


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
