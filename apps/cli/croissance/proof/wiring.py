"""How the services are wired, written down a second time on purpose: the audit does not believe their declarations.

A test compares it with them; a new service or subscription is added here by hand, which is the moment to think about
what the audit must verify of it.
"""

from typing import Final

CONSUMES: Final[dict[str, tuple[str, ...]]] = {
    "companies": (),
    "diagnostic": ("companies",),
    "matching": ("diagnostic",),
    "labels": ("companies", "diagnostic"),
    "vouchers": ("companies", "diagnostic", "labels"),
    "notifications": ("diagnostic", "labels", "matching", "vouchers"),
}
"""Service → services whose topics it reads."""

TOLD: Final = frozenset(
    {
        *("diagnostic.DiagnosticCompleted", "matching.ConnectorMatched", "matching.NeedUnserved"),
        *("matching.MatchAccepted", "matching.AidsRecommended", "labels.LabelApplied", "labels.LabelGranted"),
        *("labels.LabelRefused", "labels.LabelWaitlisted", "vouchers.VoucherRequested", "vouchers.VoucherGranted"),
        *("vouchers.VoucherRefused", "vouchers.VoucherWaitlisted", "vouchers.VoucherRenounced"),
        *("vouchers.VoucherExpired", "vouchers.VoucherReserved", "labels.LabelExpired"),
    }
)
"""Events that companies are told of: exactly one message each."""


def topic(namespace: str, service: str) -> str:
    """The topic of a service."""
    return f"{namespace}croissance.{service}.v1"


def dead_letter_topic(namespace: str, service: str) -> str:
    """The topic where a service announces what it set aside."""
    return f"{namespace}croissance.{service}.dead-letter.v1"
