"""The made-up population: valid, repeatable, streaming, and about one in eight fit for the label."""

import pytest
from stdnum.fr import siren as siren_numbers
from stdnum.fr import siret as siret_numbers

from croissance.economy import HEADCOUNTS, REGIONS, SECTORS
from croissance.population import BLOCK, Population, communes


@pytest.fixture(scope="module")
def population() -> Population:
    return Population(7)


def test_numbers_pass_their_check_digits(population: Population) -> None:
    for company in population.draw(0, 600):
        assert siren_numbers.is_valid(company.siren)
        assert siret_numbers.is_valid(company.siret)
        assert company.siret.startswith(company.siren)


def test_sirens_differ(population: Population) -> None:
    sirens = {population.siren(rank) for rank in range(200_000)}
    assert len(sirens) == 200_000
    assert not any(siren.startswith("356000000") for siren in sirens)


def test_the_same_seed_gives_the_same_companies(population: Population) -> None:
    again = list(Population(7).draw(0, 300))
    assert list(population.draw(0, 300)) == again
    assert list(Population(8).draw(0, 300)) != again


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (BLOCK - 1, BLOCK + 1), (300, 300), (1000, 1100)])
def test_any_range_is_a_part_of_the_whole(population: Population, start: int, stop: int) -> None:
    part = list(population.draw(start, stop))
    assert [company.rank for company in part] == list(range(start, stop))
    assert part == list(population.draw(0, stop))[start:]


def test_places_are_real_and_weighted_by_population(population: Population) -> None:
    known = {commune.code: commune for commune in communes()}
    assert len(known) > 34_000
    assert {commune.region for commune in known.values()} == set(REGIONS)
    drawn = list(population.draw(0, 4000))
    for company in drawn:
        commune = known[company.commune]
        assert (company.departement, company.region) == (commune.departement, commune.region)
    ile_de_france = sum(company.region == "11" for company in drawn) / len(drawn)
    assert 0.15 < ile_de_france < 0.22


def test_sizes_and_sectors_are_those_of_french_smes(population: Population) -> None:
    drawn = list(population.draw(0, 4000))
    codes = {naf for sector in SECTORS.values() for naf in sector.codes}
    assert {company.naf for company in drawn} <= codes
    assert {company.headcount_code for company in drawn} <= set(HEADCOUNTS)
    alone = sum(company.headcount_code in {"NN", "00"} for company in drawn) / len(drawn)
    assert 0.5 < alone < 0.7
