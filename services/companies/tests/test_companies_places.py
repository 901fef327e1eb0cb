"""Communes, départements, regions, and NAF sections in both nomenclatures."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companies.rules.activity import NAF2025, REV2, naf_code, section
from companies.rules.geography import (
    GEOGRAPHY,
    REGIONS,
    commune_of_postal_code,
    departement_of_commune,
    departement_of_postal_code,
    known_departement,
    region_of,
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


def test_the_code_list_is_that_of_the_administration(samples: Path) -> None:
    published = json.loads((samples / "reference" / "departements.json").read_text())
    regions = json.loads((samples / "reference" / "regions.json").read_text())
    assert set(REGIONS) == set(regions)
    assert set(GEOGRAPHY.departements) == set(published)
    assert {d.region for d in GEOGRAPHY.departements.values()} == {*regions, ""}


@given(st.text(max_size=6))
def test_places_are_total(text: str) -> None:
    for code in (departement_of_commune(text), departement_of_postal_code(text), known_departement(text)):
        assert code in {"", *GEOGRAPHY.departements}


@pytest.mark.parametrize(
    ("nomenclature", "naf", "letter"),
    [
        (REV2, "62.01Z", "J"),
        (NAF2025, "62.01Y", "K"),
        (REV2, "45.11Z", "G"),
        (NAF2025, "45.11Z", ""),  # division 45 is gone
        (REV2, "84.11Z", "O"),
        (NAF2025, "84.11Y", "P"),
        (REV2, "00.00Z", ""),
        ("", "62.01Z", ""),
    ],
)
def test_the_section_depends_on_the_nomenclature(nomenclature: str, naf: str, letter: str) -> None:
    assert section(nomenclature, naf) == letter


@pytest.mark.parametrize(("nomenclature", "file"), [(REV2, "codes-NAF.json"), (NAF2025, "codes-NAF-2025.json")])
def test_every_published_code_has_a_section(samples: Path, nomenclature: str, file: str) -> None:
    codes = json.loads((samples / "reference" / file).read_text())
    assert len(codes) > 700
    assert all(naf_code(code) == code and section(nomenclature, code) for code in codes)


@pytest.mark.parametrize(
    ("raw", "code"),
    [("6201Z", "62.01Z"), ("62.01Z", "62.01Z"), ("72.1Z", ""), ("62.01z", ""), ("", ""), ("é2.01Z", "")],
)
def test_a_naf_code_has_one_shape(raw: str, code: str) -> None:
    assert naf_code(raw) == code
