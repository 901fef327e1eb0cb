"""The file of a company over several drafts and diagnoses: each change is made to one of them."""

from dataclasses import replace as with_fields
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from common.declare.contract import contract
from common.declare.decision import Decision, Refusal
from common.testing.rules import decided, message_of
from diagnostic.api.history import detail, history
from diagnostic.diagnostics.answers import DiagnosticScored, DraftSaved
from diagnostic.diagnostics.inputs import (
    CompanyProfileUpdated,
    CompanyRegistered,
    DiscardDraft,
    SaveAnswers,
    StartDiagnostic,
    SubmitDiagnostic,
)
from diagnostic.diagnostics.model import BenchmarkChange, DiagnosticFile, Draft
from diagnostic.diagnostics.table import DIAGNOSTICS
from diagnostic.events import Company, DiagnosticCompleted, ExpressDiagnosticCompleted
from diagnostic.measures.table import BY_ID
from diagnostic.questionnaire import versions
from diagnostic.questionnaire.forms import COMPLET, EXPRESS, arranged
from diagnostic.questionnaire.sheet import blank, derived_id, write
from diagnostic.ruleset import read_data
from diagnostic.scoring.peers import Bucket, cell_of, percentile, statistics
from diagnostic.service import SERVICE

SIREN = "732829320"
IDS = tuple(f"0190b1f4-0000-7000-8000-00000000000{number}" for number in range(6))
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
COMPANY = Company(
    "73282932000074", "EXEMPLE", "62.01Z", "NAFRev2", "5710", "12", "69123", "69", "84", None, True, "petite"
)
KNOWN = DiagnosticFile(SIREN, COMPANY)
B = "222211100011111000001111111000003010011100001111000011110000111100100031110000000102120000000000000000000000"
ANSWERS: dict[str, Any] = write(COMPLET, B)


def express(*yes: str) -> dict[str, Any]:
    (question,) = EXPRESS.questions
    return {"DII": {item: "oui" if item in yes else "non" for item in question.items}}


def when(state: DiagnosticFile, item: object, days: int = 0) -> Decision[DiagnosticFile]:
    return decided(SERVICE, state, message_of(item, SIREN, NOW + timedelta(days=days), id=UUID(int=7)))


def refusal(decision: Decision[DiagnosticFile]) -> str:
    assert isinstance(decision.answer, Refusal)
    assert decision.events == decision.rows == decision.deadlines == ()
    return decision.answer.code


# --- the company -----------------------------------------------------------------------------------------------------


def test_a_registration_is_the_first_version_of_a_company() -> None:
    assert DIAGNOSTICS.initial(SIREN) == DiagnosticFile(SIREN)
    known = when(DiagnosticFile(SIREN), CompanyRegistered(SIREN, COMPANY)).state
    assert known.company_version == DiagnosticFile(SIREN).company_version == 1
    assert when(known, CompanyProfileUpdated(SIREN, COMPANY, 2)).state.company_version == 2


# --- two drafts ------------------------------------------------------------------------------------------------------


@pytest.fixture
def two() -> DiagnosticFile:
    """A full and an express draft."""
    state = when(KNOWN, StartDiagnostic(SIREN, "complet", IDS[0])).state
    return when(state, StartDiagnostic(SIREN, "express", IDS[1])).state


@pytest.mark.parametrize("touched", [0, 1])
def test_what_is_done_to_a_draft_leaves_the_other_alone(two: DiagnosticFile, touched: int) -> None:
    one, other = two.drafts[touched], two.drafts[1 - touched]
    answers = (ANSWERS, express("erp"))[touched]
    saved = when(two, SaveAnswers(SIREN, IDS[touched], answers), 1).state
    assert saved.drafts[1 - touched] is other
    assert saved.drafts[touched] == replace(one, sheet=saved.drafts[touched].sheet, saved_at=NOW + timedelta(days=1))
    assert when(saved, SubmitDiagnostic(SIREN, IDS[touched])).state.drafts == (other,)
    assert when(two, DiscardDraft(IDS[touched]), 365).state.drafts == (other,)


def test_a_draft_that_is_lost_is_replaced_beside_the_other(two: DiagnosticFile) -> None:
    full, other = two.drafts
    lost = replace(two, drafts=(replace(full, referential="DMA-PME/1999.1"), other))
    opened = when(lost, StartDiagnostic(SIREN, "complet", IDS[2])).state
    assert opened.drafts[0] is other
    assert [draft.diagnostic_id for draft in opened.drafts] == [IDS[1], IDS[2]]


def test_a_draft_is_forgotten_at_the_very_end_of_its_time(two: DiagnosticFile) -> None:
    full = two.drafts[0]
    due = datetime(2027, 2, 23, 10, tzinfo=UTC)

    def at(time: datetime) -> DiagnosticFile:
        return decided(SERVICE, two, message_of(DiscardDraft(IDS[0]), SIREN, time)).state

    assert at(due - timedelta(microseconds=1)) is two
    assert full not in at(due).drafts


def test_a_form_of_a_new_version_that_asks_the_same_is_named_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    older = arranged(with_fields(COMPLET, version="2025.9"))
    monkeypatch.setitem(versions.KNOWN, older.reference, older)
    draft = Draft(IDS[0], "complet", "T0", NOW, NOW, B, older.reference)
    saved = when(replace(KNOWN, drafts=(draft,)), SaveAnswers(SIREN, IDS[0], {})).state
    assert [(each.referential, each.sheet) for each in saved.drafts] == [(COMPLET.reference, B)]


def test_nothing_is_said_of_a_form_that_did_not_change(two: DiagnosticFile) -> None:
    saved = when(two, SaveAnswers(SIREN, IDS[0], {"Q3": []}))
    assert isinstance(saved.answer, DraftSaved)
    assert saved.answer.notice == ""
    shown: Any = history(two)["drafts"]
    assert [(each["notice"], each["complete"], each["status"]) for each in shown] == [("", False, "brouillon")] * 2


# --- several diagnoses -----------------------------------------------------------------------------------------------


def test_a_full_draft_starts_from_the_last_express_form_and_an_express_one_from_nothing() -> None:
    state = KNOWN
    for day, (name, yes) in enumerate(zip(IDS, ("erp", "site_web", "ventes_web_b2c"), strict=False)):
        state = when(state, SubmitDiagnostic(SIREN, name, "express", express(yes)), day).state
    assert len(state.express) == 3
    full = when(state, StartDiagnostic(SIREN, "complet", IDS[4])).state.drafts[0]
    told: dict[str, Any] = write(COMPLET, full.sheet)
    assert told["Q3"] == ["vente_en_ligne"]
    fresh = when(state, StartDiagnostic(SIREN, "express", IDS[4])).state.drafts[0]
    assert (fresh.sheet, fresh.stage) == (blank(EXPRESS), "libre")


def test_the_benchmark_moves_a_company_from_its_last_result_wherever_it_stood_before() -> None:
    state, scores = KNOWN, list[float]()
    for day, emptied in enumerate(("", "Q8", "Q7", "Q3")):
        answers: dict[str, Any] = {**ANSWERS, emptied: []} if emptied else ANSWERS
        decision = when(state, SubmitDiagnostic(SIREN, IDS[day], answers=answers), day)
        state = decision.state
        scores.append(state.completed[-1].global_score)
        moves = [(row.count, row.global_score) for row in decision.rows if isinstance(row, BenchmarkChange)]
        assert moves == [(-1, score) for score in scores[-2:-1]] + [(1, scores[-1])]
    assert len(set(scores)) == 4


def test_windows_open_after_the_first_diagnosis_whatever_came_between() -> None:
    state = KNOWN
    for name, day in zip(IDS, (0, 200, 250), strict=False):
        state = when(state, SubmitDiagnostic(SIREN, name, answers=ANSWERS), day).state
    assert [done.stage for done in state.completed] == ["T0", "libre", "libre"]
    late = when(state, SubmitDiagnostic(SIREN, IDS[4], answers=ANSWERS), 280).state.completed[-1]
    assert late.stage == "T1"
    shown: Any = history(state)
    assert [each["diagnostic_id"] for each in shown["diagnostics"]] == [IDS[2], IDS[1], IDS[0]]
    assert [(each["stage"], each["opens"], each["closes"]) for each in shown["remeasures"]] == [
        ("T1", date(2027, 8, 23), date(2028, 2, 23)),
        ("T2", date(2028, 8, 23), date(2029, 2, 23)),
    ]


def test_the_history_of_a_company_names_it_where_it_is_known() -> None:
    assert history(KNOWN)["name"] == "EXEMPLE"
    nobody = history(DiagnosticFile(SIREN))
    assert (nobody["name"], nobody["remeasures"], nobody["diagnostics"]) == (None, [], [])


def test_a_result_is_told_and_shown_with_its_whole_plan_and_the_score_of_each_question() -> None:
    done = when(KNOWN, SubmitDiagnostic(SIREN, IDS[0], answers=ANSWERS))
    (event,) = done.events
    assert isinstance(event, DiagnosticCompleted)
    assert isinstance(done.answer, DiagnosticScored)
    planned = [measure.id for measure in event.measures]
    assert len(planned) == 6
    assert [(step.id, step.label) for step in done.answer.plan] == [(one.id, one.label) for one in event.measures]
    shown: Any = detail(done.state, IDS[0])
    assert [one["id"] for one in shown["plan"]] == planned
    assert shown["questions"] | {"Q2": 5.0, "Q5": 4.3} == shown["questions"]
    assert len(shown["questions"]) == len(COMPLET.questions)
    assert len(shown["measures"]) > 6


# --- which diagnosis is meant ----------------------------------------------------------------------------------------


def test_without_answers_a_draft_is_meant_whatever_kind_is_named() -> None:
    assert refusal(when(KNOWN, SubmitDiagnostic(SIREN, IDS[0], "rapide"))) == "diagnostic_inconnu"
    assert refusal(when(KNOWN, SubmitDiagnostic(SIREN))) == "diagnostic_inconnu"


@pytest.mark.parametrize("answers", [{}, ANSWERS])
def test_answers_never_take_the_id_of_a_draft_from_it(answers: dict[str, Any]) -> None:
    own = derived_id(SIREN, B, date(2026, 11, 23))
    state = when(KNOWN, StartDiagnostic(SIREN, "complet", own)).state
    state = when(state, SaveAnswers(SIREN, own, answers)).state
    refused = when(state, SubmitDiagnostic(SIREN, answers=ANSWERS))
    assert refusal(refused) == "diagnostic_deja_soumis"
    assert refused.state is state


def test_an_old_result_is_never_that_of_the_new_form_though_its_sheet_reads_alike() -> None:
    done = when(KNOWN, SubmitDiagnostic(SIREN, IDS[0], answers=ANSWERS)).state
    older = replace(done, completed=(replace(done.completed[0], referential="DMA-PME/2025.9"),))
    assert refusal(when(older, SubmitDiagnostic(SIREN, IDS[0], answers=ANSWERS))) == "diagnostic_deja_soumis"


def test_the_id_of_a_diagnosis_without_one_is_that_of_earlier_releases() -> None:
    assert derived_id(SIREN, "0123", date(2026, 11, 23)) == "3bf77e56-fb7a-5bb8-8f95-4dff215f55a3"


# --- what is told ----------------------------------------------------------------------------------------------------


def told(kind: type, event: object, **change: Any) -> bool:
    """Whether the contract takes an event with other values."""
    document = msgspec.to_builtins(event) | change
    try:
        contract(kind).validate_python(document)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        ({"global_score": 0}, True),
        ({"global_score": 100}, True),
        ({"global_score": -0.1}, False),
        ({"global_score": 100.1}, False),
        ({"scores": {"D1": 100}}, True),
        ({"scores": {"D1": 100.5}}, False),
        ({"company_version": 1}, True),
        ({"company_version": 0}, False),
    ],
)
def test_scores_are_from_zero_to_a_hundred(change: dict[str, Any], *, taken: bool) -> None:
    (event,) = when(KNOWN, SubmitDiagnostic(SIREN, IDS[0], answers=ANSWERS)).events
    assert told(DiagnosticCompleted, event, **change) is taken


@pytest.mark.parametrize(("points", "taken"), [(-1, False), (0, True), (12, True), (13, False)])
def test_points_are_from_none_to_one_an_item(points: int, *, taken: bool) -> None:
    (event,) = when(KNOWN, SubmitDiagnostic(SIREN, IDS[0], "express", express())).events
    assert told(ExpressDiagnosticCompleted, event, points=points) is taken


# --- peers -----------------------------------------------------------------------------------------------------------


SECTIONS = {
    "A": "01 03",
    "B": "05 09",
    "C": "10 33",
    "D": "35 35",
    "E": "36 39",
    "F": "41 43",
    "G": "45 47",
    "H": "49 53",
    "I": "55 56",
    "J": "58 63",
    "K": "64 66",
    "L": "68 68",
    "M": "69 75",
    "N": "77 82",
    "O": "84 84",
    "P": "85 85",
    "Q": "86 88",
    "R": "90 93",
    "S": "94 96",
    "T": "97 98",
    "U": "99 99",
}
"""First and last division of each section, as the Insee lists them."""


def test_a_division_is_of_the_section_that_the_insee_puts_it_in() -> None:
    for section, ends in SECTIONS.items():
        for division in ends.split():
            assert cell_of(with_fields(COMPANY, naf=f"{division}.00Z")).section == section
    assert [cell_of(with_fields(COMPANY, naf=naf)).section for naf in ("00.00Z", "")] == ["", ""]


def test_a_perfect_score_is_a_bucket_of_its_own() -> None:
    best = [Bucket(99, 2, 198.5), Bucket(100, 2, 200)]
    figures = statistics(best)
    assert (figures.median, figures.third_quartile) == (100, 100)
    assert percentile(best, 100) == 75
    assert percentile(best, 99.99) == 25


# --- measures --------------------------------------------------------------------------------------------------------


def test_a_measure_is_of_middle_priority_unless_the_table_says_otherwise() -> None:
    tables: Any = read_data("measures.toml")["measures"]
    said = {f"{name}.{item}": line.get("priority", 2) for name, lines in tables.items() for item, line in lines.items()}
    assert {name: BY_ID[name].priority for name in said} == said
    assert set(said.values()) >= {1, 2}
