"""What this service reads: the fields it needs of others' events, its commands, its deadlines."""

from datetime import date, datetime

import msgspec

from vouchers.model import Declarations, Line, Measure

# --- consumed events -------------------------------------------------------------------------------------------------


class Company(msgspec.Struct, frozen=True, gc=False):
    """The company snapshot nested in events: what eligibility looks at."""

    naf: str
    region: str
    created_on: date | None
    active: bool
    sme_category: str


class DiagnosticCompleted(msgspec.Struct, frozen=True, gc=False):
    """A diagnosis was submitted (service *diagnostic*); only full ones (`complet`) count here."""

    siren: str
    diagnostic_id: str
    kind: str
    completed_at: datetime
    measures: tuple[Measure, ...]
    company: Company


class CompanyProfileUpdated(msgspec.Struct, frozen=True, gc=False):
    """What is known of a company changed (service *companies*)."""

    siren: str
    company: Company


class LabelGranted(msgspec.Struct, frozen=True, gc=False):
    """The company may show the label until `expires_at` (service *labels*)."""

    siren: str
    expires_at: datetime


# --- commands --------------------------------------------------------------------------------------------------------


class ApplyForVoucher(msgspec.Struct, frozen=True, gc=False):
    """A company deposits a complete file."""

    envelope_id: str
    lines: tuple[Line, ...]
    declarations: Declarations


class GrantVoucher(msgspec.Struct, frozen=True, gc=False):
    """An instructor grants a deposited file; `amount_cents` below what is reserved lowers the grant."""

    envelope_id: str
    voucher_id: str
    actor: str
    reason: str = ""
    amount_cents: int | None = None


class RefuseVoucher(msgspec.Struct, frozen=True, gc=False):
    """An instructor refuses a deposited or waiting file, with a French sentence for the company."""

    envelope_id: str
    voucher_id: str
    actor: str
    reason: str


class WithdrawVoucher(msgspec.Struct, frozen=True, gc=False):
    """The company gives up: before the decision (retrait) or after it (renonciation)."""

    envelope_id: str
    voucher_id: str
    actor: str
    reason: str = ""


class OfferRelease(msgspec.Struct, frozen=True, gc=False):
    """Money came back and this waiting file is next: serve it if it still waits and still fits."""

    envelope_id: str
    voucher_id: str


# --- deadlines -------------------------------------------------------------------------------------------------------


class ReservationDue(msgspec.Struct, frozen=True, gc=False):
    """The reservation of a file ends; without a decision its money goes back."""

    envelope_id: str
    voucher_id: str


Money = ApplyForVoucher | GrantVoucher | RefuseVoucher | WithdrawVoucher | OfferRelease | ReservationDue
"""Inputs that may move money: a batch with one of them locks the envelopes it names."""
