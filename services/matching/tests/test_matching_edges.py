"""The edges of the rules: where a number turns, which zones hold a place, when an offer ends."""

from dataclasses import replace as with_fields
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import to_builtins
from msgspec.structs import replace

from common.declare.contract import contract
from common.declare.decision import Refusal
from matching.criteria import text
from matching.criteria.filters import Filters
from matching.criteria.profile import HEADCOUNTS, prefixes
from matching.criteria.verdict import NO, UNKNOWN, YES, filter_checks
from matching.events import AidsRecommended, ConnectorMatched, MatchAccepted, MatchExpired, NeedOpened
from matching.explain.refusals import unserved_causes
from matching.needs.inputs import AcceptMatch, DeclineMatch, DiagnosticCompleted, Measure, OffersExpired
from matching.needs.matches import delay_of
from matching.needs.opening import is_paid, joinable, priority_of, subjects_of
from matching.needs.rounds import match_id
from matching.places.offers import WithdrawOffers
from matching.places.territory import Zone
from matching.search.searcher import Query

END = datetime(2026, 11, 26, 23, tzinfo=UTC)


# --- numbers in sentences --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hundredths", "shown"),
    [
        (0, "0 point"),
        (50, "0,5 point"),
        (100, "1 point"),
        (166, "1,7 point"),
        (190, "1,9 point"),
        (199, "2 points"),
        (200, "2 points"),
        (750, "7,5 points"),
        (1000, "10 points"),
        (2000, "20 points"),
        (10000, "100 points"),
    ],
)
def test_points_are_in_the_plural_from_two_on_as_they_are_shown(hundredths: int, shown: str) -> None:
    assert text.points(hundredths) == shown


@pytest.mark.parametrize(
    ("days", "shown"),
    [
        (None, "Délai de réponse pas encore mesuré"),
        (0.0, "Répond en 0 jour (médiane)"),
        (1.5, "Répond en 1,5 jour (médiane)"),
        (1.94, "Répond en 1,9 jour (médiane)"),
        (1.96, "Répond en 2 jours (médiane)"),
        (2.0, "Répond en 2 jours (médiane)"),
        (10.0, "Répond en 10 jours (médiane)"),
        (30.0, "Répond en 30 jours (médiane)"),
    ],
)
def test_days_are_in_the_plural_from_two_on_as_they_are_shown(days: float | None, shown: str) -> None:
    assert text.response.__wrapped__(days) == shown


@pytest.mark.parametrize(
    ("done", "matches", "shown"),
    [
        (0, 0, "Pas encore d'historique d'accompagnement"),
        (0, 1, "A aidé 0 entreprise sur 1 mise en relation"),
        (1, 2, "A aidé 1 entreprise sur 2 mises en relation"),
        (2, 3, "A aidé 2 entreprises sur 3 mises en relation"),
    ],
)
def test_what_a_connecteur_did_is_counted(done: int, matches: int, shown: str) -> None:
    assert text.past_help.__wrapped__(done, matches) == shown


@pytest.mark.parametrize(
    ("load", "limit", "shown"),
    [
        (8, 10, "Disponible : 2 places sur 10 en 30 jours"),
        (9, 10, "Disponible : 1 place sur 10 en 30 jours"),
        (10, 10, "Complet : 10 mises en relation en cours, 10 au plus en 30 jours"),
        (11, 10, "Complet : 11 mises en relation en cours, 10 au plus en 30 jours"),
        (0, 0, "Complet : 0 mise en relation en cours, 0 au plus en 30 jours"),
        (2, 1, "Complet : 2 mises en relation en cours, 1 au plus en 30 jours"),
    ],
)
def test_the_places_of_a_connecteur_are_counted(load: int, limit: int, shown: str) -> None:
    assert text.capacity.__wrapped__(load, limit) == shown


# --- a company -------------------------------------------------------------------------------------------------------


def test_bands_of_headcount_follow_each_other_without_a_gap() -> None:
    assert HEADCOUNTS["NN"] == HEADCOUNTS["00"] == (0, 0)
    bands = list(HEADCOUNTS.values())[1:]
    assert [low for low, _ in bands[1:]] == [high + 1 for _, high in bands[:-1]]
    assert [low for low, _ in bands] == [0, 1, 3, 6, 10, 20, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10000]


def test_a_code_has_every_prefix_of_it() -> None:
    assert prefixes("5499") == {"5", "54", "549", "5499"}
    assert prefixes("") == frozenset()


@pytest.mark.parametrize(
    ("filters", "company", "expected"),
    [
        (Filters(effectif_min=10), {"headcount_code": "53"}, YES),
        (Filters(effectif_max=9), {"headcount_code": "NN"}, YES),
        (Filters(effectif_min=19), {}, UNKNOWN),
        (Filters(effectif_max=10), {}, UNKNOWN),
        (Filters(effectif_min=10, effectif_max=19), {}, YES),
        (Filters(effectif_min=11, effectif_max=19), {}, UNKNOWN),
        (Filters(effectif_min=0), {"headcount_code": "NN"}, YES),
        (Filters(anciennete_min=36), {"created_on": date(1950, 1, 1)}, YES),
        (Filters(anciennete_min=82), {}, YES),
        (Filters(anciennete_min=83), {}, NO),
        (Filters(anciennete_max=0), {"created_on": date(2026, 11, 23)}, YES),
        (Filters(anciennete_max=0), {"created_on": date(2026, 10, 23)}, NO),
        (Filters(anciennete_min=0), {"created_on": date(2026, 11, 23)}, YES),
    ],
)
def test_an_end_that_is_open_excludes_nobody(
    make: Any, filters: Filters, company: dict[str, Any], expected: str
) -> None:
    ((_, test),) = filter_checks(filters)
    assert test(make.profile(**company)) == expected


@pytest.mark.parametrize(
    ("naf", "nomenclature", "division", "section", "fine"),
    [
        ("62.01Z", "NAFRev2", "62", "J", True),
        ("62.10Y", "NAF2025", "62", "J", False),
        ("04.00Z", "NAFRev2", "", "", False),
        ("", "", "", "", False),
    ],
)
def test_an_activity_is_known_by_its_division(
    make: Any, naf: str, nomenclature: str, division: str, section: str, *, fine: bool
) -> None:
    activity = make.profile(naf=naf, naf_nomenclature=nomenclature).activity
    assert (activity.division, activity.section, activity.fine) == (division, section, fine)
    assert {key for key in activity.keys if len(key) > 2} == ({"62.", "62.0", "62.01", "62.01Z"} if fine else set())
    assert (activity.artisanal is None) == (activity.liberal is None) == (not division)


@pytest.mark.parametrize(
    ("headcount", "expected"), [("03", YES), ("11", UNKNOWN), ("", UNKNOWN), ("12", UNKNOWN), ("NN", YES)]
)
def test_a_craft_that_outgrew_the_register_may_have_left_it(make: Any, headcount: str, expected: str) -> None:
    query = Query(make.profile(naf="43.22A", headcount_code=headcount), ("cybersecurite",), False, frozenset[str](), 1)
    (pick,) = make.given(make.connector(type="cma")).basis.searcher.best(query, make.given(make.connector()).loads)
    assert ("chambre" in pick.unknown) == (expected == UNKNOWN)


# --- zones -----------------------------------------------------------------------------------------------------------


METROPOLE, LYON = "200046977", "69123"


OWN = [("c:69123", "commune"), (f"e:{METROPOLE}", "epci")]
WIDE = [("d:69", "departement"), ("r:84", "region")]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (("69123", "69", "84"), [*OWN, *WIDE]),
        (("69123", "", ""), [*OWN, *WIDE]),
        (("69383", "69", "84"), [("c:69383", "commune"), *OWN, *WIDE]),
        (("69999", "69", "84"), [("c:69999", "commune"), *WIDE, ("?e:69", "inconnu")]),
        (("", "69", "84"), [*WIDE, ("?d:69", "inconnu")]),
        (("", "69", ""), [*WIDE, ("?d:69", "inconnu")]),
        (("", "", "84"), [("r:84", "region"), ("?r:84", "inconnu")]),
        (("", "", ""), [("?", "inconnu")]),
    ],
)
def test_a_place_is_in_these_zones_and_may_be_in_those(
    make: Any, place: tuple[str, str, str], expected: list[tuple[str, str]]
) -> None:
    commune, departement, region = place
    company = make.company(commune=commune, departement=departement, region=region)
    points = make.ruleset.score.territory
    found = make.territories.reaches(company)
    assert [(reach.key, reach.level) for reach in found if reach.key != "n"] == expected
    assert [reach.points for reach in found] == [100 * points.get(reach.level, 0) for reach in found]
    assert [reach.unknown for reach in found] == [("territoire",) * (reach.level == "inconnu") for reach in found]
    assert [reach.level for reach in found if reach.key == "n"] == ["national"]


@pytest.mark.parametrize(
    ("zone", "keys", "regions"),
    [
        (Zone("national"), {"n"}, {"*"}),
        (Zone("region", "84"), {"r:84", "?"}, {"84"}),
        (Zone("departement", "69"), {"d:69", "?", "?r:84"}, {"84"}),
        (Zone("commune", LYON), {f"c:{LYON}", "?", "?d:69", "?r:84"}, {"84"}),
        (Zone("epci", METROPOLE), {f"e:{METROPOLE}", "?", "?d:69", "?e:69", "?r:84"}, {"84"}),
        (Zone("epci", "000000000"), {"e:000000000", "?"}, set[str]()),
        (Zone("departement", "00"), {"d:00", "?"}, set[str]()),
    ],
)
def test_a_zone_is_filed_where_it_is_and_where_it_may_hold_somebody(
    make: Any, zone: Zone, keys: set[str], regions: set[str]
) -> None:
    assert make.territories.keys_of([zone]) == keys
    assert make.territories.keys_of([zone, Zone("national")]) == keys | {"n"}
    assert make.territories.keys_of([Zone("national"), zone]) == keys | {"n"}
    assert make.territories.regions_of([zone]) == regions


@pytest.mark.parametrize(
    ("zone", "exists"),
    [
        (Zone("epci", "000000000"), False),
        (Zone("departement", "69"), True),
        (Zone("region", "00"), False),
        (Zone("region", "11"), True),
    ],
)
def test_a_zone_that_no_map_knows_does_not_exist(make: Any, zone: Zone, *, exists: bool) -> None:
    assert make.territories.exists(zone) is exists


# --- from a diagnosis to a need --------------------------------------------------------------------------------------


def diagnosed(
    make: Any, subjects: tuple[str, ...] = (), spend: tuple[str, ...] = (), **change: Any
) -> DiagnosticCompleted:
    measures = tuple(Measure(subject, spend) for subject in subjects)
    return replace(make.diagnosis(), measures=measures, **change)


def test_subjects_are_those_of_the_plan_once_each_up_to_the_most_or_else_those_of_the_gaps(make: Any) -> None:
    rules = make.ruleset.need
    plan = ("donnees", "", "strategie", "donnees", "financement", "mutualisation", "visibilite_web")
    assert subjects_of(diagnosed(make, plan), rules) == ("donnees", "strategie", "financement", "mutualisation")
    gaps = ("inconnu", "donnees_sans_securite", "ambition_sans_moyens")
    assert subjects_of(diagnosed(make, plan, gaps=gaps), rules)[0] == "donnees"
    assert subjects_of(diagnosed(make, ("",), gaps=gaps), rules) == ("cybersecurite", "financement")
    assert subjects_of(diagnosed(make), rules) == ()


@pytest.mark.parametrize(
    ("band", "subjects", "spend", "paid"),
    [
        ("avance", ("donnees",), ("donnees_ia",), True),
        ("expert", ("donnees",), ("donnees_ia",), True),
        ("intermediaire", ("donnees",), ("donnees_ia",), False),
        ("avance", ("donnees",), (), False),
        ("avance", (), (), False),
    ],
)
def test_a_need_is_paid_where_a_mature_company_is_to_spend(
    make: Any, band: str, subjects: tuple[str, ...], spend: tuple[str, ...], *, paid: bool
) -> None:
    assert is_paid(diagnosed(make, subjects, spend, band=band), make.ruleset.need) is paid


@pytest.mark.parametrize(
    ("band", "subjects", "priority"),
    [
        ("debutant", ("donnees",), "haute"),
        ("avance", ("cybersecurite", "donnees"), "haute"),
        ("avance", ("donnees", "cybersecurite"), "normale"),
        ("expert", ("donnees",), "normale"),
    ],
)
def test_beginners_and_urgent_subjects_come_first(
    make: Any, band: str, subjects: tuple[str, ...], priority: str
) -> None:
    assert priority_of(diagnosed(make, band=band), subjects, make.ruleset.need) == priority


def test_a_need_is_joined_to_the_very_end_of_its_time_unless_nobody_took_it(make: Any) -> None:
    served = make.decided(None, make.given(make.connector()), make.diagnosis()).state
    unserved = make.decided(None, make.given(), make.diagnosis()).state
    end = make.now + timedelta(days=21)
    assert joinable(served, "cybersecurite", end, 21) == served.needs[0]
    assert joinable(served, "cybersecurite", end + timedelta(microseconds=1), 21) is None
    assert joinable(served, "donnees", make.now, 21) is None
    assert joinable(unserved, "cybersecurite", make.now, 21) is None


def test_the_first_description_of_a_company_is_its_first_version_and_the_next_replaces_it(make: Any) -> None:
    given = make.given(make.connector())
    first = make.decided(None, given, make.diagnosis()).state
    assert first.company_version == 1
    same = make.decided(first, given, make.diagnosis(diagnostic_id="d2"), 1).state
    assert (same.company, same.company_version) == (first.company, 1)
    second = replace(make.diagnosis(diagnostic_id="d3", region="11"), company_version=2)
    moved = make.decided(same, given, second, 2).state
    assert (moved.company.region, moved.company_version) == ("11", 2)


# --- rounds ----------------------------------------------------------------------------------------------------------


@given(st.uuids(), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_every_offer_of_a_need_has_an_id_of_its_own(need: UUID, salt: int, other: int) -> None:
    """Of one connecteur the ids differ by round and rank, and of two connecteurs wherever they stand."""
    ids = [match_id(str(need), number, rank, salt) for number in (1, 2, 3) for rank in (1, 2, 3)]
    assert len(set(ids)) == 9
    assert [str(UUID(each)) for each in ids] == ids
    assert {each[:-12] for each in ids} == {str(need)[:-12]}
    theirs = {match_id(str(need), number, rank, other) for number in (1, 2, 3) for rank in (1, 2, 3)}
    assert theirs.isdisjoint(ids) == (salt != other)


def test_an_offer_that_is_decided_otherwise_has_another_id(make: Any) -> None:
    """As after a loss in which the directory was not what it had been."""
    (told,) = make.decided(None, make.given(make.connector(1)), make.diagnosis()).state.needs[0].matches
    (again,) = make.decided(None, make.given(make.connector(1)), make.diagnosis()).state.needs[0].matches
    (otherwise,) = make.decided(None, make.given(make.connector(2)), make.diagnosis()).state.needs[0].matches
    assert again.match_id == told.match_id
    assert otherwise.match_id != told.match_id


def test_offers_are_open_until_their_end_and_not_at_it(make: Any) -> None:
    opened = make.decided(None, make.given(make.connector()), make.diagnosis())
    (match,) = opened.state.needs[0].matches
    hours = (END - make.now) / timedelta(hours=1)
    for item in (AcceptMatch(match.match_id), DeclineMatch(match.match_id, "autre")):
        late = make.decided(opened.state, opened.given, item, hours)
        assert isinstance(late.answer, Refusal)
        assert late.answer.code == "proposition_expiree"
        assert not isinstance(make.decided(opened.state, opened.given, item, hours - 0.001).answer, Refusal)


def test_hours_between_offer_and_answer_have_two_decimals_and_are_never_negative(make: Any) -> None:
    opened = make.decided(None, make.given(make.connector()), make.diagnosis())
    (match,) = opened.state.needs[0].matches
    waits = {0: 0.0, 17: 0.0, 18: 0.01, 1800: 0.5, 3600: 1.0, 9000: 2.5, -3600: 0.0}
    assert {wait: delay_of(match, make.now + timedelta(seconds=wait)) for wait in waits} == waits


def test_who_left_the_directory_may_still_answer_what_was_offered(make: Any) -> None:
    opened = make.decided(None, make.given(make.connector(1), make.connector(2)), make.diagnosis())
    match = next(each for each in opened.state.needs[0].matches if each.connector_id == "c1")
    gone = opened.given._replace(basis=opened.given.basis)
    directory = gone.basis.directory
    connectors = {name: line for name, line in directory.connectors.items() if name != "c1"}
    basis = with_fields(gone.basis, directory=with_fields(directory, connectors=connectors))
    taken = make.decided(opened.state, gone._replace(basis=basis), AcceptMatch(match.match_id), 1)
    assert isinstance(taken.events[0], MatchAccepted)


def test_an_offer_is_of_the_region_of_its_message_or_else_of_its_company(make: Any) -> None:
    given = make.given(make.connector(1), make.connector(2))
    opened = make.decided(None, given, make.diagnosis(region="11"))
    first, second = opened.state.needs[0].matches
    for item in (
        AcceptMatch(first.match_id),
        DeclineMatch(second.match_id, "autre"),
        WithdrawOffers(first.connector_id),
    ):
        message = make.message(item, 1)
        for region, expected in (("84", "84"), ("", "11")):
            told = make.told(opened.state, opened.given, replace(message, region=region))
            assert told.events[0].region == expected
    expired = make.decided(opened.state, opened.given, OffersExpired(opened.state.needs[0].need_id, 1), 100)
    assert [event.region for event in expired.events] == ["11"] * 3


def test_each_answer_changes_its_own_offer_of_its_own_need(make: Any) -> None:
    given = make.given(*[make.connector(n, sujets=("cybersecurite", "donnees")) for n in range(1, 4)])
    one = make.decided(None, given, make.diagnosis("cybersecurite"))
    two = make.decided(one.state, one.given, make.diagnosis("donnees", diagnostic_id="d2"), 1)
    for index in (0, 1):
        match = two.state.needs[index].matches[1]
        declined = make.decided(two.state, two.given, DeclineMatch(match.match_id, "conflit_interet"), 2).state
        assert declined.needs[1 - index] == two.state.needs[1 - index]
        after = declined.needs[index].matches
        assert [each.status for each in after] == ["propose", "refuse", "propose"]
        assert [each.reason for each in after] == [None, "conflit_interet", None]
        assert [each.answered_at is None for each in after] == [True, False, True]


OBSTACLES: list[tuple[list[dict[str, Any]], list[tuple[str, int]], tuple[str, ...], bool, str]] = [
    ([{}], [("c1", 10)], (), False, "capacite"),
    ([{}], [("c1", 11)], (), False, "capacite"),
    ([{}], [("c1", 9)], (), False, "criteres"),
    ([{}], [("c1", 10)], ("i1",), False, "institutions_deja_sollicitees"),
    ([{}, {}], [("c2", 10)], ("i1",), False, "capacite"),
    ([{}, {}], [("c1", 10)], ("i2",), False, "capacite"),
    ([{"type": "cma"}, {}], [], ("i2",), False, "institutions_deja_sollicitees"),
    ([{"tier": "benevole"}], [("c1", 10)], (), True, "criteres"),
    ([{"tier": "benevole"}], [("c1", 10)], (), False, "capacite"),
    ([{}], [("c1", 10)], (), True, "capacite"),
    ([{"sujets": ("donnees",)}], [], (), False, "aucun_connecteur"),
]


@pytest.mark.parametrize(("connectors", "loads", "excluded", "paid", "cause"), OBSTACLES)
def test_why_nobody_can_take_a_need_is_the_last_obstacle_of_who_came_closest(
    make: Any,
    connectors: list[dict[str, Any]],
    loads: list[tuple[str, int]],
    excluded: tuple[str, ...],
    *,
    paid: bool,
    cause: str,
) -> None:
    given = make.given(*[make.connector(n, **change) for n, change in enumerate(connectors, 1)], loads=loads)
    query = Query(make.profile(), ("cybersecurite", "financement"), paid, frozenset(excluded), 7)
    causes = unserved_causes(given.basis.directory, query, given.loads)
    assert causes == (f"{cause}:cybersecurite", "aucun_connecteur:financement")


# --- what is told ----------------------------------------------------------------------------------------------------


def test_contracts_hold_what_is_told_at_their_bounds(make: Any) -> None:
    opened = make.decided(None, make.given(make.connector()), make.diagnosis())
    need, matched, aids = opened.events

    def taken(kind: Any, event: Any, **change: Any) -> bool:
        try:
            contract(kind).validate_python(to_builtins(event) | change)
        except ValueError:
            return False
        return True

    (proposal,) = matched.proposals

    def proposed(**change: Any) -> bool:
        return taken(ConnectorMatched, matched, proposals=(to_builtins(proposal) | change,))

    assert [taken(NeedOpened, need, subjects=(subject,)) for subject in ("", "x")] == [False, True]
    assert [taken(ConnectorMatched, matched, round=number) for number in (0, 1)] == [False, True]
    assert [proposed(score=score) for score in (-0.01, 0, 100, 100.01)] == [False, True, True, False]
    assert [proposed(reasons=(sentence,)) for sentence in ("", "x")] == [False, True]
    assert [taken(AidsRecommended, aids, region=region) for region in ("", "84", "8", "840")] == [
        True,
        True,
        False,
        False,
    ]


def test_an_offer_that_expires_was_not_withdrawn(make: Any) -> None:
    opened = make.decided(None, make.given(make.connector()), make.diagnosis())
    expired = make.decided(opened.state, opened.given, OffersExpired(opened.state.needs[0].need_id, 1), 100)
    assert isinstance(expired.events[0], MatchExpired)
    assert expired.events[0].withdrawn is False
