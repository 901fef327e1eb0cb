"""What this service publishes on `croissance.vouchers.v1`."""

from datetime import date
from typing import Annotated, ClassVar

import msgspec
from pydantic import Field

from common.declare.event import Event

Cents = Annotated[int, Field(ge=0)]
Siren = Annotated[str, Field(pattern=r"^\d{9}$")]


class Line(msgspec.Struct, frozen=True, gc=False):
    """One line of spend of an application.

    Attributes:
        category: code of the spend category, as the ruleset names it.
        supplier_siren: SIREN of the supplier, 9 digits.
        amount_cents: amount before VAT, in euro cents.
        measure_id: the measure of the diagnosis that the spend carries out.
    """

    category: str
    supplier_siren: Siren
    amount_cents: Cents
    measure_id: str


class VoucherRequested(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A complete and eligible file was deposited.

    Attributes:
        siren: the company.
        voucher_id: UUID of the file.
        envelope_id: the envelope it asks money from.
        amount_asked_cents: the grant its spend gives right to, in euro cents.
        lines: the spend.
        de_minimis_declared_cents: other de minimis aid of the last three years, as declared, in euro cents.
        reply_by: last Paris calendar day of the reservation, if there is one; without a decision the file expires then.
        region: INSEE code of the company's region, or "" when unknown.
        reserved: the amount is set aside; false: the file goes to the waiting list, nothing is due by `reply_by`.
        calculation: how the amount comes about where a ceiling cut it, a French sentence; "" else.
    """

    siren: Siren
    voucher_id: str
    envelope_id: str
    amount_asked_cents: Cents
    lines: tuple[Line, ...]
    de_minimis_declared_cents: Cents
    reply_by: date
    region: str
    reserved: bool = True
    calculation: str = ""


class VoucherReserved(Event, frozen=True, kw_only=True):
    """A file that waited has its money: it is set aside while the file is decided on.

    Attributes:
        siren: the company.
        voucher_id: UUID of the file.
        envelope_id: the envelope that the money comes from.
        amount_cents: what is set aside, in euro cents.
        reply_by: last Paris calendar day of the reservation; without a decision the file expires after it.
        calculation: how the amount comes about where a ceiling cut it, a French sentence; "" else.
        region: INSEE code of the company's region, or "" when unknown.
    """

    siren: Siren
    voucher_id: str
    envelope_id: str
    amount_cents: Annotated[int, Field(gt=0)]
    reply_by: date
    calculation: str
    region: str


class VoucherGranted(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The right to a chèque is given; this day counts for de minimis.

    Attributes:
        siren: the company.
        voucher_id: UUID of the file.
        envelope_id: the envelope that pays.
        amount_cents: the grant, in euro cents.
        rate_percent: the rate applied to the eligible spend.
        agreement_by: last Paris calendar day to sign the agreement.
        claim_by: last Paris calendar day of the first claim.
        region: INSEE code of the company's region, or "" when unknown.
        ceiling: what cut the amount that the rate gives: `maximum`, `de_minimis`, `cumul`, `instructeur`; "": nothing.
        calculation: how the amount comes about where a ceiling cut it, a French sentence; "" else.
    """

    siren: Siren
    voucher_id: str
    envelope_id: str
    amount_cents: Annotated[int, Field(gt=0)]
    rate_percent: Annotated[int, Field(ge=0, le=100)]
    agreement_by: date
    claim_by: date
    region: str
    ceiling: str = ""
    calculation: str = ""


class VoucherRefused(Event, frozen=True, kw_only=True):
    """The file is refused; nothing is reserved for it any more.

    Attributes:
        siren: the company.
        voucher_id: UUID of the file.
        reasons: every reason, as French sentences.
        codes: the code of each reason, same order.
        envelope_id: the envelope it asked money from.
        region: INSEE code of the company's region, or "" when unknown.
    """

    siren: Siren
    voucher_id: str
    reasons: tuple[str, ...]
    codes: tuple[str, ...]
    envelope_id: str
    region: str


class VoucherWaitlisted(Event, frozen=True, kw_only=True):
    """The file is eligible, the envelope has too little left: it waits in order of deposit.

    Attributes:
        siren: the company.
        voucher_id: UUID of the file.
        envelope_id: the envelope it waits for.
        position: its rank in the waiting list at this moment, from 1.
        region: INSEE code of the company's region, or "" when unknown.
    """

    siren: Siren
    voucher_id: str
    envelope_id: str
    position: Annotated[int, Field(ge=1)]
    region: str


class VoucherRenounced(Event, frozen=True, kw_only=True):
    """The company gave its file or its chèque up; the money is free again.

    Attributes:
        siren: the company.
        voucher_id: UUID of the file.
        envelope_id: the envelope that gets its money back.
        released_cents: what went back to the envelope, in euro cents.
        status: `retire` (before the decision) or `renonce` (after it).
        reason: why, as given.
        region: INSEE code of the company's region, or "" when unknown.
    """

    siren: Siren
    voucher_id: str
    envelope_id: str
    released_cents: Cents
    status: str
    reason: str
    region: str


class VoucherExpired(Event, frozen=True, kw_only=True):
    """No decision was taken in time: the reservation is released. Silence is never acceptance.

    Attributes:
        siren: the company.
        voucher_id: UUID of the file.
        envelope_id: the envelope that gets its money back.
        released_cents: what went back to the envelope, in euro cents.
        reason: which deadline passed.
        region: INSEE code of the company's region, or "" when unknown.
    """

    siren: Siren
    voucher_id: str
    envelope_id: str
    released_cents: Cents
    reason: str
    region: str


class BudgetReserved(Event, frozen=True, kw_only=True):
    """Money of an envelope is set aside for a file.

    Attributes:
        envelope_id: the envelope, key of this event.
        voucher_id: UUID of the file.
        siren: the company.
        amount_cents: what was set aside, in euro cents.
        available_after_cents: what the envelope can still give, in euro cents.
        reason: `depose` (at deposit) or `liste_attente` (from the waiting list).
        region: INSEE code of the company's region, or "" when unknown.
    """

    KEY: ClassVar[str] = "envelope_id"

    envelope_id: str
    voucher_id: str
    siren: Siren
    amount_cents: Annotated[int, Field(gt=0)]
    available_after_cents: Cents
    reason: str
    region: str


class BudgetReleased(Event, frozen=True, kw_only=True):
    """Money set aside for a file is available again.

    Attributes:
        envelope_id: the envelope, key of this event.
        voucher_id: UUID of the file.
        siren: the company.
        amount_cents: what came back, in euro cents.
        available_after_cents: what the envelope can give now, in euro cents.
        reason: `accorde` (granted for less than reserved), `refuse`, `retire`, `renonce` or `expire`.
        region: INSEE code of the company's region, or "" when unknown.
    """

    KEY: ClassVar[str] = "envelope_id"

    envelope_id: str
    voucher_id: str
    siren: Siren
    amount_cents: Annotated[int, Field(gt=0)]
    available_after_cents: Cents
    reason: str
    region: str


class EnvelopeExhausted(Event, frozen=True, kw_only=True):
    """What is left is below the smallest grant. Said once; again only if money came back in between.

    Attributes:
        envelope_id: the envelope, key of this event.
        available_cents: what is left, in euro cents.
    """

    KEY: ClassVar[str] = "envelope_id"

    envelope_id: str
    available_cents: Cents
