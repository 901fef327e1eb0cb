"""Given a file and an application, when it is judged, then every missing condition is named, and nothing else."""

import math
from datetime import UTC, date, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from labels.applications.admission import refusal_reasons
from labels.applications.model import LabelFile, Reason
from labels.applications.score import file_score, progress_points
from labels.ruleset import RULESETS, Ruleset

from .builders import COMPANY, NOW, SIREN, STARS, VECTOR_B, VECTOR_C, application, diagnosed, engagements, ready_file

RULES = RULESETS[0]


def judged(file: LabelFile | None = None, rules: Ruleset = RULES, at: datetime = NOW, **changes: Any) -> list[Reason]:
    return list(refusal_reasons(file or ready_file(), application(**changes), rules, at))


def codes(*arguments: Any, **changes: Any) -> list[str]:
    return [reason.code for reason in judged(*arguments, **changes)]


def scored(scores: dict[str, float]) -> LabelFile:
    known = ready_file().diagnosis
    assert known is not None
    event = diagnosed(scores)
    return ready_file(diagnosis=replace(known, scores=event.scores, global_score=event.global_score))


def test_a_complete_file_has_no_reason() -> None:
    assert judged() == []


def test_golden_vector_b_is_refused_on_its_global_score_alone() -> None:
    event = diagnosed(VECTOR_B)
    assert event.global_score == pytest.approx(43.758, abs=0.001)
    reasons = judged(scored(VECTOR_B))
    assert [reason.code for reason in reasons] == ["score_global"]
    assert reasons[0].text == (
        "Votre score global est de 43,8 sur 100 : il doit dépasser 50. Mettez en œuvre les mesures de votre plan "
        "d'action, puis refaites le diagnostic complet."
    )


def test_golden_vector_c_is_admitted() -> None:
    assert diagnosed(VECTOR_C).global_score == pytest.approx(84.815, abs=0.001)
    assert judged(scored(VECTOR_C)) == []


def test_the_global_score_must_be_above_its_bar_not_at_it() -> None:
    at_the_bar = dict.fromkeys(VECTOR_C, 50.0)
    assert codes(scored(at_the_bar)) == ["score_global"]
    assert codes(scored({**at_the_bar, "D1": 50.01})) == []


PARTS = 1512
"""A score is a number of 1,512ths of a point at the finest, see `diagnostic.scoring.scores`."""


@pytest.mark.parametrize("bar", [25, 45, 50])
def test_a_score_at_a_bar_is_at_it_whatever_binary_number_carries_it(bar: int) -> None:
    rules = replace(RULES, diagnosis=replace(RULES.diagnosis, global_above=float(bar), floors={"D4": float(bar)}))
    for near in (math.nextafter(bar, 0), float(bar), math.nextafter(bar, 100), math.nextafter(bar, 100) + 1e-13):
        file = scored({**VECTOR_C, "D4": near})
        known = file.diagnosis
        assert known is not None
        assert codes(replace(file, diagnosis=replace(known, global_score=near)), rules) == [
            "score_global",
            "plancher_D4",
        ]
    least = bar + 1 / PARTS
    file = scored({**VECTOR_C, "D4": least})
    known = file.diagnosis
    assert known is not None
    assert codes(replace(file, diagnosis=replace(known, global_score=least)), rules) == []


def test_a_score_is_told_as_the_diagnosis_shows_it() -> None:
    reasons = judged(scored(dict.fromkeys(VECTOR_C, 43.25)))
    assert reasons[0].text.startswith("Votre score global est de 43,3 sur 100 : il doit dépasser 50.")


def test_every_step_of_progress_earns_its_point_wherever_it_begins() -> None:
    for start in range(0, 75 * PARTS, 11):
        for step in range(1, 6):
            first, second = start / PARTS, (start + 5 * step * PARTS) / PARTS
            assert progress_points(LabelFile(SIREN, first_global=first, second_global=second), RULES) == step
            less = (start + 5 * step * PARTS - 1) / PARTS
            assert progress_points(LabelFile(SIREN, first_global=first, second_global=less), RULES) == step - 1


@pytest.mark.parametrize("dimension", ["D2", "D3", "D4"])
def test_a_dimension_at_its_floor_is_refused_and_named(dimension: str) -> None:
    reasons = judged(scored({**VECTOR_C, dimension: 25.0}))
    assert [reason.code for reason in reasons] == [f"plancher_{dimension}"]
    assert f"({dimension}) est de 25 sur 100 : il doit dépasser 25." in reasons[0].text
    assert codes(scored({**VECTOR_C, dimension: 25.001})) == []


@pytest.mark.parametrize("dimension", ["D1", "D5", "D6"])
def test_the_other_dimensions_have_no_floor(dimension: str) -> None:
    assert codes(scored({**VECTOR_C, dimension: 0.0})) == []


def test_a_diagnosis_is_valid_for_less_than_12_months() -> None:
    known = ready_file().diagnosis
    assert known is not None
    file = ready_file(diagnosis=replace(known, completed_at=datetime(2025, 11, 13, 9, 0, tzinfo=UTC)))
    assert codes(file, at=datetime(2026, 11, 12, 22, 59, tzinfo=UTC)) == []
    late = judged(file, at=datetime(2026, 11, 12, 23, 1, tzinfo=UTC))  # already the 13th in Paris
    assert [reason.code for reason in late] == ["diagnostic_perime"]
    assert "date du 13/11/2025 : il doit avoir moins de 12 mois" in late[0].text


def test_without_a_diagnosis_there_is_nothing_to_judge_of_it() -> None:
    assert codes(LabelFile(SIREN)) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"active": False}, "entreprise_fermee"),
        ({"active": False, "sme_category": "hors_pme"}, "entreprise_fermee"),
        ({"active": False, "sme_category": "inconnu"}, "entreprise_fermee"),
        ({"sme_category": "hors_pme"}, "hors_pme"),
        ({"sme_category": "inconnu"}, "taille_inconnue"),
        ({"region": "", "departement": ""}, "hors_france"),
        ({"region": "99", "departement": "99"}, "hors_france"),
    ],
)
def test_the_company_must_be_an_active_sme_in_france(change: dict[str, Any], code: str) -> None:
    assert codes(ready_file(company=replace(COMPANY, **change))) == [code]


@pytest.mark.parametrize("size", ["micro", "petite", "moyenne"])
def test_every_size_of_sme_is_admitted(size: str) -> None:
    assert codes(ready_file(company=replace(COMPANY, sme_category=size))) == []


def test_overseas_collectivities_are_in_france() -> None:
    assert codes(ready_file(company=replace(COMPANY, region="", departement="975"))) == []


def test_the_charter_must_be_the_one_in_force_signed_and_not_in_the_future() -> None:
    assert codes(charter_version="2025.9") == ["charte_version"]
    for signed, day in ((False, None), (False, date(2026, 11, 10)), (True, None)):
        assert codes(signed=signed, signed_on=day) == ["charte_non_signee"]
    assert codes(signed_on=date(2026, 11, 12)) == []
    assert codes(signed_on=date(2026, 11, 13)) == ["signature_date"]


@pytest.mark.parametrize("number", STARS)
def test_each_compulsory_commitment_needs_to_be_taken_and_proved(number: int) -> None:
    others = set(STARS) - {number}
    assert codes(engagements=engagements(proved=others)) == [f"preuve_{number}"]
    assert codes(engagements=engagements(taken=others)) == [f"engagement_{number}"]


def test_the_proof_of_visibility_is_an_address_on_the_web() -> None:
    first, *others = engagements()
    reference = replace(first, proofs=("capture-site.png",))
    reasons = judged(engagements=(reference, *others))
    assert [reason.code for reason in reasons] == ["preuve_1"]
    assert reasons[0].text == (
        "Il manque la preuve obligatoire de l'engagement n° 1 « Être visible ». Joignez l'adresse du site ou de la "
        "fiche, en http:// ou https://."
    )


def test_the_proof_of_any_other_commitment_may_be_a_document() -> None:
    first, *others = engagements()
    assert codes(engagements=(first, *(replace(each, proofs=("attestation.pdf",)) for each in others))) == []


def test_a_commitment_that_the_file_says_nothing_of_is_not_taken() -> None:
    assert codes(engagements=()) == [f"engagement_{number}" for number in STARS]
    assert file_score(ready_file(), application(engagements=()), RULES) == 0


def test_the_other_six_commitments_are_free() -> None:
    assert codes(engagements=engagements(taken=STARS)) == []


def test_declarations_of_insolvency_and_clawback() -> None:
    assert codes(no_insolvency=False) == ["procedure_collective"]
    assert codes(no_clawback_debt=False) == ["dette_reversement"]


def test_all_failing_reasons_are_listed_in_order() -> None:
    file = scored({**VECTOR_B, "D4": 10.0})
    file = replace(file, company=replace(COMPANY, active=False))
    assert codes(file, signed=False, signed_on=None, engagements=engagements(proved=()), no_insolvency=False) == [
        "entreprise_fermee",
        "score_global",
        "plancher_D4",
        "charte_non_signee",
        *(f"preuve_{number}" for number in STARS),
        "procedure_collective",
    ]


def test_every_sentence_says_how_to_mend() -> None:
    for reason in judged(LabelFile(SIREN), signed=False, signed_on=None, engagements=()):
        assert reason.text.endswith(".")
        assert len(reason.text) > 60


def test_the_bars_come_from_the_ruleset() -> None:
    lower = replace(RULES, diagnosis=replace(RULES.diagnosis, global_above=40.0))
    assert codes(scored(VECTOR_B), lower) == []
    higher = replace(RULES, diagnosis=replace(RULES.diagnosis, floors={"D5": 70.0}))
    assert codes(scored(VECTOR_C), higher) == ["plancher_D5"]


def test_score_of_a_file() -> None:
    file = ready_file()
    assert file_score(file, application(), RULES) == 30
    assert file_score(file, application(engagements=engagements(proved=(*STARS, 7, 8))), RULES) == 36
    assert file_score(file, application(engagements=engagements(proved=range(1, 13))), RULES) == 48
    assert file_score(file, application(engagements=engagements(proved=range(1, 13), taken=STARS)), RULES) == 30


@pytest.mark.parametrize(
    ("first", "second", "points"),
    [(None, 80.0, 0), (60.0, None, 0), (60.0, 64.9, 0), (60.0, 65.0, 1), (40.0, 90.0, 5), (80.0, 60.0, 0)],
)
def test_progress_between_two_diagnoses_earns_points(first: float | None, second: float | None, points: int) -> None:
    file = ready_file(first_global=first, second_global=second)
    assert file_score(file, application(), RULES) == 30 + points
