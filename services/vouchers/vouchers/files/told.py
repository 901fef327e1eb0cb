"""What other services tell of a company, remembered for its files."""

from msgspec.structs import replace

from common.declare.copies import supersedes
from common.declare.decision import Decision
from common.declare.message import Message
from common.declare.pool import Pools
from vouchers.eligibility.facts import Diagnostic, Profile
from vouchers.eligibility.measures import REFERENTIALS
from vouchers.files.inputs import Company, CompanyProfileUpdated, DiagnosticCompleted, LabelGranted
from vouchers.files.model import Applicant


def diagnosed(state: Applicant, _: Pools, message: Message[DiagnosticCompleted]) -> Decision[Applicant]:
    """Remember the last full diagnosis and the company it describes; an express one never gives a chèque."""
    event = message.input
    if event.kind != "complet":
        return Decision(state)
    profile, known = _newest(state.profile, event.company, event.company_version), state.diagnostic
    diagnostic = known
    if known is None or supersedes(event.completed_at, known.completed_at, same=known.id == event.diagnostic_id):
        diagnostic = _remembered(event)
    if profile is state.profile and diagnostic is state.diagnostic:
        return Decision(state)
    return Decision(Applicant(state.siren, profile, diagnostic, state.labelled_until, state.files))


def described(state: Applicant, _: Pools, message: Message[CompanyProfileUpdated]) -> Decision[Applicant]:
    """Remember what the company is now."""
    profile = _newest(state.profile, message.input.company, message.input.version)
    return Decision(state if profile is state.profile else replace(state, profile=profile))


def labelled(state: Applicant, _: Pools, message: Message[LabelGranted]) -> Decision[Applicant]:
    """Remember how long the label lasts."""
    until, expires_at = state.labelled_until, message.input.expires_at
    if until is not None and until >= expires_at:
        return Decision(state)
    return Decision(replace(state, labelled_until=expires_at))


def _remembered(event: DiagnosticCompleted) -> Diagnostic:
    """What files need of a diagnosis: all it calls for where its referential is known, else its plan and categories."""
    if event.called_measures and event.referential in REFERENTIALS:
        called = event.called_measures
        return Diagnostic(event.diagnostic_id, event.completed_at, (), (), event.referential, called)
    return Diagnostic(event.diagnostic_id, event.completed_at, event.measures, event.spend_categories)


def _newest(known: Profile | None, company: Company, version: int) -> Profile:
    """The newest description of a company: two services tell it, its version decides."""
    told = Profile(company.naf, company.region, company.created_on, company.active, company.sme_category, version)
    return told if known is None or supersedes(version, known.version, same=told == known) else known
