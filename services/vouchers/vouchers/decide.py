"""The rules of the service, pure: what others tell is remembered here, the life of a file is in `rules/`."""

from typing import Any

from msgspec.structs import replace

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
from vouchers.model import Applicant, Diagnostic, Envelopes, Profile
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
            outcome = Decision(_described(state, message, event), shared)
        case LabelGranted() as event:
            outcome = Decision(_labelled(state, event), shared)
        case ApplyForVoucher() as command:
            outcome = deposit(Desk.of(state, shared, message), command)
        case GrantVoucher() as command:
            outcome = grant_file(Desk.of(state, shared, message), command)
        case RefuseVoucher() as command:
            outcome = refuse_file(Desk.of(state, shared, message), command)
        case WithdrawVoucher() as command:
            outcome = withdraw_file(Desk.of(state, shared, message), command)
        case OfferRelease() as command:
            outcome = offer_release(Desk.of(state, shared, message), command)
        case ReservationDue() as deadline:
            outcome = expire_file(Desk.of(state, shared, message), deadline)
        case other:
            raise TypeError(f"vouchers cannot decide {type(other).__name__}")
    return outcome


def _diagnosed(state: Applicant, message: Message[Any], event: DiagnosticCompleted) -> Applicant:
    """Remember the last full diagnosis and the company it describes; an express one never gives a chèque."""
    if event.kind != "complet":
        return state
    profile, diagnostic = _newest(state.profile, message, event.company), state.diagnostic
    if diagnostic is None or (diagnostic.id != event.diagnostic_id and diagnostic.completed_at <= event.completed_at):
        diagnostic = Diagnostic(event.diagnostic_id, event.completed_at, event.measures)
    if profile is state.profile and diagnostic is state.diagnostic:
        return state
    return Applicant(state.siren, profile, diagnostic, state.labelled_until, state.files)


def _described(state: Applicant, message: Message[Any], event: CompanyProfileUpdated) -> Applicant:
    """Remember what the company is now."""
    profile = _newest(state.profile, message, event.company)
    return state if profile is state.profile else replace(state, profile=profile)


def _newest(known: Profile | None, message: Message[Any], company: Company) -> Profile:
    """The newest description of a company; two services tell it, so the time of the fact decides."""
    if known is not None and (
        known.known_at > message.time
        or (company.naf, company.region, company.created_on, company.active, company.sme_category)
        == (known.naf, known.region, known.created_on, known.active, known.sme_category)
    ):
        return known
    return Profile(company.naf, company.region, company.created_on, company.active, company.sme_category, message.time)


def _labelled(state: Applicant, event: LabelGranted) -> Applicant:
    """Remember how long the label lasts."""
    until = state.labelled_until
    if until is not None and until >= event.expires_at:
        return state
    return replace(state, labelled_until=event.expires_at)
