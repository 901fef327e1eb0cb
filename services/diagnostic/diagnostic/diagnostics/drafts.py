"""Drafts: opened, saved bit by bit, forgotten when nobody touches them."""

from typing import Final

from msgspec.structs import replace

from common.declare.decision import Decision, Schedule
from common.declare.event import derive_id
from common.declare.message import Message
from common.declare.pool import Pools
from diagnostic.diagnostics.answers import (
    UNKNOWN_COMPANY,
    UNKNOWN_DIAGNOSTIC,
    already_open,
    already_used,
    draft_saved,
    frozen,
    unknown_kind,
    wrong_answers,
)
from diagnostic.diagnostics.inputs import DiscardDraft, SaveAnswers, StartDiagnostic
from diagnostic.diagnostics.model import DiagnosticFile, Draft, expiry_name, found
from diagnostic.diagnostics.stage import FREE, stage_of
from diagnostic.events import DiagnosticStarted
from diagnostic.questionnaire.forms import COMPLET, FORMS
from diagnostic.questionnaire.reading import read
from diagnostic.questionnaire.sheet import blank
from diagnostic.ruleset import RULESET
from diagnostic.scoring.express import prefill
from france.days import add_months

DRAFT_ID: Final = 1000
"""Index under which the id of a draft derives from its command: clear of those of events."""


def start(state: DiagnosticFile, _: Pools, message: Message[StartDiagnostic]) -> Decision[DiagnosticFile]:
    """Open a draft, or take up the one of its kind that is open; a full one is prefilled from the last express form."""
    item = message.input
    form = FORMS.get(item.kind)
    if state.company is None:
        return Decision(state, answer=UNKNOWN_COMPANY)
    if form is None:
        return Decision(state, answer=unknown_kind(item.kind))
    for draft in state.drafts:
        if draft.kind == item.kind:
            same = item.diagnostic_id in {"", draft.diagnostic_id}
            return Decision(state, answer=draft_saved(state.siren, draft) if same else already_open(draft))
    if found(state, item.diagnostic_id) is not None:
        return Decision(state, answer=already_used(item.diagnostic_id))
    diagnostic_id = item.diagnostic_id or str(derive_id(message.id, DRAFT_ID))
    stage = stage_of(state.completed, message.time) if form is COMPLET else FREE
    sheet = blank(form)
    if form is COMPLET and state.express:
        sheet = prefill(state.express[-1].sheet, sheet)
    draft = Draft(diagnostic_id, form.id, stage, message.time, message.time, sheet)
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
    sheet, faults = read(FORMS[draft.kind], item.answers, draft.sheet)
    if faults:
        return Decision(state, answer=wrong_answers(faults))
    if sheet == draft.sheet:
        return Decision(state, answer=draft_saved(state.siren, draft))
    saved = replace(draft, sheet=sheet, saved_at=message.time)
    drafts = tuple(saved if other is draft else other for other in state.drafts)
    return Decision(replace(state, drafts=drafts), answer=draft_saved(state.siren, saved))


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
