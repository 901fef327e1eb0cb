"""What happens on each input: pure. A company is snapshotted, a draft is opened, saved, submitted or forgotten."""

from datetime import datetime
from hashlib import sha1
from typing import Final, TypeAlias

from msgspec.structs import replace

from common.decision import Cancel, Decision, Rejection, Schedule
from common.event import derive_id
from common.message import Message
from diagnostic.events import DiagnosticCompleted, DiagnosticStarted, ExpressDiagnosticCompleted
from diagnostic.inputs import (
    CompanyProfileUpdated,
    CompanyRegistered,
    DiscardDraft,
    SaveAnswers,
    StartDiagnostic,
    SubmitDiagnostic,
)
from diagnostic.model import BenchmarkChange, Company, Completed, DiagnosticFile, Draft, Express
from diagnostic.rules.answer import (
    UNKNOWN_COMPANY,
    UNKNOWN_DIAGNOSTIC,
    already_open,
    already_used,
    draft_saved,
    frozen,
    scored,
    unknown_kind,
    wrong_answers,
)
from diagnostic.rules.cell import cell_of
from diagnostic.rules.express import prefill, score_express
from diagnostic.rules.measures import calls_of, plan, spend_categories
from diagnostic.rules.questionnaire import COMPLET, EXPRESS, FORMS
from diagnostic.rules.reading import read, read_whole
from diagnostic.rules.ruleset import RULES
from diagnostic.rules.scoring import score
from diagnostic.rules.sheet import blank, unknown_items
from diagnostic.rules.stage import FREE, stage_of
from france.days import add_months, paris_day

Outcome: TypeAlias = Decision[DiagnosticFile, None]

DRAFT_ID: Final = 1000
"""Index under which the id of a draft derives from its command: clear of those of events."""


def decide(state: DiagnosticFile, shared: None, message: Message[object]) -> Outcome:  # noqa: ARG001  nothing is shared
    """Decide one input. Total over what `service.py` declares; asking the same thing twice changes nothing."""
    item = message.input
    match item:
        case SubmitDiagnostic():
            return _submit(state, item, message.time)
        case CompanyRegistered() | CompanyProfileUpdated():
            return _know_company(state, item.company)
        case SaveAnswers():
            return _save(state, item, message.time)
        case StartDiagnostic():
            return _start(state, item, message)
        case DiscardDraft():
            return _discard(state, item, message.time)
        case _:
            raise TypeError(f"diagnostic does not decide {type(item).__name__}")


def _know_company(state: DiagnosticFile, company: Company) -> Outcome:
    if company == state.company:
        return Decision(state, None)
    return Decision(replace(state, company=company), None)


# --- drafts ----------------------------------------------------------------------------------------------------------


def _start(state: DiagnosticFile, item: StartDiagnostic, message: Message[object]) -> Outcome:
    form = FORMS.get(item.kind)
    if state.company is None:
        return _refuse(state, UNKNOWN_COMPANY)
    if form is None:
        return _refuse(state, unknown_kind(item.kind))
    for draft in state.drafts:
        if draft.kind == item.kind:
            same = item.diagnostic_id in {"", draft.diagnostic_id}
            return Decision(state, None, answer=draft_saved(state.siren, draft) if same else already_open(draft))
    if _find(state, item.diagnostic_id) is not None:
        return _refuse(state, already_used(item.diagnostic_id))
    diagnostic_id = item.diagnostic_id or str(derive_id(message.id, DRAFT_ID))
    stage = stage_of(state.completed, message.time) if form is COMPLET else FREE
    sheet = blank(form)
    if form is COMPLET and state.express:
        sheet = prefill(state.express[-1].sheet, sheet)
    draft = Draft(diagnostic_id, form.id, stage, message.time, message.time, sheet)
    started = DiagnosticStarted(state.siren, diagnostic_id, form.id, stage, form.reference, state.company.region)
    return Decision(
        replace(state, drafts=(*state.drafts, draft)),
        None,
        events=(started,),
        deadlines=(_expiry(draft),),
        answer=draft_saved(state.siren, draft),
    )


def _save(state: DiagnosticFile, item: SaveAnswers, now: datetime) -> Outcome:
    draft = _find(state, item.diagnostic_id)
    if draft is None:
        return _refuse(state, UNKNOWN_COMPANY if state.company is None else UNKNOWN_DIAGNOSTIC)
    if not isinstance(draft, Draft):
        return _refuse(state, frozen(item.diagnostic_id))
    sheet, faults = read(FORMS[draft.kind], item.answers, draft.sheet)
    if faults:
        return _refuse(state, wrong_answers(faults))
    if sheet == draft.sheet:
        return Decision(state, None, answer=draft_saved(state.siren, draft))
    saved = replace(draft, sheet=sheet, saved_at=now)
    drafts = tuple(saved if other is draft else other for other in state.drafts)
    return Decision(replace(state, drafts=drafts), None, answer=draft_saved(state.siren, saved))


def _discard(state: DiagnosticFile, item: DiscardDraft, now: datetime) -> Outcome:
    draft = _find(state, item.diagnostic_id)
    if not isinstance(draft, Draft):
        return Decision(state, None)
    expiry = _expiry(draft)
    if expiry.due > now:
        return Decision(state, None, deadlines=(expiry,))
    return Decision(replace(state, drafts=tuple(other for other in state.drafts if other is not draft)), None)


def _expiry(draft: Draft) -> Schedule:
    """When a draft is forgotten unless it is touched again; looked at again at that time."""
    day = add_months(draft.saved_at.date(), RULES.drafts.kept_months)
    due = draft.saved_at.replace(year=day.year, month=day.month, day=day.day)
    return Schedule(f"draft:{draft.diagnostic_id}", due, DiscardDraft(draft.diagnostic_id))


# --- submission ------------------------------------------------------------------------------------------------------


def _submit(state: DiagnosticFile, item: SubmitDiagnostic, now: datetime) -> Outcome:
    company = state.company
    if company is None:
        return _refuse(state, UNKNOWN_COMPANY)
    origin = _find(state, item.diagnostic_id) if item.diagnostic_id else None
    if origin is None and not item.answers:
        return _refuse(state, UNKNOWN_DIAGNOSTIC)
    kind = item.kind if origin is None else origin.kind
    form = FORMS.get(kind)
    if form is None:
        return _refuse(state, unknown_kind(kind))
    sheet, faults = read_whole(form, item.answers, blank(form) if origin is None else origin.sheet)
    if faults:
        return _refuse(state, wrong_answers(faults))
    if origin is None and not item.diagnostic_id:
        diagnostic_id = _derived_id(state.siren, sheet, now)
        origin = _find(state, diagnostic_id)
    else:
        diagnostic_id = item.diagnostic_id
    if origin is not None and not isinstance(origin, Draft):
        return Decision(
            state, None, answer=scored(state.siren, origin) if origin.sheet == sheet else frozen(diagnostic_id)
        )
    finish = _complete if form is COMPLET else _complete_express
    decision = finish(state, company, diagnostic_id, sheet, now)
    return decision if origin is None else _close(decision, origin)


def _complete(state: DiagnosticFile, company: Company, diagnostic_id: str, sheet: str, now: datetime) -> Outcome:
    """Score a full form, freeze it, and move the company in the benchmark from its last result to this one."""
    result = score(sheet)
    calls = calls_of(sheet)
    steps = plan(calls, result.scores)
    done = Completed(
        diagnostic_id=diagnostic_id,
        stage=stage_of(state.completed, now),
        referential=COMPLET.reference,
        completed_at=now,
        sheet=sheet,
        scores=result.scores,
        global_score=result.global_score,
        band=result.band,
        gaps=result.gaps,
        plan=tuple([step.measure.id for step in steps]),
        cell=cell_of(company),
    )
    event = DiagnosticCompleted(
        siren=state.siren,
        diagnostic_id=diagnostic_id,
        kind="complet",
        stage=done.stage,
        referential=done.referential,
        ruleset_version=RULES.ruleset_version,
        completed_at=now,
        scores=result.scores,
        global_score=result.global_score,
        band=result.band,
        gaps=result.gaps,
        measures=tuple([step.measure for step in steps]),
        spend_categories=spend_categories(calls),
        unknown_items=unknown_items(COMPLET, sheet),
        company=company,
        region=company.region,
    )
    rows = (BenchmarkChange(done.cell, 1, done.global_score),)
    if state.completed:
        last = state.completed[-1]
        rows = (BenchmarkChange(last.cell, -1, last.global_score), *rows)
    kept = DiagnosticFile(state.siren, company, state.drafts, (*state.completed, done), state.express)
    return Decision(kept, None, events=(event,), rows=rows, answer=scored(state.siren, done))


def _complete_express(
    state: DiagnosticFile, company: Company, diagnostic_id: str, sheet: str, now: datetime
) -> Outcome:
    """Count the points of an express form and freeze it."""
    result = score_express(sheet)
    done = Express(diagnostic_id, EXPRESS.reference, now, sheet, *result)
    event = ExpressDiagnosticCompleted(
        siren=state.siren,
        diagnostic_id=diagnostic_id,
        referential=done.referential,
        completed_at=now,
        points=done.points,
        band=done.band,
        basic=done.basic,
        region=company.region,
    )
    kept = replace(state, express=(*state.express, done))
    return Decision(kept, None, events=(event,), answer=scored(state.siren, done))


def _close(decision: Outcome, draft: Draft) -> Outcome:
    """Take a submitted draft off the state, with its deadline."""
    drafts = tuple([other for other in decision.state.drafts if other is not draft])
    cancel = Cancel(f"draft:{draft.diagnostic_id}")
    kept = replace(decision.state, drafts=drafts)
    return Decision(kept, None, decision.events, decision.rows, (cancel,), decision.answer)


def _derived_id(siren: str, sheet: str, now: datetime) -> str:
    """The id of a diagnosis whose client chose none: the same answers on the same day are the same diagnosis."""
    name = f"{siren}/{paris_day(now)}/{sheet}"
    digest = sha1(name.encode("ascii"), usedforsecurity=False).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"


# --- small helps -----------------------------------------------------------------------------------------------------


def _refuse(state: DiagnosticFile, why: Rejection) -> Outcome:
    return Decision(state, None, answer=why)


def _find(state: DiagnosticFile, diagnostic_id: str) -> Draft | Completed | Express | None:
    """The diagnosis of this id, whatever became of it."""
    for found in (*state.drafts, *state.completed, *state.express):
        if found.diagnostic_id == diagnostic_id:
            return found
    return None
