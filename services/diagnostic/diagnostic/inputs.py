"""What this service reads: events of companies, commands of directors, deadlines."""

from typing import Any

import msgspec

from diagnostic.model import Company


class CompanyRegistered(msgspec.Struct, frozen=True, gc=False):
    """Event of companies: a company is known."""

    siren: str
    company: Company


class CompanyProfileUpdated(msgspec.Struct, frozen=True, gc=False):
    """Event of companies: its snapshot changed."""

    siren: str
    company: Company


class StartDiagnostic(msgspec.Struct, frozen=True, gc=False):
    """Command: open a draft, or take up the one that is open.

    Attributes:
        siren: the company.
        kind: `complet` or `express`.
        diagnostic_id: UUID chosen by the client; "" to take up the open draft or let us derive one.
    """

    siren: str
    kind: str = "complet"
    diagnostic_id: str = ""


class SaveAnswers(msgspec.Struct, frozen=True, gc=False):
    """Command: autosave. Each question given replaces its answer, null clears it, the others stay."""

    siren: str
    diagnostic_id: str
    answers: dict[str, Any]


class SubmitDiagnostic(msgspec.Struct, frozen=True, gc=False):
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
    answers: dict[str, Any] = {}


class DiscardDraft(msgspec.Struct, frozen=True, gc=False):
    """Deadline: forget a draft that nobody touched for months."""

    diagnostic_id: str
