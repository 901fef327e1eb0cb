"""What companies tells of a company: its snapshot is kept, to be published again with each diagnosis."""

from msgspec.structs import replace

from common.declare.copies import supersedes
from common.declare.decision import Decision
from common.declare.message import Message
from common.declare.pool import Pools
from diagnostic.diagnostics.inputs import CompanyProfileUpdated, CompanyRegistered
from diagnostic.diagnostics.model import DiagnosticFile


def know_company(
    state: DiagnosticFile, _: Pools, message: Message[CompanyRegistered | CompanyProfileUpdated]
) -> Decision[DiagnosticFile]:
    """Keep the newest snapshot with its version; the same again changes nothing."""
    told = message.input
    if not supersedes(told.version, state.company_version, same=told.company == state.company):
        return Decision(state)
    return Decision(replace(state, company=told.company, company_version=told.version))
