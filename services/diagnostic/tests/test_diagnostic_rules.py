"""Given / when / then of every input, and what happens when it comes twice."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from common.declare.contract import contract
from common.declare.decision import Cancel, Decision, Refusal, Schedule
from common.declare.errors import Misconfigured
from common.declare.inputs import Command, Deadline
from common.testing.rules import decided, message_of
from diagnostic.api.history import detail
from diagnostic.diagnostics.answers import DiagnosticScored, DraftSaved, ExpressScored
from diagnostic.diagnostics.inputs import (
    CompanyProfileUpdated,
    CompanyRegistered,
    DiscardDraft,
    SaveAnswers,
    StartDiagnostic,
    SubmitDiagnostic,
)
from diagnostic.diagnostics.model import BenchmarkChange, DiagnosticFile
from diagnostic.diagnostics.table import DIAGNOSTICS
from diagnostic.events import Company, DiagnosticCompleted, DiagnosticStarted, ExpressDiagnosticCompleted
from diagnostic.questionnaire.forms import COMPLET
from diagnostic.questionnaire.sheet import write
from diagnostic.scoring.peers import Cell
from diagnostic.service import SERVICE

SIREN = "732829320"
ID, OTHER = "0190b1f4-0000-7000-8000-000000000001", "0190b1f4-0000-7000-8000-000000000002"
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
COMPANY = Company(
    "73282932000074", "EXEMPLE", "62.01Z", "NAFRev2", "5710", "12", "69123", "69", "84", None, True, "petite"
)
KNOWN = DiagnosticFile(SIREN, COMPANY)
B = "222211100011111000001111111000003010011100001111000011110000111100100031110000000102120000000000000000000000"
ANSWERS: dict[str, Any] = write(COMPLET, B)
EXPRESS: dict[str, Any] = {
    "DII": dict.fromkeys(
        (
            "internet_majorite_salaries",
            "specialiste_tic",
            "debit_30mbps",
            "site_web",
            "reseaux_sociaux",
            "erp",
            "crm",
            "cloud_intermediaire",
            "ia",
            "analyse_donnees",
            "ventes_en_ligne_1pct_ca",
            "ventes_web_b2c",
        ),
        "oui",
    )
    | {"ia": "non", "erp": "ne_sait_pas"}
}


def when(state: DiagnosticFile, item: object, at: datetime = NOW) -> Decision[DiagnosticFile]:
    return decided(SERVICE, state, message_of(item, SIREN, at, id=UUID(int=7)))


def given(*items: object, at: datetime = NOW, state: DiagnosticFile = KNOWN) -> DiagnosticFile:
    for item in items:
        state = when(state, item, at).state
    return state


def rejected(decision: Decision[DiagnosticFile], state: DiagnosticFile) -> Refusal:
    """The rejection, once it is sure that nothing else happened."""
    assert decision.state is state
    assert (decision.events, decision.rows, decision.deadlines, decision.follow_ups) == ((), (), (), ())
    assert isinstance(decision.answer, Refusal)
    return decision.answer


# --- companies -------------------------------------------------------------------------------------------------------


def test_a_registered_company_is_remembered() -> None:
    assert when(DiagnosticFile(SIREN), CompanyRegistered(SIREN, COMPANY)).state.company == COMPANY


def test_the_same_news_twice_changes_nothing() -> None:
    assert when(KNOWN, CompanyRegistered(SIREN, COMPANY)).state is KNOWN
    updated = when(KNOWN, CompanyProfileUpdated(SIREN, replace(COMPANY, region="11"), 2)).state
    assert when(updated, CompanyProfileUpdated(SIREN, replace(COMPANY, region="11"), 2)).state is updated


def test_the_newest_profile_replaces_the_snapshot_and_an_older_one_does_not() -> None:
    moved = replace(COMPANY, region="11")
    updated = when(KNOWN, CompanyProfileUpdated(SIREN, moved, 3)).state
    assert (updated.company, updated.company_version) == (moved, 3)
    for older in (CompanyRegistered(SIREN, COMPANY), CompanyProfileUpdated(SIREN, COMPANY, 2)):
        assert when(updated, older).state is updated


def test_a_diagnosis_carries_the_version_of_its_snapshot_where_it_is_not_that_of_the_registration() -> None:
    moved = when(KNOWN, CompanyProfileUpdated(SIREN, replace(COMPANY, region="11"), 3)).state
    for state, version in ((KNOWN, 1), (moved, 3)):
        (event,) = when(state, SubmitDiagnostic(SIREN, answers=ANSWERS)).events
        assert isinstance(event, DiagnosticCompleted)
        assert event.company_version == version
        assert (b"company_version" in msgspec.json.encode(event)) == (version > 1)


# --- one-shot submission ---------------------------------------------------------------------------------------------


def test_a_whole_diagnosis_is_scored_frozen_and_told() -> None:
    decision = when(KNOWN, SubmitDiagnostic(SIREN, ID, answers=ANSWERS))
    (event,) = decision.events
    assert isinstance(event, DiagnosticCompleted)
    assert (event.diagnostic_id, event.stage, event.kind, event.band) == (ID, "T0", "complet", "intermediaire")
    assert event.global_score == pytest.approx(43.758, abs=5e-4)
    assert (event.company, event.region, event.completed_at) == (COMPANY, "84", NOW)
    assert len(event.measures) == 6
    assert {c for m in event.measures for c in m.spend_categories} <= set(event.spend_categories)
    assert decision.rows == (BenchmarkChange(Cell("petite", "J", "84"), 1, event.global_score),)
    (kept,) = decision.state.completed
    assert (kept.sheet, kept.plan) == (B, tuple(measure.id for measure in event.measures))
    answer = decision.answer
    assert isinstance(answer, DiagnosticScored)
    assert (answer.global_score, answer.scores["D2"]) == (43.8, 40.7)


def test_the_event_fits_its_contract_and_the_state_its_table() -> None:
    decision = when(KNOWN, SubmitDiagnostic(SIREN, ID, answers=ANSWERS))
    contract(DiagnosticCompleted).validate_json(msgspec.json.encode(decision.events[0]))
    assert msgspec.json.decode(msgspec.json.encode(decision.state), type=DiagnosticFile) == decision.state


def test_the_same_submission_again_gets_the_same_answer_and_nothing_new() -> None:
    first = when(KNOWN, SubmitDiagnostic(SIREN, ID, answers=ANSWERS))
    again = when(first.state, SubmitDiagnostic(SIREN, ID, answers=ANSWERS), NOW + timedelta(days=9))
    assert again.state is first.state
    assert (again.events, again.rows) == ((), ())
    assert again.answer == first.answer


def test_without_an_id_the_same_answers_on_the_same_day_are_the_same_diagnosis() -> None:
    first = when(KNOWN, SubmitDiagnostic(SIREN, answers=ANSWERS))
    again = when(first.state, SubmitDiagnostic(SIREN, answers=ANSWERS), NOW + timedelta(hours=3))
    assert again.answer == first.answer
    assert again.state is first.state
    later = when(first.state, SubmitDiagnostic(SIREN, answers=ANSWERS), NOW + timedelta(days=1))
    assert len(later.state.completed) == 2
    assert UUID(later.state.completed[1].diagnostic_id) != UUID(first.state.completed[0].diagnostic_id)


def test_other_answers_under_a_submitted_id_are_refused() -> None:
    state = given(SubmitDiagnostic(SIREN, ID, answers=ANSWERS))
    other: dict[str, Any] = ANSWERS | {"Q8": []}
    assert rejected(when(state, SubmitDiagnostic(SIREN, ID, answers=other)), state).kind == "illegal"


def test_a_new_diagnosis_never_overwrites_the_old_and_replaces_it_in_the_benchmark() -> None:
    state = given(SubmitDiagnostic(SIREN, ID, answers=ANSWERS))
    old = state.completed[0]
    decision = when(state, SubmitDiagnostic(SIREN, OTHER, answers=ANSWERS | {"Q8": []}), NOW + timedelta(days=365))
    assert decision.state.completed[0] == old
    assert [done.stage for done in decision.state.completed] == ["T0", "T1"]
    leaving, entering = decision.rows
    assert leaving == BenchmarkChange(old.cell, -1, old.global_score)
    assert isinstance(entering, BenchmarkChange)
    assert entering.count == 1


def test_an_unknown_company_is_told_to_come_back() -> None:
    state = DiagnosticFile(SIREN)
    for item in (SubmitDiagnostic(SIREN, ID, answers=ANSWERS), StartDiagnostic(SIREN), SaveAnswers(SIREN, ID, {})):
        refusal = rejected(when(state, item), state)
        assert (refusal.kind, refusal.field) == ("unknown", "siren")
        assert "réessayez" in refusal.detail


def test_a_company_that_is_no_sme_may_be_diagnosed() -> None:
    large = DiagnosticFile(SIREN, replace(COMPANY, sme_category="hors_pme", headcount_code="53"))
    assert when(large, SubmitDiagnostic(SIREN, ID, answers=ANSWERS)).events


def test_an_unknown_kind_is_refused() -> None:
    for item in (SubmitDiagnostic(SIREN, ID, "rapide", ANSWERS), StartDiagnostic(SIREN, "rapide")):
        refusal = rejected(when(KNOWN, item), KNOWN)
        assert (refusal.kind, refusal.field, refusal.allowed) == ("invalid", "kind", ("complet", "express"))


# --- bad answers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"Q99": []}, "answers.Q99", "question inconnue"),
        ({"Q3": ["site_web", "fax"]}, "answers.Q3[1]", "option inconnue « fax »"),
        ({"Q3": ["site_web", 7]}, "answers.Q3[1]", "option inconnue « 7 »"),
        ({"Q3": ["site_web", ["x"]]}, "answers.Q3[1]", "option inconnue « list »"),
        ({"Q3": "site_web"}, "answers.Q3", "liste d’options attendue"),
        ({"Q3": {"non": []}}, "answers.Q3.non", "champ inconnu"),
        ({"Q3": {"oui": "site_web"}}, "answers.Q3.oui", "liste d’options attendue"),
        ({"Q3": {"oui": ["site_web"], "ne_sait_pas": ["site_web"]}}, "answers.Q3.ne_sait_pas[0]", "déjà"),
        ({"Q2": {"oui": [], "non_concerne": ["specialiste"]}}, "answers.Q2.non_concerne[0]", "n’est pas permis"),
        ({"Q3": {"oui": [], "non_concerne": ["site_web"]}}, "answers.Q3.non_concerne", "champ inconnu"),
        ({"Q1": ["achats"]}, "answers.Q1", "objet attendu"),
        ({"Q1": {"investi": ["achats"], "prevu": ["inconnu"]}}, "answers.Q1.prevu[0]", "option inconnue"),
        ({"Q1": {"investi": {}, "prevu": []}}, "answers.Q1.investi", "liste d’options attendue"),
        ({"Q4": ANSWERS["Q4"] | {"cao_fao": 6}}, "answers.Q4.cao_fao", "entier de 0 à 5"),
        ({"Q4": ANSWERS["Q4"] | {"cao_fao": -1}}, "answers.Q4.cao_fao", "entier de 0 à 5"),
        ({"Q4": ANSWERS["Q4"] | {"cao_fao": 2.5}}, "answers.Q4.cao_fao", "entier de 0 à 5"),
        ({"Q4": ANSWERS["Q4"] | {"cao_fao": True}}, "answers.Q4.cao_fao", "entier de 0 à 5"),
        ({"Q4": ANSWERS["Q4"] | {"cao_fao": "3"}}, "answers.Q4.cao_fao", "entier de 0 à 5"),
        ({"Q4": ANSWERS["Q4"] | {"fax": 1}}, "answers.Q4.fax", "ligne inconnue"),
        ({"Q4": ANSWERS["Q4"] | {"objets_connectes": "non_concerne"}}, "answers.Q4.objets_connectes", "pas permis"),
        ({"Q4": ANSWERS["Q4"] | {"cao_fao": None}}, "answers.Q4.cao_fao", "réponse manquante"),
        ({"Q4": {"cao_fao": 1}}, "answers.Q4.jumeau_numerique", "réponse manquante"),
        ({"Q4": [1, 2]}, "answers.Q4", "une valeur par ligne"),
        ({"Q11": ANSWERS["Q11"] | {"conso_suivie": "bof"}}, "answers.Q11.conso_suivie", "mot inconnu"),
        ({"Q7": ["non_numerisees", "integration"]}, "answers.Q7", "exclut"),
        ({"Q7": {"oui": ["non_numerisees"], "ne_sait_pas": ["integration"]}}, "answers.Q7", "exclut"),
        ({"Q7": {"oui": [], "ne_sait_pas": ["non_numerisees"]}}, "answers.Q7.ne_sait_pas[0]", "cochée ou non"),
        ({"Q5": None}, "answers.Q5", "réponse manquante"),
    ],
)
def test_wrong_answers_are_refused_by_name(change: dict[str, Any], field: str, reason: str) -> None:
    refusal = rejected(when(KNOWN, SubmitDiagnostic(SIREN, ID, answers=ANSWERS | change)), KNOWN)
    assert (refusal.kind, refusal.field) == ("invalid", field)
    assert reason in refusal.detail


def test_every_fault_is_listed_and_the_first_is_named() -> None:
    broken = {name: value for name, value in ANSWERS.items() if name != "E4"} | {"Q3": ["fax"], "Q9": {"langage": 9}}
    refusal = rejected(when(KNOWN, SubmitDiagnostic(SIREN, ID, answers=broken)), KNOWN)
    assert refusal.field == "answers.Q3[0]"
    assert refusal.allowed[0] == "connexion_cloud"
    for path in ("answers.Q3[0]", "answers.Q9.langage", "answers.Q9.image", "answers.E4"):
        assert f"{path} : " in refusal.detail
    assert refusal.detail.count("answers.Q9.langage") == 1


def test_a_hostile_body_gets_a_short_answer() -> None:
    hostile = {f"Q{number}" * 100: 1 for number in range(10_000)}
    refusal = rejected(when(KNOWN, SubmitDiagnostic(SIREN, ID, answers=hostile)), KNOWN)
    assert len(refusal.detail) < 5000
    assert "et d’autres" in refusal.detail
    long_list = rejected(when(KNOWN, SubmitDiagnostic(SIREN, ID, answers=ANSWERS | {"Q3": ["x"] * 10_000})), KNOWN)
    assert len(long_list.detail) < 5000
    rows = {f"r{number}": 1 for number in range(10_000)}
    assert len(rejected(when(KNOWN, SaveAnswers(SIREN, ID, {})), KNOWN).detail) < 5000
    grid = rejected(when(KNOWN, SubmitDiagnostic(SIREN, ID, answers=ANSWERS | {"Q4": rows, "Q1": rows})), KNOWN)
    assert len(grid.detail) < 9000


# --- drafts ----------------------------------------------------------------------------------------------------------


def test_a_draft_is_opened_once() -> None:
    decision = when(KNOWN, StartDiagnostic(SIREN, "complet", ID))
    assert decision.events == (
        DiagnosticStarted(
            siren=SIREN, diagnostic_id=ID, kind="complet", stage="T0", referential="DMA-PME/2026.1", region="84"
        ),
    )
    (timer,) = decision.deadlines
    assert timer == Schedule(f"draft:{ID}", datetime(2027, 2, 23, 10, tzinfo=UTC), DiscardDraft(ID))
    assert isinstance(decision.answer, DraftSaved)
    assert not decision.answer.complete
    assert len(decision.answer.missing) == 15
    for again in (StartDiagnostic(SIREN, "complet", ID), StartDiagnostic(SIREN)):
        repeated = when(decision.state, again)
        assert repeated.state is decision.state
        assert (repeated.events, repeated.answer) == ((), decision.answer)


def test_another_draft_of_the_kind_is_refused_one_of_the_other_kind_is_not() -> None:
    state = given(StartDiagnostic(SIREN, "complet", ID))
    refusal = rejected(when(state, StartDiagnostic(SIREN, "complet", OTHER)), state)
    assert (refusal.kind, refusal.allowed) == ("illegal", (ID,))
    assert when(state, StartDiagnostic(SIREN, "express", OTHER)).events
    assert rejected(when(state, StartDiagnostic(SIREN, "express", ID)), state).kind == "illegal"


def test_a_draft_gets_an_id_when_the_client_has_none() -> None:
    decision = when(KNOWN, StartDiagnostic(SIREN))
    assert UUID(decision.state.drafts[0].diagnostic_id).version == 5


def test_answers_are_saved_bit_by_bit_then_submitted() -> None:
    state = given(StartDiagnostic(SIREN, "complet", ID))
    for name, value in ANSWERS.items():
        state = given(SaveAnswers(SIREN, ID, {name: value}), state=state)
    decision = when(state, SubmitDiagnostic(SIREN, ID))
    assert isinstance(decision.events[0], DiagnosticCompleted)
    assert decision.state.completed[0].sheet == B
    assert decision.state.drafts == ()
    assert decision.deadlines == (Cancel(f"draft:{ID}"),)
    again = when(decision.state, SubmitDiagnostic(SIREN, ID))
    assert (again.state, again.events, again.answer) == (decision.state, (), decision.answer)


def test_the_last_answers_may_come_with_the_submission() -> None:
    started = given(StartDiagnostic(SIREN, "complet", ID), SaveAnswers(SIREN, ID, ANSWERS | {"Q8": None}))
    refusal = rejected(when(started, SubmitDiagnostic(SIREN, ID)), started)
    assert (refusal.kind, refusal.field) == ("invalid", "answers.Q8")
    decision = when(started, SubmitDiagnostic(SIREN, ID, answers={"Q8": ANSWERS["Q8"]}))
    assert decision.state.completed[0].sheet == B


def test_saving_the_same_again_changes_nothing_and_wrong_answers_save_nothing() -> None:
    state = given(StartDiagnostic(SIREN, "complet", ID), SaveAnswers(SIREN, ID, {"Q3": ["site_web"]}))
    assert when(state, SaveAnswers(SIREN, ID, {"Q3": ["site_web"]})).state is state
    bad = SaveAnswers(SIREN, ID, {"Q5": [], "Q3": ["fax"]})
    assert rejected(when(state, bad), state).field == "answers.Q3[0]"


def test_a_submitted_diagnosis_cannot_be_edited_and_an_unknown_one_not_be_found() -> None:
    state = given(SubmitDiagnostic(SIREN, ID, answers=ANSWERS))
    assert rejected(when(state, SaveAnswers(SIREN, ID, {"Q3": []})), state).kind == "illegal"
    assert rejected(when(state, StartDiagnostic(SIREN, "complet", ID)), state).kind == "illegal"
    assert rejected(when(state, SaveAnswers(SIREN, OTHER, {"Q3": []})), state).kind == "unknown"
    assert rejected(when(state, SubmitDiagnostic(SIREN, OTHER)), state).kind == "unknown"


def test_a_draft_nobody_touches_is_forgotten_after_three_months() -> None:
    state = given(StartDiagnostic(SIREN, "complet", ID))
    state = given(SaveAnswers(SIREN, ID, {"Q3": ["site_web"]}), state=state, at=NOW + timedelta(days=30))
    due = datetime(2027, 2, 23, 10, tzinfo=UTC)
    early = when(state, DiscardDraft(ID), due)
    assert early.state is state
    (timer,) = early.deadlines
    assert isinstance(timer, Schedule)
    assert timer.due == datetime(2027, 3, 23, 10, tzinfo=UTC)
    late = when(state, DiscardDraft(ID), timer.due)
    assert late.state.drafts == ()
    assert when(late.state, DiscardDraft(ID), timer.due).state is late.state


# --- express ---------------------------------------------------------------------------------------------------------


def test_an_express_form_gives_points_and_prefills_the_full_form() -> None:
    decision = when(KNOWN, SubmitDiagnostic(SIREN, ID, "express", EXPRESS))
    (event,) = decision.events
    assert event == ExpressDiagnosticCompleted(
        siren=SIREN,
        diagnostic_id=ID,
        referential="DII-12/2026.1",
        completed_at=NOW,
        points=10,
        band="tres_eleve",
        basic=True,
        region="84",
    )
    assert isinstance(decision.answer, ExpressScored)
    assert decision.rows == ()
    again = when(decision.state, SubmitDiagnostic(SIREN, ID, "express", EXPRESS))
    assert (again.state, again.events, again.answer) == (decision.state, (), decision.answer)
    draft = when(decision.state, StartDiagnostic(SIREN, "complet", OTHER)).state.drafts[0]
    assert draft.stage == "T0"
    wire: dict[str, Any] = write(COMPLET, draft.sheet)
    assert wire["Q9"] == {"langage": 0, "image": 0, "voix": 0}
    assert set(wire["Q3"]) == {
        "connexion_cloud",
        "site_web",
        "messagerie_reseaux",
        "logiciel_gestion",
        "vente_en_ligne",
    }


def test_an_express_form_can_be_started_saved_and_submitted() -> None:
    state = given(StartDiagnostic(SIREN, "express", ID), SaveAnswers(SIREN, ID, EXPRESS))
    assert state.drafts[0].stage == "libre"
    decision = when(state, SubmitDiagnostic(SIREN, ID))
    assert decision.state.express[0].points == 10
    assert decision.state.drafts == ()
    refusal = rejected(when(KNOWN, SubmitDiagnostic(SIREN, ID, "express", {"DII": {"erp": "peut-être"}})), KNOWN)
    assert refusal.field == "answers.DII.erp"


# --- the table -------------------------------------------------------------------------------------------------------


def test_every_input_has_its_rule_and_what_is_not_declared_has_none() -> None:
    assert SERVICE.consumes == {"companies": (CompanyRegistered, CompanyProfileUpdated)}
    assert SERVICE.inputs(Command) == (StartDiagnostic, SaveAnswers, SubmitDiagnostic)
    assert SERVICE.inputs(Deadline) == (DiscardDraft,)
    with pytest.raises(LookupError):
        when(KNOWN, object())


@pytest.mark.parametrize("missing", range(len(DIAGNOSTICS.rules)))
def test_a_table_that_forgets_a_line_is_refused(missing: int) -> None:
    lines = tuple(line for index, line in enumerate(DIAGNOSTICS.rules) if index != missing)
    forgotten = DIAGNOSTICS.rules[missing].input.__name__
    with pytest.raises(Misconfigured, match=f"{forgotten} .* has no rule"):
        replace(SERVICE, aggregates=(replace(DIAGNOSTICS, rules=lines),))


def test_each_refusal_has_a_code_of_its_own() -> None:
    submitted = given(SubmitDiagnostic(SIREN, ID, answers=ANSWERS))
    started = given(StartDiagnostic(SIREN, "complet", ID))
    refusals = [
        rejected(when(state, item), state)
        for state, item in (
            (DiagnosticFile(SIREN), StartDiagnostic(SIREN)),
            (KNOWN, SaveAnswers(SIREN, ID, {})),
            (KNOWN, StartDiagnostic(SIREN, "rapide")),
            (started, StartDiagnostic(SIREN, "complet", OTHER)),
            (started, StartDiagnostic(SIREN, "express", ID)),
            (submitted, SaveAnswers(SIREN, ID, {})),
            (KNOWN, SubmitDiagnostic(SIREN, ID, answers={"Q99": []})),
        )
    ]
    assert [refusal.code for refusal in refusals] == [
        "entreprise_inconnue",
        "diagnostic_inconnu",
        "type_de_diagnostic_inconnu",
        "brouillon_deja_ouvert",
        "identifiant_deja_utilise",
        "diagnostic_deja_soumis",
        "reponses_incorrectes",
    ]
    assert len({refusal.title for refusal in refusals}) == len(refusals)


# --- reading a state -------------------------------------------------------------------------------------------------


def test_each_diagnosis_is_shown_by_its_id_and_no_other() -> None:
    ids = [f"0190b1f4-0000-7000-8000-00000000000{number}" for number in range(6)]
    state = given(SubmitDiagnostic(SIREN, ids[0], answers=ANSWERS))
    state = given(SubmitDiagnostic(SIREN, ids[1], answers=ANSWERS), at=NOW + timedelta(days=200), state=state)
    state = given(SubmitDiagnostic(SIREN, ids[2], kind="express", answers=EXPRESS), state=state)
    state = given(SubmitDiagnostic(SIREN, ids[3], kind="express", answers=EXPRESS), state=state)
    state = given(StartDiagnostic(SIREN, "complet", ids[4]), at=NOW + timedelta(days=201), state=state)

    shown = {name: detail(state, name) for name in ids}
    assert [each["diagnostic_id"] for each in shown.values() if each is not None] == ids[:5]
    assert shown[ids[5]] is None
