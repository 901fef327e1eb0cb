"""The catalogue: which fact leads to which message, in which category, and whether it is a legal act."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from france.days import as_day
from notifications import inputs

CATEGORIES: Final = ("diagnostic", "accompagnement", "aides", "label", "cheque")
"""What ordinary messages are about; a contact may mute any of them."""


@dataclass(frozen=True, slots=True)
class Notice:
    """How one kind of fact is told.

    Attributes:
        template: name of the templates, and of the message in events and history.
        title: what it is, in a few French words, for the history and the subject of a digest.
        category: one of `CATEGORIES`.
        legal: a legal act (proof of deposit, decision): sent at once, alone, whatever the preferences and limits.
        deadline: field of the fact that holds its deadline, or "".
        shared: the same words go to many companies, so they are kept once.
    """

    template: str
    title: str
    category: str
    legal: bool = False
    deadline: str = ""
    shared: bool = False


NOTICES: Final[Mapping[type[Any], Notice]] = {
    inputs.DiagnosticCompleted: Notice("diagnostic_completed", "Résultats de votre diagnostic", "diagnostic"),
    inputs.ConnectorMatched: Notice(
        "connector_matched", "Vos connecteurs du numérique", "accompagnement", deadline="expires_at"
    ),
    inputs.NeedUnserved: Notice("need_unserved", "Votre demande d’accompagnement", "accompagnement"),
    inputs.MatchAccepted: Notice("match_accepted", "Un connecteur vous accompagne", "accompagnement"),
    inputs.AidsRecommended: Notice("aids_recommended", "Aides et ressources pour vous", "aides", shared=True),
    inputs.LabelApplied: Notice("label_applied", "Candidature au label reçue", "label", legal=True),
    inputs.LabelGranted: Notice("label_granted", "Label attribué", "label", legal=True, deadline="expires_at"),
    inputs.LabelRefused: Notice("label_refused", "Candidature au label refusée", "label", legal=True),
    inputs.LabelWaitlisted: Notice("label_waitlisted", "Label : liste d’attente", "label"),
    inputs.LabelExpired: Notice("label_expired", "Label expiré", "label", legal=True),
    inputs.VoucherRequested: Notice(
        "voucher_requested", "Demande de chèque reçue", "cheque", legal=True, deadline="reply_by"
    ),
    inputs.VoucherGranted: Notice("voucher_granted", "Chèque accordé", "cheque", legal=True, deadline="agreement_by"),
    inputs.VoucherRefused: Notice("voucher_refused", "Demande de chèque refusée", "cheque", legal=True),
    inputs.VoucherWaitlisted: Notice("voucher_waitlisted", "Chèque : liste d’attente", "cheque"),
    inputs.VoucherRenounced: Notice("voucher_renounced", "Renonciation au chèque", "cheque", legal=True),
    inputs.VoucherExpired: Notice("voucher_expired", "Demande de chèque expirée", "cheque", legal=True),
}
"""Every fact told to companies. Legal acts, by our default: proofs of deposit, decisions, and what ends a file."""

BY_TEMPLATE: Final[Mapping[str, tuple[type[Any], Notice]]] = {
    notice.template: (kind, notice) for kind, notice in NOTICES.items()
}


def deadline_of(notice: Notice, fact: object) -> date:
    """The Paris calendar day by which the company, or the administration, has to act; `notice` names its field."""
    value: date | datetime = getattr(fact, notice.deadline)
    return as_day(value)
