"""A company's diagnoses as its director reads them: history, scores with one decimal, plan, answers."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from diagnostic.api.views import (
    CompletedDetail,
    CompletedView,
    DraftDetail,
    DraftStatus,
    DraftView,
    ExpressDetail,
    ExpressView,
    History,
)
from diagnostic.diagnostics.answers import MOVED, closing, draft_saved, one_decimal
from diagnostic.diagnostics.drafts import in_force
from diagnostic.diagnostics.model import Completed, DiagnosticFile, Draft, Express
from diagnostic.diagnostics.stage import valid_until, windows
from diagnostic.measures.plan import calls_of, triggered
from diagnostic.measures.table import measures_of, shown
from diagnostic.questionnaire.forms import COMPLET, FORMS
from diagnostic.questionnaire.sheet import unknown_items, write
from diagnostic.questionnaire.versions import form_of
from diagnostic.ruleset import RULESET
from diagnostic.scoring.scores import score

Detail: TypeAlias = DraftDetail | CompletedDetail | ExpressDetail
"""One diagnosis, whatever became of it."""

_BANDS: Final[Mapping[str, str]] = {band.id: band.label for band in (*RULESET.bands, *RULESET.express.bands)}


def history(state: DiagnosticFile) -> History:
    """Everything of one company, newest first."""
    first = state.completed[0] if state.completed else None
    return {
        "siren": state.siren,
        "name": state.company.name if state.company else None,
        "drafts": [_draft(state.siren, draft) for draft in state.drafts],
        "diagnostics": [_completed(done) for done in reversed(state.completed)],
        "express": [_express(done) for done in reversed(state.express)],
        "remeasures": [
            {"stage": window.stage, "opens": window.opens, "closes": window.closes}
            for window in (windows(first.completed_at) if first else ())
        ],
    }


def detail(state: DiagnosticFile, diagnostic_id: str) -> Detail | None:
    """One diagnosis with its answers, the score of each question and every measure it calls for; None if unknown."""
    for draft in state.drafts:
        if draft.diagnostic_id == diagnostic_id:
            moved = in_force(draft)
            answers = {} if moved is None else write(FORMS[moved.kind], moved.sheet)
            return {**_draft(state.siren, draft), "answers": answers}
    for done in state.completed:
        if done.diagnostic_id == diagnostic_id:
            return _answered(done)
    for done in state.express:
        if done.diagnostic_id == diagnostic_id:
            form = form_of(done.referential, done.kind)
            return {**_express(done), "answers": None if form is None else write(form, done.sheet)}
    return None


def _answered(done: Completed) -> CompletedDetail:
    """A full diagnosis, its answers and what follows from them, read with the form that it was filled in by.

    The score of each question and every measure called for are worked out by the form in force; of an older one its
    answers are shown, its result and its plan stand as they were told.
    """
    form = form_of(done.referential, done.kind)
    if form is not COMPLET:
        return {
            **_completed(done),
            "questions": None,
            "answers": None if form is None else write(form, done.sheet),
            "unknown_items": () if form is None else unknown_items(form, done.sheet),
            "measures": shown(measures_of(done.plan)),
        }
    return {
        **_completed(done),
        "questions": {name: one_decimal(value) for name, value in score(done.sheet).questions.items()},
        "answers": write(COMPLET, done.sheet),
        "unknown_items": unknown_items(COMPLET, done.sheet),
        "measures": shown(triggered(calls_of(done.sheet))),
    }


def _draft(siren: str, draft: Draft) -> DraftView:
    moved = in_force(draft)
    if moved is None:
        return _opened(draft, "clos", (), closing(draft))
    saved = draft_saved(siren, moved, "" if moved is draft else MOVED)
    return _opened(draft, "brouillon", saved.missing, saved.notice)


def _opened(draft: Draft, status: DraftStatus, lacking: tuple[str, ...], notice: str) -> DraftView:
    """A draft; one that is closed is never complete."""
    return {
        "diagnostic_id": draft.diagnostic_id,
        "kind": draft.kind,
        "status": status,
        "stage": draft.stage,
        "started_at": draft.started_at,
        "saved_at": draft.saved_at,
        "complete": status == "brouillon" and not lacking,
        "missing": lacking,
        "notice": notice,
    }


def _completed(done: Completed) -> CompletedView:
    return {
        "diagnostic_id": done.diagnostic_id,
        "kind": done.kind,
        "status": "soumis",
        "stage": done.stage,
        "referential": done.referential,
        "completed_at": done.completed_at,
        "valid_until": valid_until(done.completed_at),
        "global_score": one_decimal(done.global_score),
        "band": {"id": done.band, "label": _BANDS[done.band]},
        "scores": [
            {"id": name, "label": _axes(done).get(name, name), "score": one_decimal(value)}
            for name, value in done.scores.items()
        ],
        "gaps": [{"id": gap, "label": RULESET.gaps.labels.get(gap, gap)} for gap in done.gaps],
        "plan": shown(measures_of(done.plan)),
        "benchmark": {"taille": done.cell.size, "section": done.cell.section, "region": done.cell.region},
    }


def _axes(done: Completed) -> dict[str, str]:
    """The dimensions of the form that a diagnosis was filled in by: code → label."""
    form = form_of(done.referential, done.kind) or COMPLET
    return {dimension.id: dimension.label for dimension in form.dimensions}


def _express(done: Express) -> ExpressView:
    return {
        "diagnostic_id": done.diagnostic_id,
        "kind": done.kind,
        "status": "soumis",
        "referential": done.referential,
        "completed_at": done.completed_at,
        "points": done.points,
        "band": {"id": done.band, "label": _BANDS[done.band]},
        "basic": done.basic,
    }
