"""The search: exact scores, distinct institutions, a non-commercial one, capacity, fair and stable ties."""

from dataclasses import replace
from datetime import date
from hashlib import sha1
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching.criteria import text
from matching.criteria.company import Company
from matching.criteria.filters import Absence, Filters
from matching.criteria.verdict import NO, UNKNOWN
from matching.explain.refusals import assess
from matching.places.territory import Zone
from matching.search.connector import Connector, Quality
from matching.search.filing import sector_points
from matching.search.index import build_directory
from matching.search.searcher import Query, Searcher

SUBJECTS = ("cybersecurite", "donnees", "strategie")
ZONES = (
    Zone("commune", "69123"),
    Zone("commune", "69001"),
    Zone("epci", "200046977"),
    Zone("departement", "69"),
    Zone("departement", "38"),
    Zone("region", "84"),
    Zone("region", "11"),
    Zone("national"),
)


def query_of(make: Any, *subjects: str, paid: bool = False, seed: int = 7, **company: Any) -> Query:
    return Query(make.profile(**company), subjects or ("cybersecurite",), paid, frozenset[str](), seed)


def best(make: Any, connectors: list[Connector], query: Query, loads: dict[str, int] | None = None) -> list[Any]:
    directory = build_directory(connectors, make.ruleset, make.territories)
    return Searcher(directory, make.ruleset).best(query, make.loads(directory, (loads or {}).items()))


@pytest.mark.parametrize(
    ("change", "loads", "expected"),
    [
        # territory 20 + main subject 25 + sector 0 + past 10×3/6 + response unknown 6 + capacity 10
        ({}, {}, 66.0),
        ({"zones": (Zone("commune", "69123"),)}, {}, 76.0),
        ({"zones": (Zone("epci", "200046977"),)}, {}, 71.0),
        ({"zones": (Zone("region", "84"),)}, {}, 58.0),
        ({"zones": (Zone("national"),)}, {}, 52.0),
        ({"zones": (Zone("national"), Zone("departement", "69"))}, {}, 66.0),
        ({"secteurs": ("62",)}, {}, 81.0),
        ({"secteurs": ("J",)}, {}, 74.0),
        ({"secteurs": ("J", "62")}, {}, 81.0),
        ({"secteurs": ("63",)}, {}, 74.0),
        ({"secteurs": ("F",)}, {}, 66.0),
        ({"quality": Quality(9, 12, 2.0)}, {}, 71.66),  # 10×12/18 = 6.66, ≤ 2 days = 10
        ({"quality": Quality(0, 12, 5.0)}, {}, 62.66),  # 10×3/18 = 1.66, ≤ 5 days = 6
        ({"quality": Quality(0, 0, 9.0)}, {}, 62.0),
        ({}, {"c1": 4}, 62.0),
        ({}, {"c1": 9}, 57.0),
        ({"type": "cci", "filters": Filters(effectif_min=15)}, {}, 61.0),
    ],
)
def test_the_score_adds_up(make: Any, change: dict[str, Any], loads: dict[str, int], expected: float) -> None:
    (pick,) = best(make, [make.connector(1, **change)], query_of(make), loads)
    assert pick.score / 100 == expected


def test_who_claims_a_whole_section_never_outscores_who_names_a_division_of_it(make: Any) -> None:
    rules = make.ruleset
    for named, section in rules.activities.sections.items():
        claimed, precise = (sector_points((code,), rules.activities, rules.score) for code in (section, named))
        assert claimed.keys() == precise.keys()
        assert all(claimed[division] <= precise[division] for division in precise)
        only = list(rules.activities.sections.values()).count(section) == 1
        assert (claimed[named] == precise[named]) is only


def test_a_missing_datum_costs_its_points_once_a_family_of_filters(make: Any) -> None:
    both = Filters(naf_in=("62",), naf_out=("62.09Z",), formes_in=("57",), formes_out=("5710",))
    (pick,) = best(make, [make.connector(1, filters=both)], query_of(make, naf="", legal_form=""))
    assert (pick.score, pick.unknown) == (5600, ("naf", "forme"))


def test_a_second_subject_is_worth_less(make: Any) -> None:
    (pick,) = best(make, [make.connector(1)], query_of(make, "donnees", "cybersecurite"))
    assert pick.score == 5600
    assert pick.subject == 1


def test_a_perfect_connecteur_has_a_hundred_points(make: Any) -> None:
    quality = Quality(9999997, 9999994, 1.0)  # the prior never lets anybody reach 1, unless done exceeds matches
    perfect = make.connector(1, zones=(Zone("commune", "69123"),), secteurs=("62",), quality=quality)
    (pick,) = best(make, [perfect], query_of(make))
    assert pick.score == 10000


def test_the_explanation_adds_up_to_the_score(make: Any) -> None:
    connector = make.connector(1, secteurs=("63",), quality=Quality(9, 12, 3.0))
    (pick,) = best(make, [connector], query_of(make, "donnees", "cybersecurite"), {"c1": 4})
    reasons = make.wording.reasons(pick, query_of(make, "donnees", "cybersecurite"))

    assert reasons == (
        "Intervient dans votre département (20 points).",
        "Couvre un autre de vos besoins : Cybersécurité (15 points).",
        "Connaît des secteurs proches du vôtre (8 points).",
        "A aidé 9 entreprises sur 12 mises en relation (6,7 points).",
        "Répond en 3 jours (médiane) (6 points).",
        "Disponible : 6 places sur 10 en 30 jours (6 points).",
    )
    assert pick.score == 2000 + 1500 + 800 + 666 + 600 + 600


def test_three_best_of_distinct_institutions(make: Any) -> None:
    same = [make.connector(n, institution_id="one", quality=Quality(9, 9, 1.0)) for n in (1, 2, 3, 4)]
    others = [make.connector(n) for n in (5, 6, 7)]
    picks = best(make, [*same, *others], query_of(make))
    assert len(picks) == 3
    assert len({pick.candidate.institution for pick in picks}) == 3
    assert picks[0].candidate.institution == "one"


def test_one_non_commercial_connecteur_when_one_is_eligible(make: Any) -> None:
    commercial = [make.connector(n, type="cyber", quality=Quality(9, 9, 1.0)) for n in (1, 2, 3, 4)]
    free = make.connector(5, type="cci", zones=(Zone("national"),))
    picks = best(make, [*commercial, free], query_of(make))
    assert [pick.candidate.connector.type for pick in picks] == ["cyber", "cyber", "cci"]
    assert [pick.candidate.connector.type for pick in best(make, commercial, query_of(make))] == ["cyber"] * 3


def test_a_non_commercial_connecteur_of_a_chosen_institution_takes_its_place(make: Any) -> None:
    commercial = [make.connector(n, type="cyber", quality=Quality(9, 9, 1.0)) for n in (1, 2, 3)]
    free = make.connector(5, type="cci", institution_id="i1", zones=(Zone("national"),))
    picks = best(make, [*commercial, free], query_of(make))
    assert sorted(pick.candidate.id for pick in picks) == ["c2", "c3", "c5"]


def test_full_connecteurs_and_institutions_asked_are_left_out(make: Any) -> None:
    connectors = [make.connector(1), make.connector(2), make.connector(3, capacity_30d=0)]
    query = query_of(make)._replace(excluded=frozenset({"i2"}))
    assert [pick.candidate.id for pick in best(make, connectors, query, {"c1": 9})] == ["c1"]
    assert best(make, connectors, query, {"c1": 10}) == []


def test_ties_go_to_the_least_loaded_then_fairly_and_always_the_same_way(make: Any) -> None:
    connectors = [make.connector(n) for n in range(6)]
    firsts = [best(make, connectors, query_of(make, seed=seed))[0].candidate.id for seed in range(1, 4001, 2)]
    again = [best(make, connectors[::-1], query_of(make, seed=seed))[0].candidate.id for seed in range(1, 4001, 2)]
    assert firsts == again
    counts = [firsts.count(f"c{n}") for n in range(6)]
    assert min(counts) > 0.6 * max(counts)

    bigger = [make.connector(1, capacity_30d=20), make.connector(2, capacity_30d=10)]
    tied = best(make, bigger, query_of(make), {"c1": 10, "c2": 5})
    assert [pick.candidate.id for pick in tied] == ["c2", "c1"]


def test_an_unknown_commune_keeps_local_connecteurs_as_possible(make: Any) -> None:
    local = make.connector(1, zones=(Zone("commune", "69001"),))
    (pick,) = best(make, [local], query_of(make, commune=""))
    assert pick.unknown == ("territoire",)
    assert pick.score == 2500 - 500 + 500 + 600 + 1000
    assert best(make, [local], query_of(make)) == []


# --- against everybody scored one by one -----------------------------------------------------------------------------

connectors_of = st.lists(
    st.builds(
        Connector,
        id=st.just("?"),
        name=st.just("n"),
        type=st.sampled_from(("cci", "cma", "cyber", "banque", "collectivite", "formation")),
        tier=st.sampled_from(("benevole", "professionnel")),
        institution_id=st.sampled_from(("i1", "i2", "i3", "i4", "i5")),
        institution=st.just("i"),
        partner_id=st.just("p"),
        sujets=st.lists(st.sampled_from(SUBJECTS), min_size=1, max_size=3, unique=True).map(tuple),
        zones=st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True).map(tuple),
        capacity_30d=st.integers(0, 4),
        secteurs=st.lists(st.sampled_from(("J", "62", "63", "F")), max_size=2, unique=True).map(tuple),
        filters=st.builds(
            Filters,
            effectif_min=st.sampled_from((None, 5, 15)),
            anciennete_max=st.sampled_from((None, 36)),
            naf_in=st.sampled_from(((), ("J",), ("62.01Z",), ("F",))),
        ),
        opco=st.sampled_from(("", "atlas")),
        absences=st.sampled_from(((), (Absence(date(2026, 11, 1), date(2026, 11, 30)),))),
        status=st.sampled_from(("active", "active", "suspended")),
        quality=st.builds(
            Quality, done=st.integers(0, 5), matches=st.integers(5, 9), median_days=st.sampled_from((None, 1.0, 9.0))
        ),
    ),
    max_size=14,
).map(lambda found: [replace(connector, id=f"c{number:02d}") for number, connector in enumerate(found)])

companies_of = st.builds(
    Company,
    commune=st.sampled_from(("69123", "69383", "69001", "")),
    departement=st.sampled_from(("69", "69", "")),
    region=st.just("84"),
    naf=st.sampled_from(("62.01Z", "63.11Z", "43.22A", "")),
    naf_nomenclature=st.sampled_from(("NAFRev2", "NAF2025")),
    legal_form=st.sampled_from(("5710", "1000", "")),
    headcount_code=st.sampled_from(("11", "02", "")),
    created_on=st.sampled_from((date(2020, 1, 1), date(2026, 1, 1), None)),
)


def scored_one_by_one(make: Any, connectors: list[Connector], query: Query, loads: dict[str, int]) -> dict[str, int]:
    """Score of every eligible connecteur, from the definition."""
    score = make.ruleset.score
    found: dict[str, int] = {}
    for connector in connectors:
        verdicts = assess(connector, query, loads.get(connector.id, 0), make.ruleset, make.territories)
        if any(verdict.verdict == NO for verdict in verdicts):
            continue
        keys = make.territories.keys_of(connector.zones)
        territory = max(reach.points for reach in make.territories.reaches(query.profile.company) if reach.key in keys)
        fit = score.main_subject if query.subjects[0] in connector.sujets else score.second_subject
        activity = query.profile.activity
        listed = set(connector.secteurs)
        sections = {make.ruleset.activities.sections.get(code, code) for code in listed}
        sector = 0
        if activity.division:
            if activity.division in listed:
                sector = score.sector_division
            elif activity.section in sections:
                sector = score.sector_section
        quality = connector.quality
        past = 100 * 10 * (quality.done + 3) // (quality.matches + 6)
        speed = {None: 6, 1.0: 10, 9.0: 2}[quality.median_days]
        limit, load = connector.capacity_30d, loads.get(connector.id, 0)
        unknown = sum(verdict.verdict == UNKNOWN for verdict in verdicts)
        total = territory + 100 * (fit + sector + speed) + past + 1000 * (limit - load) // limit - 500 * unknown
        found[connector.id] = total
    return found


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    connectors=connectors_of,
    company=companies_of,
    subjects=st.lists(st.sampled_from(SUBJECTS), min_size=1, max_size=3, unique=True).map(tuple),
    paid=st.booleans(),
    excluded=st.sampled_from((frozenset[str](), frozenset({"i1", "i3"}))),
    seed=st.integers(0, 2**48),
    load=st.integers(0, 3),
)
def test_the_search_finds_what_scoring_everybody_finds(
    make: Any,
    connectors: list[Connector],
    company: Company,
    subjects: tuple[str, ...],
    paid: bool,
    excluded: frozenset[str],
    seed: int,
    load: int,
) -> None:
    loads = {connector.id: load for connector in connectors[::2]}
    profile = make.profiler.profile(company, date(2026, 11, 23))
    query = Query(profile, subjects, paid, excluded, seed)
    scores = scored_one_by_one(make, connectors, query, loads)
    picks = best(make, connectors, query, loads)
    by_id = {connector.id: connector for connector in connectors}
    best_of: dict[str, int] = {}
    for connector_id, score in scores.items():
        institution = by_id[connector_id].institution_id
        best_of[institution] = max(best_of.get(institution, -(10**6)), score)
    free = [score for connector_id, score in scores.items() if is_free(make, by_id[connector_id])]

    assert [max(0, scores[pick.candidate.id]) for pick in picks] == [pick.score for pick in picks]
    assert len({pick.candidate.institution for pick in picks}) == len(picks) == min(3, len(best_of))
    expected = sorted(best_of.values(), reverse=True)[:3]
    chosen = [scores[pick.candidate.id] for pick in picks]
    assert chosen == sorted(chosen, reverse=True)
    if any(is_free(make, pick.candidate.connector) for pick in picks) or not free:
        forced = [s for s in chosen if s not in expected]
        assert len(forced) <= 1
    if free:
        assert any(is_free(make, pick.candidate.connector) for pick in picks)
    if chosen != expected:
        assert max(free) in chosen
    assert [pick.candidate.id for pick in picks] == chosen_one_by_one(make, by_id, scores, loads, seed)


def chosen_one_by_one(
    make: Any, connectors: dict[str, Connector], scores: dict[str, int], loads: dict[str, int], seed: int
) -> list[str]:
    """The three best, from the definition: best score, fewest matches, a hash, the id; an institution once."""

    def order(name: str) -> tuple[int, int, int, str]:
        salt = int.from_bytes(sha1(name.encode(), usedforsecurity=False).digest()[:4])
        return -scores[name], loads.get(name, 0), (salt * (seed | 1)) % 2**32 >> 8, name

    ranked = sorted(scores, key=order)
    best_of = {connectors[name].institution_id: name for name in reversed(ranked)}
    chosen = sorted(best_of.values(), key=order)[:3]
    free = next((name for name in ranked if is_free(make, connectors[name])), None)
    if free is None or any(is_free(make, connectors[name]) for name in chosen):
        return chosen
    others = [name for name in chosen if connectors[name].institution_id != connectors[free].institution_id]
    return sorted([*others[:2], free], key=order)


def is_free(make: Any, connector: Connector) -> bool:
    return connector.type in make.ruleset.round.non_commercial


@settings(max_examples=60, deadline=None)
@given(connectors=connectors_of, changed=connectors_of)
def test_a_directory_brought_up_to_date_equals_one_built_anew(
    make: Any, connectors: list[Connector], changed: list[Connector]
) -> None:
    directory = build_directory(connectors, make.ruleset, make.territories)
    updated = directory.replace(changed)
    merged = {connector.id: connector for connector in [*connectors, *changed]}
    anew = build_directory(merged.values(), make.ruleset, make.territories)

    assert updated.connectors == anew.connectors
    assert {key: ids(pools) for key, pools in updated.zones.items()} == {k: ids(p) for k, p in anew.zones.items()}


def ids(pools: Any) -> dict[str, set[str]]:
    return {subject: {candidate.id for candidate in pool} for subject, pool in pools.items()}


def test_what_covers_a_departement_is_gathered_once(make: Any) -> None:
    directory = build_directory([make.connector(1)], make.ruleset, make.territories)
    first, second = (directory.near(make.company(commune=commune)) for commune in ("69123", "69001"))
    assert first[-1] is second[-1]


@pytest.mark.parametrize(
    ("zone", "exists"),
    [
        (Zone("national"), True),
        (Zone("commune", "69123"), True),
        (Zone("commune", "00123"), False),
        (Zone("epci", "200046977"), True),
        (Zone("departement", "00"), False),
        (Zone("region", "84"), True),
    ],
)
def test_a_zone_exists_or_not(make: Any, zone: Zone, exists: bool) -> None:
    assert make.territories.exists(zone) is exists


def test_what_two_companies_share_is_gathered_once(make: Any) -> None:
    connectors = [
        make.connector(1, zones=(Zone("epci", "200046977"),)),
        make.connector(2, zones=(Zone("region", "84"),)),
        make.connector(3, zones=(Zone("national"),)),
    ]
    directory = build_directory(connectors, make.ruleset, make.territories)
    searcher = Searcher(directory, make.ruleset)
    companies: list[dict[str, Any]] = [
        *({"commune": commune} for commune in ("69123", "69003", "69029")),  # three communes of the métropole
        {"commune": "38185", "departement": "38"},
        *({"commune": commune, "departement": "", "region": ""} for commune in ("99998", "99999")),
    ]
    found = [searcher.best(query_of(make, **company), make.loads(directory, ())) for company in companies]
    assert [[pick.candidate.id for pick in picks] for picks in found] == [["c1", "c2", "c3"]] * 3 + [
        ["c2", "c3"],
        ["c3"],
        ["c3"],
    ]


def test_who_cannot_reach_the_best_is_left_unread(make: Any) -> None:
    near = [make.connector(number, zones=(Zone("commune", "69123"),)) for number in (1, 2, 3)]
    unsure = [
        replace(make.connector(number, filters=Filters(effectif_max=100)), zones=near[0].zones) for number in (4, 5)
    ]
    far = [make.connector(number, zones=(Zone("national"),)) for number in range(6, 9)]
    picks = best(make, [*unsure, *near, *far], query_of(make, headcount_code=""), {"c1": 1})
    assert {pick.candidate.id for pick in picks} == {"c1", "c2", "c3"}


def test_what_is_unknown_of_a_company_counts_before_the_best_are_held(make: Any) -> None:
    at_hand = (Zone("commune", "69123"),)
    busy = [make.connector(number, zones=at_hand) for number in (1, 2, 3)]  # 76 points, 72 with their loads
    unsure = make.connector(4, zones=at_hand, quality=Quality(0, 12, 5.0), filters=Filters(effectif_max=100))
    # 72.66 points unloaded, 5 fewer when the headcount is unknown
    loads = {"c1": 4, "c2": 4, "c3": 4}
    for headcount, best_score in (("11", 7266), ("", 7200)):
        picks = best(make, [*busy, unsure], query_of(make, headcount_code=headcount), loads)
        assert [pick.score for pick in picks] == [best_score, 7200, 7200]


def test_a_company_whose_commune_is_unknown_may_be_in_the_zones_of_its_departement(make: Any) -> None:
    picks = best(make, [make.connector(1, zones=(Zone("epci", "200046977"),))], query_of(make, commune=""))
    assert [(pick.candidate.id, pick.unknown) for pick in picks] == [("c1", ("territoire",))]


def test_a_connecteur_without_room_is_never_said_to_be_available() -> None:
    assert text.capacity(0, 10) == "Disponible : 10 places sur 10 en 30 jours"
    assert text.capacity(9, 10) == "Disponible : 1 place sur 10 en 30 jours"
    assert text.capacity(1, 1) == "Complet : 1 mise en relation en cours, 1 au plus en 30 jours"
    assert text.capacity(12, 10) == "Complet : 12 mises en relation en cours, 10 au plus en 30 jours"
