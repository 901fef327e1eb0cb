"""What files are decided on: the fields needed of others' events, commands, the deadline of a reservation."""

from datetime import date, datetime
from typing import Annotated

import msgspec

from common.declare.inputs import Command, Consumed, Deadline
from vouchers.eligibility.facts import Declarations, Line, Measure

# --- consumed events -------------------------------------------------------------------------------------------------


class Company(msgspec.Struct, frozen=True, gc=False):
    """The company snapshot nested in events: what eligibility looks at."""

    naf: str
    region: str
    created_on: date | None
    active: bool
    sme_category: str


class DiagnosticCompleted(Consumed, frozen=True):
    """A diagnosis was submitted (service *diagnostic*); only full ones (`complet`) count here."""

    siren: str
    diagnostic_id: str
    kind: str
    completed_at: datetime
    measures: tuple[Measure, ...]
    company: Company
    company_version: int = 1
    spend_categories: tuple[str, ...] = ()
    referential: str = ""
    called_measures: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]*$")] = ""


class CompanyProfileUpdated(Consumed, frozen=True):
    """What is known of a company changed (service *companies*); `version` grows with every change."""

    siren: str
    company: Company
    version: int


class LabelGranted(Consumed, frozen=True):
    """The company may show the label until `expires_at` (service *labels*)."""

    siren: str
    expires_at: datetime


# --- commands --------------------------------------------------------------------------------------------------------


class ApplyForVoucher(Command, frozen=True):
    """A company deposits a complete file."""

    envelope_id: str
    lines: tuple[Line, ...]
    declarations: Declarations


class GrantVoucher(Command, frozen=True):
    """An instructor grants a deposited file; `amount_cents` below what is reserved lowers the grant."""

    voucher_id: str
    actor: str
    reason: str = ""
    amount_cents: int | None = None


class RefuseVoucher(Command, frozen=True):
    """An instructor refuses a deposited or waiting file, with a French sentence for the company."""

    voucher_id: str
    actor: str
    reason: str


class WithdrawVoucher(Command, frozen=True):
    """The company gives up: before the decision (retrait) or after it (renonciation)."""

    voucher_id: str
    actor: str
    reason: str = ""


# --- deadlines -------------------------------------------------------------------------------------------------------


class ReservationDue(Deadline, frozen=True):
    """The reservation of a file ends; without a decision its money goes back."""

    voucher_id: str
