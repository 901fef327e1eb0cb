"""The table of messages: every fact that companies are told of, with how, and the record that settles them."""

from collections.abc import Mapping
from typing import Any, Final

from common.declare.aggregate import Aggregate, Nothing, nothing, on
from notifications.messages.deliveries import its_messages, record
from notifications.messages.inputs import (
    AidsRecommended,
    ConnectorMatched,
    DiagnosticCompleted,
    LabelApplied,
    LabelExpired,
    LabelGranted,
    LabelRefused,
    LabelWaitlisted,
    MatchAccepted,
    NeedUnserved,
    RecordDelivery,
    VoucherExpired,
    VoucherGranted,
    VoucherRefused,
    VoucherRenounced,
    VoucherRequested,
    VoucherReserved,
    VoucherWaitlisted,
)
from notifications.messages.notices import Notice

MESSAGES: Final[Aggregate[Nothing]] = Aggregate(
    "messages",
    Nothing,
    nothing,
    (
        on(
            DiagnosticCompleted,
            Notice("diagnostic_completed", "Résultats de votre diagnostic", "diagnostic"),
            of="diagnostic",
        ),
        on(
            ConnectorMatched,
            Notice("connector_matched", "Vos connecteurs du numérique", "accompagnement"),
            of="matching",
        ),
        on(NeedUnserved, Notice("need_unserved", "Votre demande d’accompagnement", "accompagnement"), of="matching"),
        on(MatchAccepted, Notice("match_accepted", "Un connecteur vous accompagne", "accompagnement"), of="matching"),
        on(
            AidsRecommended,
            Notice("aids_recommended", "Aides et ressources pour vous", "aides", shared=True),
            of="matching",
        ),
        on(LabelApplied, Notice("label_applied", "Candidature au label reçue", "label", legal=True), of="labels"),
        on(LabelGranted, Notice("label_granted", "Label attribué", "label", legal=True), of="labels"),
        on(LabelRefused, Notice("label_refused", "Candidature au label refusée", "label", legal=True), of="labels"),
        on(LabelWaitlisted, Notice("label_waitlisted", "Label : liste d’attente", "label", legal=True), of="labels"),
        on(LabelExpired, Notice("label_expired", "Label expiré", "label", legal=True), of="labels"),
        on(
            VoucherRequested,
            Notice("voucher_requested", "Demande de chèque reçue", "cheque", legal=True),
            of="vouchers",
        ),
        on(VoucherReserved, Notice("voucher_reserved", "Chèque : somme réservée", "cheque", legal=True), of="vouchers"),
        on(VoucherGranted, Notice("voucher_granted", "Chèque accordé", "cheque", legal=True), of="vouchers"),
        on(VoucherRefused, Notice("voucher_refused", "Demande de chèque refusée", "cheque", legal=True), of="vouchers"),
        on(
            VoucherWaitlisted,
            Notice("voucher_waitlisted", "Chèque : liste d’attente", "cheque", legal=True),
            of="vouchers",
        ),
        on(
            VoucherRenounced, Notice("voucher_renounced", "Renonciation au chèque", "cheque", legal=True), of="vouchers"
        ),
        on(VoucherExpired, Notice("voucher_expired", "Demande de chèque expirée", "cheque", legal=True), of="vouchers"),
        on(RecordDelivery, record, pools=its_messages),
    ),
)
"""Legal acts: proofs of deposit, decisions, and every other change of the state of a file."""

BY_TEMPLATE: Final[Mapping[str, tuple[type[Any], Notice]]] = {
    rule.decide.template: (rule.input, rule.decide) for rule in MESSAGES.rules if isinstance(rule.decide, Notice)
}
"""The same table read from the template of a message: what it tells of, and how."""
