"""What is known of a company: its last full diagnosis, its profile."""

from msgspec.structs import replace

from common.declare.copies import supersedes
from common.declare.decision import Decision
from common.declare.message import Message
from common.declare.pool import Pools
from labels.applications.inputs import Company, CompanyProfileUpdated, DiagnosticCompleted
from labels.applications.model import Diagnosis, LabelFile


def diagnosed(file: LabelFile, _: Pools, message: Message[DiagnosticCompleted]) -> Decision[LabelFile]:
    """Keep the last full diagnosis, and the company it shows; an express one never leads to a label."""
    completed, known = message.input, file.diagnosis
    if completed.kind != "complet":
        return Decision(file)
    file = _newest(file, completed.company, completed.company_version)
    if known is not None:
        same = known.diagnostic_id == completed.diagnostic_id
        if not supersedes(completed.completed_at, known.completed_at, same=same):
            return Decision(file)
    first, second = file.first_global, file.second_global
    if completed.stage == "T0" and first is None:
        first = completed.global_score
    elif completed.stage == "T1":
        second = completed.global_score
    diagnosis = Diagnosis(completed.diagnostic_id, completed.completed_at, completed.scores, completed.global_score)
    return Decision(
        LabelFile(
            file.siren, file.company, file.profile_version, diagnosis, first, second, file.application, file.label
        )
    )


def profile_updated(file: LabelFile, _: Pools, message: Message[CompanyProfileUpdated]) -> Decision[LabelFile]:
    """Keep the newest profile."""
    return Decision(_newest(file, message.input.company, message.input.version))


def _newest(file: LabelFile, company: Company, version: int) -> LabelFile:
    """The file with the newest profile: two services tell it, its version decides."""
    if not supersedes(version, file.profile_version, same=company == file.company):
        return file
    return replace(file, company=company, profile_version=version)
