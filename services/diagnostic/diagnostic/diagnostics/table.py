"""The aggregate `diagnostics`: what is consumed, commanded and due, each with its rule."""

from typing import Final

from common.declare.aggregate import Aggregate, on
from diagnostic.diagnostics.company import know_company
from diagnostic.diagnostics.drafts import discard, save, start
from diagnostic.diagnostics.inputs import (
    CompanyProfileUpdated,
    CompanyRegistered,
    DiscardDraft,
    SaveAnswers,
    StartDiagnostic,
    SubmitDiagnostic,
)
from diagnostic.diagnostics.model import DiagnosticFile, initial
from diagnostic.diagnostics.submission import submit

DIAGNOSTICS: Final = Aggregate(
    "diagnostics",
    DiagnosticFile,
    initial,
    (
        on(CompanyRegistered, know_company, of="companies"),
        on(CompanyProfileUpdated, know_company, of="companies"),
        on(StartDiagnostic, start),
        on(SaveAnswers, save),
        on(SubmitDiagnostic, submit),
        on(DiscardDraft, discard),
    ),
)
"""Asking the same thing twice changes nothing."""
