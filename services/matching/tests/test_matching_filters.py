"""Hard filters: each criterion answers yes, no or unknown, and unknown never excludes."""

from datetime import date
from typing import Any

import pytest

from matching.criteria import memo
from matching.criteria.filters import Absence, Filters
from matching.criteria.verdict import NO, UNKNOWN, YES, filter_checks
from matching.explain.refusals import assess, why_not
from matching.places.territory import Zone
from matching.search.index import build_directory
from matching.search.searcher import Query, Searcher


def verdict_of(make: Any, filters: Filters, **company: Any) -> str:
    ((_, test),) = filter_checks(filters)
    return test(make.profile(**company))


@pytest.mark.parametrize(
    ("filters", "company", "expected"),
    [
        (Filters(effectif_min=10), {}, YES),
        (Filters(effectif_min=15), {}, UNKNOWN),  # 10 to 19: nobody knows on which side
        (Filters(effectif_max=15), {}, UNKNOWN),
        (Filters(effectif_max=9), {}, NO),
        (Filters(effectif_min=20), {}, NO),
        (Filters(effectif_min=1), {"headcount_code": ""}, UNKNOWN),
        (Filters(effectif_min=1), {"headcount_code": "NN"}, NO),
        (Filters(effectif_max=249), {"headcount_code": "NN"}, YES),
        (Filters(effectif_max=249), {"headcount_code": "53"}, NO),
        (Filters(anciennete_min=36), {}, YES),
        (Filters(anciennete_min=96), {}, NO),
        (Filters(anciennete_max=82), {}, YES),  # 6 years and 10 months
        (Filters(anciennete_max=81), {}, NO),
        (Filters(anciennete_min=6), {"created_on": None}, UNKNOWN),
        (Filters(naf_in=("J",)), {}, YES),
        (Filters(naf_in=("62",)), {}, YES),
        (Filters(naf_in=("62.0",)), {}, YES),
        (Filters(naf_in=("62.02A",)), {}, NO),
        (Filters(naf_in=("C", "F")), {}, NO),
        (Filters(naf_in=("62",)), {"naf": ""}, UNKNOWN),
        (Filters(naf_out=("62",)), {}, NO),
        (Filters(naf_out=("63",)), {}, YES),
        (Filters(naf_out=("62",)), {"naf": ""}, UNKNOWN),
        (Filters(naf_in=("62.01Z",)), {"naf": "62.10Y", "naf_nomenclature": "NAF2025"}, UNKNOWN),
        (Filters(naf_in=("62",)), {"naf": "62.10Y", "naf_nomenclature": "NAF2025"}, YES),
        (Filters(naf_in=("47",)), {"naf": "62.10Y", "naf_nomenclature": "NAF2025"}, NO),
        (Filters(naf_in=("62",), naf_out=("62.09Z",)), {}, YES),
        (Filters(naf_in=("62",), naf_out=("62.01Z",)), {}, NO),
        (Filters(naf_in=("47",), naf_out=("62.09Z",)), {}, NO),
        (Filters(naf_in=("62",), naf_out=("63",)), {"naf": ""}, UNKNOWN),
        (Filters(naf_in=("62",), naf_out=("62.09Z",)), {"naf": "62.10Y", "naf_nomenclature": "NAF2025"}, UNKNOWN),
        (Filters(naf_in=("47",), naf_out=("62.09Z",)), {"naf": "62.10Y", "naf_nomenclature": "NAF2025"}, NO),
        (Filters(naf_in=("62.01Z",), naf_out=("63",)), {"naf": "62.10Y", "naf_nomenclature": "NAF2025"}, UNKNOWN),
        (Filters(formes_in=("57",), formes_out=("5710",)), {}, NO),
        (Filters(formes_in=("57",), formes_out=("5720",)), {}, YES),
        (Filters(formes_in=("54",), formes_out=("5720",)), {}, NO),
        (Filters(formes_in=("57",)), {}, YES),
        (Filters(formes_in=("54",)), {}, NO),
        (Filters(formes_out=("57",)), {}, NO),
        (Filters(formes_out=("1000",)), {}, YES),
        (Filters(formes_in=("57",)), {"legal_form": ""}, UNKNOWN),
        (Filters(communes_out=("69123",)), {}, NO),
        (Filters(communes_out=("69001",)), {}, YES),
        (Filters(communes_out=("69123",)), {"commune": ""}, UNKNOWN),
    ],
)
def test_each_filter_has_three_values(make: Any, filters: Filters, company: dict[str, Any], expected: str) -> None:
    assert verdict_of(make, filters, **company) == expected


def criterion(make: Any, code: str, connector: dict[str, Any], company: dict[str, Any], *, paid: bool = False) -> str:
    asked = Query(make.profile(**company), ("cybersecurite",), paid, frozenset[str](), 1)
    found = assess(make.connector(**connector), asked, 0, make.ruleset, make.territories)
    return next((verdict for name, verdict, _ in found if name == code), "absent")


@pytest.mark.parametrize(
    ("code", "connector", "company", "expected"),
    [
        ("statut", {"status": "suspended"}, {}, NO),
        ("sujet", {"sujets": ("donnees",)}, {}, NO),
        ("territoire", {"zones": (Zone("commune", "69123"),)}, {}, YES),
        ("territoire", {"zones": (Zone("commune", "69123"),)}, {"commune": "69383"}, YES),  # 3e arrondissement
        ("territoire", {"zones": (Zone("epci", "200046977"),)}, {}, YES),
        ("territoire", {"zones": (Zone("region", "84"),)}, {}, YES),
        ("territoire", {"zones": (Zone("national"),)}, {}, YES),
        ("territoire", {"zones": (Zone("departement", "38"),)}, {}, NO),
        ("territoire", {"zones": (Zone("commune", "69001"),)}, {"commune": ""}, UNKNOWN),
        ("territoire", {"zones": (Zone("commune", "38185"),)}, {"commune": ""}, NO),
        ("territoire", {"zones": (Zone("departement", "38"),)}, {"commune": "", "departement": ""}, UNKNOWN),
        ("territoire", {"zones": (Zone("departement", "75"),)}, {"commune": "", "departement": ""}, NO),
        ("chambre", {"type": "cci"}, {}, YES),
        ("chambre", {"type": "cci"}, {"naf": "69.10Z"}, NO),
        ("chambre", {"type": "cci"}, {"naf": "01.21Z"}, NO),
        ("chambre", {"type": "cci"}, {"naf": ""}, UNKNOWN),
        ("chambre", {"type": "cci"}, {"naf": "43.22A", "legal_form": "1000"}, UNKNOWN),
        ("chambre", {"type": "cci"}, {"naf": "43.22A", "legal_form": "5710"}, YES),
        ("chambre", {"type": "cci"}, {"naf": "62.01Z", "legal_form": "1000"}, YES),
        ("chambre", {"type": "cma"}, {}, NO),
        ("chambre", {"type": "cma"}, {"naf": "43.22A", "headcount_code": "02"}, YES),
        ("chambre", {"type": "cma"}, {"naf": "43.22A", "headcount_code": "12"}, UNKNOWN),
        ("chambre", {"type": "cma"}, {"naf": ""}, UNKNOWN),
        ("chambre", {"type": "banque"}, {}, "absent"),
        ("opco", {"type": "formation", "opco": "atlas"}, {}, UNKNOWN),
        ("absence", {"absences": (Absence(date(2026, 11, 20), date(2026, 11, 23)),)}, {}, NO),
        ("absence", {"absences": (Absence(date(2026, 11, 24), date(2026, 12, 1)),)}, {}, YES),
        (
            "absence",
            {
                "absences": (
                    Absence(date(2026, 11, 1), date(2026, 11, 2)),
                    Absence(date(2026, 11, 23), date(2026, 11, 23)),
                )
            },
            {},
            NO,
        ),
    ],
)
def test_each_criterion_of_a_connecteur(
    make: Any, code: str, connector: dict[str, Any], company: dict[str, Any], expected: str
) -> None:
    assert criterion(make, code, connector, company) == expected


def test_a_paid_need_takes_professionals_only(make: Any) -> None:
    assert criterion(make, "niveau", {"tier": "benevole"}, {}, paid=True) == NO
    assert criterion(make, "niveau", {"tier": "professionnel"}, {}, paid=True) == YES
    assert criterion(make, "niveau", {"tier": "benevole"}, {}, paid=False) == YES


def test_every_refusal_has_a_french_sentence_and_is_counted(make: Any) -> None:
    connectors = [
        make.connector(1),
        make.connector(2, status="archived"),
        make.connector(3, zones=(Zone("region", "11"),)),
        make.connector(4, sujets=("donnees",)),
        make.connector(5, filters=Filters(effectif_max=9)),
        make.connector(6),
        make.connector(7, institution_id="asked"),
    ]
    directory = build_directory(connectors, make.ruleset, make.territories)
    query = Query(make.profile(), ("cybersecurite",), paid=False, excluded=frozenset({"asked"}), seed=1)
    counts = why_not(directory, query, make.loads(directory, [("c6", 10)]))

    expected = {"statut": 1, "territoire": 1, "sujet": 1, "effectif": 1, "capacite": 1, "institution": 1}
    assert counts.excluded == expected
    assert counts.eligible == 1
    assert counts.covering == 4


def test_unknown_never_excludes_but_costs_points_and_is_named(make: Any) -> None:
    sure, unsure = make.connector(1), make.connector(2, filters=Filters(effectif_min=15))
    directory = build_directory([sure, unsure], make.ruleset, make.territories)
    query = Query(make.profile(), ("cybersecurite",), paid=False, excluded=frozenset[str](), seed=1)
    first, second = Searcher(directory, make.ruleset).best(query, make.loads(directory, ()))

    assert (first.candidate.id, first.unknown) == ("c1", ())
    assert (second.candidate.id, second.unknown) == ("c2", ("effectif",))
    assert first.score - second.score == 500
    assert make.wording.missing(second) == ("Effectif précis non renseigné : à confirmer (−5 points).",)


def test_a_full_memo_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memo, "LIMIT", 2)
    known: dict[str, int] = {}
    assert [memo.kept(known, key, value) for value, key in enumerate("abc")] == [0, 1, 2]
    assert known == {"c": 2}
