"""Submission: answers are read, scored and frozen; the world is told, the benchmark moved."""

from collections.abc import Mapping
from datetime import datetime

from msgspec.structs import replace

from common.declare.decision import Cancel, Decision, Refusal
from common.declare.message import Message
from common.declare.pool import Pools
from diagnostic.diagnostics.answers import (
    UNKNOWN_COMPANY,
    UNKNOWN_DIAGNOSTIC,
    DiagnosticScored,
    ExpressScored,
    closed,
    frozen,
    scored,
    unknown_kind,
    wrong_answers,
)
from diagnostic.diagnostics.drafts import in_force
from diagnostic.diagnostics.inputs import SubmitDiagnostic
from diagnostic.diagnostics.model import (
    BenchmarkChange,
    Completed,
    DiagnosticFile,
    Draft,
    Express,
    expiry_name,
    found,
)
from diagnostic.diagnostics.stage import stage_of, valid_until
from diagnostic.events import Company, DiagnosticCompleted, ExpressDiagnosticCompleted
from diagnostic.measures.plan import calls_of, packed, plan, spend_categories
from diagnostic.questionnaire.forms import COMPLET, EXPRESS, FORMS, Questionnaire
from diagnostic.questionnaire.reading import read_whole
from diagnostic.questionnaire.sheet import blank, derived_id, unknown_items
from diagnostic.ruleset import RULESET
from diagnostic.scoring.express import score_express
from diagnostic.scoring.peers import cell_of
from diagnostic.scoring.scores import score
from france.days import paris_day


def submit(state: DiagnosticFile, _: Pools, message: Message[SubmitDiagnostic]) -> Decision[DiagnosticFile]:
    """Freeze and score a draft, or a whole diagnosis in one go; the same submission again gets the same answer."""
    item, now = message.input, message.time
    origin = found(state, item.diagnostic_id)
    form = FORMS.get(item.kind if origin is None else origin.kind)
    company = state.company
    if company is None or form is None or (origin is None and not item.answers):
        return Decision(state, answer=_impossible(state, item))
    if origin is not None and not isinstance(origin, Draft):
        return Decision(state, answer=_again(state.siren, form, origin, item.answers))
    draft = None if origin is None else in_force(origin)
    if origin is not None and draft is None:
        return Decision(state, answer=closed(origin))
    sheet, faults = read_whole(form, item.answers, blank(form) if draft is None else draft.sheet)
    if faults:
        return Decision(state, answer=wrong_answers(faults))
    diagnostic_id = item.diagnostic_id or derived_id(state.siren, sheet, paris_day(now))
    done = None if item.diagnostic_id else found(state, diagnostic_id)
    if done is not None:
        return Decision(state, answer=_same(state.siren, done, sheet))
    finish = _complete if form is COMPLET else _complete_express
    decision = finish(state, company, diagnostic_id, sheet, now)
    return decision if origin is None else _close(decision, origin)


def _impossible(state: DiagnosticFile, item: SubmitDiagnostic) -> Refusal:
    """Why nothing can be submitted: of whom, of which diagnosis, of what kind."""
    if state.company is None:
        return UNKNOWN_COMPANY
    return unknown_kind(item.kind) if item.answers else UNKNOWN_DIAGNOSTIC


def _again(
    siren: str, form: Questionnaire, done: Completed | Express, answers: Mapping[str, object]
) -> DiagnosticScored | ExpressScored | Refusal:
    """A diagnosis that is submitted, submitted again: the same answers get the same result, others cannot be taken."""
    if not answers:
        return scored(siren, done)
    if done.referential != form.reference:
        return frozen(done.diagnostic_id)
    sheet, faults = read_whole(form, answers, done.sheet)
    if faults:
        return wrong_answers(faults)
    return _same(siren, done, sheet)


def _same(siren: str, done: Draft | Completed | Express, sheet: str) -> DiagnosticScored | ExpressScored | Refusal:
    """The result of a diagnosis that is submitted with this very sheet."""
    if isinstance(done, Draft) or done.sheet != sheet:
        return frozen(done.diagnostic_id)
    return scored(siren, done)


def _complete(
    state: DiagnosticFile, company: Company, diagnostic_id: str, sheet: str, now: datetime
) -> Decision[DiagnosticFile]:
    """Score a full form, freeze it, and move the company in the benchmark from its last result to this one."""
    result = score(sheet)
    calls = calls_of(sheet)
    steps = plan(calls, result.parts)
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
        ruleset_version=RULESET.ruleset_version,
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
        valid_until=valid_until(now),
        company_version=state.company_version,
        called_measures=packed(calls),
    )
    rows = (BenchmarkChange(done.cell, 1, done.global_score),)
    if state.completed:
        last = state.completed[-1]
        rows = (BenchmarkChange(last.cell, -1, last.global_score), *rows)
    completed = (*state.completed, done)
    kept = DiagnosticFile(state.siren, company, state.drafts, completed, state.express, state.company_version)
    return Decision(kept, (event,), rows=rows, answer=scored(state.siren, done))


def _complete_express(
    state: DiagnosticFile, company: Company, diagnostic_id: str, sheet: str, now: datetime
) -> Decision[DiagnosticFile]:
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
    return Decision(kept, (event,), answer=scored(state.siren, done))


def _close(decision: Decision[DiagnosticFile], draft: Draft) -> Decision[DiagnosticFile]:
    """Take a submitted draft off the state, with its deadline."""
    drafts = tuple([other for other in decision.state.drafts if other is not draft])
    cancel = Cancel(expiry_name(draft))
    kept = replace(decision.state, drafts=drafts)
    return Decision(kept, decision.events, rows=decision.rows, deadlines=(cancel,), answer=decision.answer)
