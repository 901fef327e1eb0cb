"""What this service reads: events of companies, commands of directors, deadlines."""

from typing import Any, ClassVar

from msgspec import field

from common.declare.inputs import Command, Consumed, Deadline
from diagnostic.events import Company


class CompanyRegistered(Consumed, frozen=True):
    """A company is known to companies: version 1 of its snapshot."""

    version: ClassVar[int] = 1

    siren: str
    company: Company


class CompanyProfileUpdated(Consumed, frozen=True):
    """The snapshot of a company changed; `version` grows with every change."""

    siren: str
    company: Company
    version: int


class StartDiagnostic(Command, frozen=True):
    """Open a draft, or take up the one that is open.

    Attributes:
        siren: the company.
        kind: `complet` or `express`.
        diagnostic_id: UUID chosen by the client; "" to take up the open draft or let us derive one.
    """

    siren: str
    kind: str = "complet"
    diagnostic_id: str = ""


class SaveAnswers(Command, frozen=True):
    """Autosave. Each question given replaces its answer, null clears it, the others stay."""

    siren: str
    diagnostic_id: str
    answers: dict[str, Any]


class SubmitDiagnostic(Command, frozen=True):
    """Freeze and score a draft, or a whole diagnosis in one go.

    Attributes:
        siren: the company.
        diagnostic_id: the draft, or a UUID chosen by the client; "" to derive one from the answers and the day.
        kind: `complet` or `express`; an open draft of that id keeps its own.
        answers: question id → answer; laid over the draft's.
    """

    siren: str
    diagnostic_id: str = ""
    kind: str = "complet"
    answers: dict[str, Any] = field(default_factory=dict[str, Any])


class DiscardDraft(Deadline, frozen=True):
    """Forget a draft that nobody touched for months."""

    diagnostic_id: str
