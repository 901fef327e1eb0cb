"""What directors send: fit for the doors of the services, and the same in every run."""

import pytest

from croissance.directors import (
    Participant,
    Score,
    diagnosis,
    label_application,
    participant,
    voucher_application,
    wants_label,
    wants_voucher,
)
from croissance.directory import MARGIN, OFFERS, connecteurs
from croissance.population import Population, communes

ABOVE = Score(62.0, {"D2": 40.0, "D3": 55.0, "D4": 70.0}, ("Q3.vente_en_ligne", "Q8.plan_continuite"))
CLOSE = Score(45.0, {"D2": 40.0, "D3": 55.0, "D4": 70.0}, ("Q3.vente_en_ligne",))
FAR = Score(20.0, {"D2": 10.0, "D3": 15.0, "D4": 20.0}, ())
CATEGORIES = {"Q3.vente_en_ligne": ("visibilite", "site_ecommerce"), "Q8.plan_continuite": ("cybersecurite",)}


@pytest.fixture(scope="module")
def people() -> list[Participant]:
    return [participant(company) for company in Population(3).draw(0, 1500)]


def test_a_second_run_sends_the_same(people: list[Participant]) -> None:
    again = [participant(company) for company in Population(3).draw(0, 1500)]
    assert again == people
    assert [diagnosis(who, 3) for who in again[:50]] == [diagnosis(who, 3) for who in people[:50]]


def test_who_can_pass_mostly_applies_who_is_far_never(people: list[Participant]) -> None:
    share = {name: sum(wants_label(who, score) for who in people) / len(people) for name, score in SCORES.items()}
    assert 0.6 < share["above"] < 0.8
    assert 0.01 < share["close"] < 0.1
    assert share["far"] == 0


def test_the_mature_ask_more_often_and_nobody_without_a_plan(people: list[Participant]) -> None:
    share = {name: sum(wants_voucher(who, score) for who in people) / len(people) for name, score in SCORES.items()}
    assert share["above"] > 2 * share["close"] > 0
    assert share["far"] == 0


def test_most_files_have_their_compulsory_proofs(people: list[Participant]) -> None:
    complete = 0
    for who in people:
        given = {item["number"]: item["proofs"] for item in label_application(who)["commitments"]}
        complete += all(given[number] for number in range(1, 7))
    assert 0.85 < complete / len(people) < 0.95


def test_spend_lines_follow_the_plan_each_category_once(people: list[Participant]) -> None:
    for who in people:
        file = voucher_application(who, ABOVE, CATEGORIES)
        assert file is not None
        categories = [line["category"] for line in file["lines"]]
        assert len(set(categories)) == len(categories)
        assert {line["measure_id"] for line in file["lines"]} <= set(ABOVE.plan)
        assert all(line["supplier_siren"] != who.siren for line in file["lines"])
    assert voucher_application(people[0], ABOVE, {}) is None


def test_the_directory_has_room_for_all_in_every_departement() -> None:
    for companies in (100, 50_000):
        desks = connecteurs(companies, communes())
        for desk in desks[::97]:
            assert desk["capacity_30d"] > 0
        assert len({desk["id"] for desk in desks}) == len(desks)
        assert sum(desk["capacity_30d"] for desk in desks) >= MARGIN * OFFERS * companies
        zones = {desk["zones"][0]["code"] for desk in desks if desk["zones"][0]["type"] == "departement"}
        assert len(zones) == 101
    assert connecteurs(100, communes()) == connecteurs(100, communes())


SCORES = {"above": ABOVE, "close": CLOSE, "far": FAR}
