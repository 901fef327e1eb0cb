"""Drafts: opened, saved bit by bit, forgotten when nobody touches them."""

from typing import Final

from msgspec.structs import replace

from common.declare.decision import Cancel, Decision, Schedule
from common.declare.event import derive_id
from common.declare.message import Message
from common.declare.pool import NO_POOLS, Pools
from diagnostic.diagnostics.answers import (
    MOVED,
    UNKNOWN_COMPANY,
    UNKNOWN_DIAGNOSTIC,
    DraftSaved,
    already_open,
    already_used,
    closed,
    closing,
    draft_saved,
    frozen,
    unknown_kind,
    wrong_answers,
)
from diagnostic.diagnostics.inputs import DiscardDraft, SaveAnswers, StartDiagnostic
from diagnostic.diagnostics.model import DiagnosticFile, Draft, Express, expiry_name, found
from diagnostic.diagnostics.stage import FREE, stage_of
from diagnostic.events import DiagnosticStarted
from diagnostic.questionnaire.forms import COMPLET, EXPRESS, FORMS
from diagnostic.questionnaire.reading import read
from diagnostic.questionnaire.sheet import blank
from diagnostic.questionnaire.versions import carried, form_of
from diagnostic.ruleset import RULESET
from diagnostic.scoring.express import prefill
from france.days import add_months

DRAFT_ID: Final = 1000
"""Index under which the id of a draft derives from its command: clear of those of events."""


def start(state: DiagnosticFile, _: Pools, message: Message[StartDiagnostic]) -> Decision[DiagnosticFile]:
    """Open a draft, or take up the one of its kind that is open; a full one is prefilled from the last express form."""
    item = message.input
    form = FORMS.get(item.kind)
    if state.company is None or form is None:
        return Decision(state, answer=UNKNOWN_COMPANY if state.company is None else unknown_kind(item.kind))
    for draft in state.drafts:
        if draft.kind == item.kind:
            return _taken_up(state, draft, message)
    if found(state, item.diagnostic_id) is not None:
        return Decision(state, answer=already_used(item.diagnostic_id))
    diagnostic_id = item.diagnostic_id or str(derive_id(message.id, DRAFT_ID))
    stage = stage_of(state.completed, message.time) if form is COMPLET else FREE
    sheet = blank(form)
    if form is COMPLET and state.express:
        sheet = _prefilled(state.express[-1], sheet)
    draft = Draft(diagnostic_id, form.id, stage, message.time, message.time, sheet, form.reference)
    started = DiagnosticStarted(
        siren=state.siren,
        diagnostic_id=diagnostic_id,
        kind=form.id,
        stage=stage,
        referential=form.reference,
        region=state.company.region,
    )
    return Decision(
        replace(state, drafts=(*state.drafts, draft)),
        (started,),
        deadlines=(_expiry(draft),),
        answer=draft_saved(state.siren, draft),
    )


def save(state: DiagnosticFile, _: Pools, message: Message[SaveAnswers]) -> Decision[DiagnosticFile]:
    """Lay answers over a draft; one wrong answer and nothing is saved."""
    item = message.input
    draft = found(state, item.diagnostic_id)
    if draft is None:
        return Decision(state, answer=UNKNOWN_COMPANY if state.company is None else UNKNOWN_DIAGNOSTIC)
    if not isinstance(draft, Draft):
        return Decision(state, answer=frozen(item.diagnostic_id))
    moved = in_force(draft)
    if moved is None:
        return Decision(state, answer=closed(draft))
    notice = "" if moved is draft else MOVED
    sheet, faults = read(FORMS[draft.kind], item.answers, moved.sheet)
    if faults:
        return Decision(state, answer=wrong_answers(faults))
    if sheet == draft.sheet and moved is draft:
        return Decision(state, answer=draft_saved(state.siren, draft))
    saved = replace(moved, sheet=sheet, saved_at=message.time)
    return Decision(with_draft(state, draft, saved), answer=draft_saved(state.siren, saved, notice))


def in_force(draft: Draft) -> Draft | None:
    """The draft on the form in force, its answers carried item by item; None when its own form is not kept here."""
    form, before = FORMS[draft.kind], form_of(draft.referential, draft.kind)
    if before is None:
        return None
    if before.reference == form.reference:
        return draft
    return replace(draft, sheet=carried(before, draft.sheet, form), referential=form.reference)


def with_draft(state: DiagnosticFile, draft: Draft, after: Draft) -> DiagnosticFile:
    """The state with a draft in place of what it was."""
    if after is draft:
        return state
    return replace(state, drafts=tuple(after if other is draft else other for other in state.drafts))


def _taken_up(state: DiagnosticFile, draft: Draft, message: Message[StartDiagnostic]) -> Decision[DiagnosticFile]:
    """Go on with the draft that is open, on the form in force."""
    moved = in_force(draft)
    if moved is None:
        return _replaced(state, draft, message)
    if message.input.diagnostic_id not in {"", draft.diagnostic_id}:
        return Decision(state, answer=already_open(draft))
    notice = "" if moved is draft else MOVED
    return Decision(with_draft(state, draft, moved), answer=draft_saved(state.siren, moved, notice))


def _replaced(state: DiagnosticFile, draft: Draft, message: Message[StartDiagnostic]) -> Decision[DiagnosticFile]:
    """Close a draft that cannot go on, with the reason, and open another one."""
    left = replace(state, drafts=tuple(other for other in state.drafts if other is not draft))
    opened = start(left, NO_POOLS, message)
    if isinstance(opened.answer, DraftSaved):
        deadlines = (Cancel(expiry_name(draft)), *opened.deadlines)
        told = replace(opened.answer, notice=closing(draft))
        return Decision(opened.state, opened.events, deadlines=deadlines, answer=told)
    return Decision(state, answer=opened.answer)


def _prefilled(done: Express, sheet: str) -> str:
    """A full sheet with what an express form tells for sure, whatever version of it was filled in."""
    before = form_of(done.referential, "express")
    return sheet if before is None else prefill(carried(before, done.sheet, EXPRESS), sheet)


def discard(state: DiagnosticFile, _: Pools, message: Message[DiscardDraft]) -> Decision[DiagnosticFile]:
    """Forget a draft, or look again later if it was touched meanwhile; one that is gone needs nothing."""
    draft = found(state, message.input.diagnostic_id)
    if not isinstance(draft, Draft):
        return Decision(state)
    expiry = _expiry(draft)
    if expiry.due > message.time:
        return Decision(state, deadlines=(expiry,))
    return Decision(replace(state, drafts=tuple(other for other in state.drafts if other is not draft)))


def _expiry(draft: Draft) -> Schedule:
    """When a draft is forgotten unless it is touched again; looked at again at that time."""
    day = add_months(draft.saved_at.date(), RULESET.drafts.kept_months)
    due = draft.saved_at.replace(year=day.year, month=day.month, day=day.day)
    return Schedule(expiry_name(draft), due, DiscardDraft(draft.diagnostic_id))
