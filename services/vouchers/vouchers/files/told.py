"""What other services tell of a company, remembered for its files."""

from datetime import datetime

from msgspec.structs import replace

from common.declare.decision import Decision
from common.declare.message import Message
from common.declare.pool import Pools
from vouchers.eligibility.facts import Diagnostic, Profile
from vouchers.files.inputs import Company, CompanyProfileUpdated, DiagnosticCompleted, LabelGranted
from vouchers.files.model import Applicant


def diagnosed(state: Applicant, _: Pools, message: Message[DiagnosticCompleted]) -> Decision[Applicant]:
    """Remember the last full diagnosis and the company it describes; an express one never gives a chèque."""
    event = message.input
    if event.kind != "complet":
        return Decision(state)
    profile, diagnostic = _newest(state.profile, message.time, event.company), state.diagnostic
    if diagnostic is None or (diagnostic.id != event.diagnostic_id and diagnostic.completed_at <= event.completed_at):
        diagnostic = Diagnostic(event.diagnostic_id, event.completed_at, event.measures)
    if profile is state.profile and diagnostic is state.diagnostic:
        return Decision(state)
    return Decision(Applicant(state.siren, profile, diagnostic, state.labelled_until, state.files))


def described(state: Applicant, _: Pools, message: Message[CompanyProfileUpdated]) -> Decision[Applicant]:
    """Remember what the company is now."""
    profile = _newest(state.profile, message.time, message.input.company)
    return Decision(state if profile is state.profile else replace(state, profile=profile))


def labelled(state: Applicant, _: Pools, message: Message[LabelGranted]) -> Decision[Applicant]:
    """Remember how long the label lasts."""
    until, expires_at = state.labelled_until, message.input.expires_at
    if until is not None and until >= expires_at:
        return Decision(state)
    return Decision(replace(state, labelled_until=expires_at))


def _newest(known: Profile | None, told_at: datetime, company: Company) -> Profile:
    """The newest description of a company; two services tell it, so the time of the fact decides."""
    if known is not None and (
        known.known_at > told_at
        or (company.naf, company.region, company.created_on, company.active, company.sme_category)
        == (known.naf, known.region, known.created_on, known.active, known.sme_category)
    ):
        return known
    return Profile(company.naf, company.region, company.created_on, company.active, company.sme_category, told_at)
