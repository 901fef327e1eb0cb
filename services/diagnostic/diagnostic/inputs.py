"""What this service reads: events of companies, commands of directors, deadlines."""

from dataclasses import dataclass, field
from typing import Any

from diagnostic.model import Company


@dataclass(frozen=True, slots=True)
class CompanyRegistered:
    """Event of companies: a company is known."""

    siren: str
    company: Company


@dataclass(frozen=True, slots=True)
class CompanyProfileUpdated:
    """Event of companies: its snapshot changed."""

    siren: str
    company: Company


@dataclass(frozen=True, slots=True)
class StartDiagnostic:
    """Command: open a draft, or take up the one that is open.

    Attributes:
        siren: the company.
        kind: `complet` or `express`.
        diagnostic_id: UUID chosen by the client; "" to take up the open draft or let us derive one.
    """

    siren: str
    kind: str = "complet"
    diagnostic_id: str = ""


@dataclass(frozen=True, slots=True)
class SaveAnswers:
    """Command: autosave. Each question given replaces its answer, null clears it, the others stay."""

    siren: str
    diagnostic_id: str
    answers: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SubmitDiagnostic:
    """Command: freeze and score a draft, or a whole diagnosis in one go.

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


@dataclass(frozen=True, slots=True)
class DiscardDraft:
    """Deadline: forget a draft that nobody touched for months."""

    diagnostic_id: str
