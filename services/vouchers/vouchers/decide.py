"""The rules of the service, pure: what others tell is remembered here, the life of a file is in `rules/`."""

from dataclasses import replace
from typing import Any

from common.decision import Decision
from common.message import Message
from vouchers.inputs import (
    ApplyForVoucher,
    Company,
    CompanyProfileUpdated,
    DiagnosticCompleted,
    GrantVoucher,
    LabelGranted,
    OfferRelease,
    RefuseVoucher,
    ReservationDue,
    WithdrawVoucher,
)
from vouchers.model import Applicant, Diagnostic, Envelopes, Measure, Profile
from vouchers.rules.deposit import deposit
from vouchers.rules.desk import Desk, Outcome
from vouchers.rules.instruction import expire_file, grant_file, offer_release, refuse_file, withdraw_file


def decide(state: Applicant, shared: Envelopes, message: Message[Any]) -> Outcome:
    """The next state of a company and of the envelopes, and what the world is told."""
    outcome: Outcome
    match message.input:
        case DiagnosticCompleted() as event:
            outcome = Decision(_diagnosed(state, message, event), shared)
        case CompanyProfileUpdated() as event:
            outcome = Decision(_described(state, message, event.company), shared)
        case LabelGranted() as event:
            outcome = Decision(_labelled(state, event), shared)
        case ApplyForVoucher() as command:
            outcome = deposit(Desk(state, shared, message), command)
        case GrantVoucher() as command:
            outcome = grant_file(Desk(state, shared, message), command)
        case RefuseVoucher() as command:
            outcome = refuse_file(Desk(state, shared, message), command)
        case WithdrawVoucher() as command:
            outcome = withdraw_file(Desk(state, shared, message), command)
        case OfferRelease() as command:
            outcome = offer_release(Desk(state, shared, message), command)
        case ReservationDue() as deadline:
            outcome = expire_file(Desk(state, shared, message), deadline)
        case other:
            raise TypeError(f"vouchers cannot decide {type(other).__name__}")
    return outcome


def _diagnosed(state: Applicant, message: Message[Any], event: DiagnosticCompleted) -> Applicant:
    """Remember the last full diagnosis and the company it describes; an express one never gives a chèque."""
    if event.kind != "complet":
        return state
    state = _described(state, message, event.company)
    known = state.diagnostic
    if known is not None and (known.id == event.diagnostic_id or known.completed_at > event.completed_at):
        return state
    measures = tuple(Measure(measure.id, measure.spend_categories) for measure in event.measures)
    return replace(state, diagnostic=Diagnostic(event.diagnostic_id, event.completed_at, measures))


def _described(state: Applicant, message: Message[Any], company: Company) -> Applicant:
    """Remember the newest description of the company; two services tell it, so the time of the fact decides."""
    known = state.profile
    told = (company.naf, company.region, company.created_on, company.active, company.sme_category)
    if known is not None and (
        known.known_at > message.time
        or told == (known.naf, known.region, known.created_on, known.active, known.sme_category)
    ):
        return state
    return replace(state, profile=Profile(*told, message.time))


def _labelled(state: Applicant, event: LabelGranted) -> Applicant:
    """Remember how long the label lasts."""
    until = state.labelled_until
    if until is not None and until >= event.expires_at:
        return state
    return replace(state, labelled_until=event.expires_at)
