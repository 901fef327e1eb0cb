"""What is known of a company: its last full diagnosis, its profile."""

from msgspec.structs import replace

from common.declare.decision import Decision
from common.declare.message import Message
from common.declare.pool import Pools
from labels.applications.inputs import CompanyProfileUpdated, DiagnosticCompleted
from labels.applications.model import Diagnosis, LabelFile


def diagnosed(file: LabelFile, _: Pools, message: Message[DiagnosticCompleted]) -> Decision[LabelFile]:
    """Keep the last full diagnosis; an express one never leads to a label."""
    completed, known = message.input, file.diagnosis
    if completed.kind != "complet" or (known is not None and completed.completed_at <= known.completed_at):
        return Decision(file)
    first, second = file.first_global, file.second_global
    if completed.stage == "T0" and first is None:
        first = completed.global_score
    elif completed.stage == "T1":
        second = completed.global_score
    diagnosis = Diagnosis(completed.diagnostic_id, completed.completed_at, completed.scores, completed.global_score)
    company = file.company if file.profile_version else completed.company
    return Decision(
        LabelFile(file.siren, company, file.profile_version, diagnosis, first, second, file.application, file.label)
    )


def profile_updated(file: LabelFile, _: Pools, message: Message[CompanyProfileUpdated]) -> Decision[LabelFile]:
    """Keep the newest profile: it outranks the snapshot that a diagnosis carries."""
    updated = message.input
    if updated.version <= file.profile_version:
        return Decision(file)
    return Decision(replace(file, company=updated.company, profile_version=updated.version))
