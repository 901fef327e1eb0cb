"""A new version of a questionnaire: drafts go on by item or are closed with a reason, old results stay readable."""

from collections.abc import Mapping
from dataclasses import replace as with_fields
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from common.declare.decision import Cancel, Decision, Refusal
from common.testing.rules import decided, message_of
from diagnostic.api.history import detail, history
from diagnostic.diagnostics.answers import MOVED, DiagnosticScored, DraftSaved
from diagnostic.diagnostics.inputs import SaveAnswers, StartDiagnostic, SubmitDiagnostic
from diagnostic.diagnostics.model import Completed, DiagnosticFile, Draft, Express
from diagnostic.events import Company
from diagnostic.questionnaire import versions
from diagnostic.questionnaire.forms import COMPLET, EXPRESS, FORMS, UNANSWERED, Question, Questionnaire, arranged
from diagnostic.questionnaire.sheet import blank, missing, write
from diagnostic.questionnaire.versions import FIRST, archived, carried, form_of
from diagnostic.scoring.scores import score
from diagnostic.service import SERVICE

SIREN = "732829320"
ID, OTHER = "0190b1f4-0000-7000-8000-000000000001", "0190b1f4-0000-7000-8000-000000000002"
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
COMPANY = Company(
    "73282932000074", "EXEMPLE", "62.01Z", "NAFRev2", "5710", "12", "69123", "69", "84", None, True, "petite"
)
B = "222211100011111000001111111000003010011100001111000011110000111100100031110000000102120000000000000000000000"


def changed(question: Question) -> Question:
    """A question as an earlier form had it."""
    match question.id:
        case "Q3":  # one option less, the others in another order
            items = dict(reversed(list(question.items.items())[:-1]))
            return with_fields(question, items=items)
        case "Q4":  # everything could be left out
            return with_fields(question, non_concerne=tuple(question.items))
        case "Q5":  # asked on a scale
            return with_fields(question, kind="echelle")
        case "Q7":  # nothing was exclusive
            return with_fields(question, exclusive="")
        case _:
            return question


OLD = arranged(
    with_fields(
        COMPLET,
        version="2025.1",
        dimensions=(*COMPLET.dimensions[:-1], with_fields(COMPLET.dimensions[-1], label="Ancien axe")),
        questions=tuple(changed(question) for question in reversed(COMPLET.questions) if question.id != "Q11"),
    )
)


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The earlier form is kept."""
    monkeypatch.setitem(versions.KNOWN, OLD.reference, OLD)


def old_sheet() -> str:
    """Every item answered as it may be: by its place, modulo what its question takes."""
    codes = {"multi": "01?", "double": "012", "echelle": "012345", "tri": "012", "oui_non": "01"}
    return "".join(
        "-" if item in question.non_concerne else codes[question.kind][index % len(codes[question.kind])]
        for question in OLD.questions
        for index, item in enumerate(question.items)
    )


def draft(referential: str = OLD.reference, sheet: str | None = None) -> Draft:
    return Draft(ID, "complet", "T0", NOW, NOW, old_sheet() if sheet is None else sheet, referential)


def file(*drafts: Draft, **more: Any) -> DiagnosticFile:
    return DiagnosticFile(SIREN, COMPANY, drafts, **more)


def when(state: DiagnosticFile, item: object) -> Decision[DiagnosticFile]:
    return decided(SERVICE, state, message_of(item, SIREN, NOW + timedelta(days=1), id=UUID(int=7)))


def answers(form: Questionnaire, sheet: str) -> dict[str, Mapping[str, str]]:
    return {q.id: dict(zip(q.items, sheet[q.span], strict=True)) for q in form.questions}


# --- by item ---------------------------------------------------------------------------------------------------------


def test_each_answer_follows_its_item() -> None:
    moved = carried(OLD, old_sheet(), COMPLET)
    assert len(moved) == COMPLET.size
    before, after = answers(OLD, old_sheet()), answers(COMPLET, moved)
    for question in COMPLET.questions:
        for item, code in after[question.id].items():
            match question.id:
                case "Q5" | "Q7" | "Q11":
                    assert code == UNANSWERED, "asked otherwise, or new"
                case "Q4" if item not in question.non_concerne:
                    assert code == UNANSWERED, "may not be left out any more"
                case _:
                    assert code == before[question.id].get(item, UNANSWERED)


def test_the_same_form_leaves_a_sheet_alone() -> None:
    assert carried(COMPLET, B, COMPLET) is B
    assert carried(OLD, old_sheet(), OLD) == old_sheet()


def test_an_old_draft_goes_on_when_it_is_taken_up() -> None:
    taken = when(file(draft()), StartDiagnostic(SIREN, "complet"))
    (kept,) = taken.state.drafts
    assert (kept.diagnostic_id, kept.referential) == (ID, COMPLET.reference)
    assert kept.sheet == carried(OLD, old_sheet(), COMPLET)
    assert (taken.events, taken.deadlines) == ((), ())
    assert isinstance(taken.answer, DraftSaved)
    assert (taken.answer.notice, taken.answer.referential) == (MOVED, COMPLET.reference)
    assert {"answers.Q5", "answers.Q7"} <= set(taken.answer.missing)
    again = when(taken.state, StartDiagnostic(SIREN, "complet"))
    assert isinstance(again.answer, DraftSaved)
    assert again.answer.notice == ""
    assert again.state is taken.state


def test_an_old_draft_goes_on_when_it_is_saved_and_submitted() -> None:
    whole = write(COMPLET, B)
    saved = when(file(draft()), SaveAnswers(SIREN, ID, {"Q3": whole["Q3"]}))
    assert isinstance(saved.answer, DraftSaved)
    assert saved.answer.notice == MOVED
    assert write(COMPLET, saved.state.drafts[0].sheet)["Q3"] == whole["Q3"]
    nothing = when(file(draft()), SaveAnswers(SIREN, ID, {}))
    assert nothing.state.drafts[0].referential == COMPLET.reference
    for state in (file(draft()), saved.state):
        lacking = when(state, SubmitDiagnostic(SIREN, ID))
        assert isinstance(lacking.answer, Refusal)
        assert "Q5" in lacking.answer.detail
        done = when(state, SubmitDiagnostic(SIREN, ID, answers=whole))
        assert isinstance(done.answer, DiagnosticScored)
        assert done.state.completed[0].sheet == B
        assert done.state.drafts == ()


def test_a_draft_that_names_no_form_is_of_the_first_one() -> None:
    first = draft("", blank(COMPLET))
    assert form_of("", "complet") is COMPLET
    assert form_of("", "express") is EXPRESS
    taken = when(file(first), StartDiagnostic(SIREN, "complet"))
    assert isinstance(taken.answer, DraftSaved)
    assert taken.answer.notice == ""


def test_a_new_draft_names_its_form() -> None:
    assert when(file(), StartDiagnostic(SIREN, "complet")).state.drafts[0].referential == COMPLET.reference
    assert when(file(), StartDiagnostic(SIREN, "express")).state.drafts[0].referential == EXPRESS.reference


# --- closed with a reason --------------------------------------------------------------------------------------------


def test_a_draft_whose_form_is_lost_is_closed_with_a_reason_and_another_one_opened() -> None:
    lost = draft("DMA-PME/1999.1")
    for refused in (
        when(file(lost), SaveAnswers(SIREN, ID, {"Q3": []})),
        when(file(lost), SubmitDiagnostic(SIREN, ID)),
    ):
        assert isinstance(refused.answer, Refusal)
        assert (refused.answer.kind, refused.answer.code) == ("illegal", "brouillon_clos")
        assert "DMA-PME/1999.1, qui n’est plus connu ici" in refused.answer.detail
        assert (refused.state.drafts, refused.events) == ((lost,), ())
    opened = when(file(lost), StartDiagnostic(SIREN, "complet", OTHER))
    assert isinstance(opened.answer, DraftSaved)
    assert opened.answer.diagnostic_id == OTHER
    assert "est clos" in opened.answer.notice
    assert [each.diagnostic_id for each in opened.state.drafts] == [OTHER]
    assert Cancel(f"draft:{ID}") in opened.deadlines
    assert len(opened.events) == 1


def test_a_draft_is_not_closed_for_one_that_cannot_be_opened() -> None:
    lost = draft("DMA-PME/1999.1")
    done = when(file(), SubmitDiagnostic(SIREN, OTHER, answers=write(COMPLET, B))).state
    state = replace(done, drafts=(lost,))
    refused = when(state, StartDiagnostic(SIREN, "complet", OTHER))
    assert isinstance(refused.answer, Refusal)
    assert refused.state is state


def test_history_shows_drafts_as_they_go_on() -> None:
    shown: Any = history(file(draft()))["drafts"]
    assert (shown[0]["status"], shown[0]["notice"]) == ("brouillon", MOVED)
    assert shown[0]["missing"] == tuple(missing(COMPLET, carried(OLD, old_sheet(), COMPLET)))
    one: Any = detail(file(draft()), ID)
    assert one["answers"] == write(COMPLET, carried(OLD, old_sheet(), COMPLET))
    lost: Any = detail(file(draft("DMA-PME/1999.1")), ID)
    assert (lost["status"], lost["answers"], lost["complete"]) == ("clos", {}, False)
    assert "est clos" in lost["notice"]


# --- results ---------------------------------------------------------------------------------------------------------


def completed(referential: str) -> Completed:
    result = score(B)
    scores = {"D1": 50.0, "C2": 20.0}
    cell = when(file(), SubmitDiagnostic(SIREN, ID, answers=write(COMPLET, B))).state.completed[0].cell
    return Completed(
        ID,
        "T0",
        referential,
        NOW,
        old_sheet(),
        scores,
        result.global_score,
        result.band,
        ("ancien_signal",),
        ("x",),
        cell,
    )


def test_an_old_result_is_read_with_its_own_form() -> None:
    shown: Any = detail(file(completed=(completed(OLD.reference),)), ID)
    assert shown["answers"] == write(OLD, old_sheet())
    assert shown["questions"] is None
    assert {axis["id"]: (axis["label"], axis["score"]) for axis in shown["scores"]} == {
        "D1": ("Stratégie numérique", 50.0), "C2": ("Ancien axe", 20.0),
    }  # fmt: skip
    assert shown["gaps"] == [{"id": "ancien_signal", "label": "ancien_signal"}]
    assert "Q3" in {path.partition(".")[0] for path in shown["unknown_items"]}


def test_a_result_whose_form_is_lost_keeps_its_scores() -> None:
    shown: Any = detail(file(completed=(completed("DMA-PME/1999.1"),)), ID)
    assert (shown["answers"], shown["unknown_items"], shown["measures"]) == (None, (), [])
    assert shown["global_score"] > 0


def test_an_old_result_submitted_again_is_answered_and_never_read_with_the_new_form() -> None:
    state = file(completed=(completed(OLD.reference),))
    again = when(state, SubmitDiagnostic(SIREN, ID))
    assert isinstance(again.answer, DiagnosticScored)
    other = when(state, SubmitDiagnostic(SIREN, ID, answers=write(COMPLET, B)))
    assert isinstance(other.answer, Refusal)
    assert other.answer.code == "diagnostic_deja_soumis"


def test_a_result_submitted_again_with_wrong_answers_says_what_is_wrong() -> None:
    done = when(file(), SubmitDiagnostic(SIREN, ID, answers=write(COMPLET, B))).state
    wrong = when(done, SubmitDiagnostic(SIREN, ID, answers={"Q3": ["fax"]}))
    assert isinstance(wrong.answer, Refusal)
    assert (wrong.answer.code, wrong.state) == ("reponses_incorrectes", done)


def test_an_old_express_form_prefills_by_item(monkeypatch: pytest.MonkeyPatch) -> None:
    (question,) = EXPRESS.questions
    turned = with_fields(question, items=dict(reversed(question.items.items())))
    older = arranged(with_fields(EXPRESS, version="2025.1", questions=(turned,)))
    monkeypatch.setitem(versions.KNOWN, older.reference, older)
    only = "".join("1" if item == "site_web" else "0" for item in turned.items)

    def opened(referential: str) -> str:
        done = Express(OTHER, referential, NOW, only, 1, "tres_faible", basic=False)
        return when(file(express=(done,)), StartDiagnostic(SIREN, "complet")).state.drafts[0].sheet

    told = write(COMPLET, opened(older.reference))
    assert "site_web" in str(told["Q3"])
    assert opened("DII-12/1999.1") == blank(COMPLET)
    shown: Any = detail(file(express=(Express(OTHER, older.reference, NOW, only, 1, "faible", basic=False),)), OTHER)
    assert shown["answers"] == write(older, only)
    gone: Any = detail(file(express=(Express(OTHER, "DII-12/1999.1", NOW, only, 1, "faible", basic=False),)), OTHER)
    assert gone["answers"] is None


# --- the data --------------------------------------------------------------------------------------------------------

LAYOUTS = {"DMA-PME/2026.1": "113018ce4f520ab6", "DII-12/2026.1": "7841a7b87328776a"}
"""How the items of each version stand in a sheet: a change of them without a new version would misread every answer."""


def layout(form: Questionnaire) -> str:
    lines = [f"{q.id} {q.kind} {q.exclusive} {' '.join(q.items)} / {' '.join(q.non_concerne)}" for q in form.questions]
    return sha256("\n".join(lines).encode()).hexdigest()[:16]


def test_items_change_only_with_a_new_version_and_the_form_before_is_kept() -> None:
    kept = {reference: layout(form) for reference, form in versions.KNOWN.items() if reference != OLD.reference}
    assert kept == LAYOUTS
    assert set(FIRST.values()) <= set(kept)
    assert {form.reference for form in FORMS.values()} <= set(kept)


def test_earlier_forms_are_read_from_their_folder(tmp_path: Path) -> None:
    assert archived(tmp_path / "none") == ()
    data = Path(versions.__file__).parents[1] / "data"
    text = (data / "express.toml").read_text("utf-8").replace('version = "2026.1"', 'version = "2024.1"', 1)
    (tmp_path / "express-2024.1.toml").write_text(text, "utf-8")
    (tmp_path / "LISEZMOI").write_text("", "utf-8")
    (found,) = archived(tmp_path)
    assert (found.reference, found.size) == ("DII-12/2024.1", EXPRESS.size)
