"""The facts a company is told of, as far as its messages show them, and the command that settles messages.

The whole fact is kept with the message until it is sent, so every field here is stored once per company: only what a
template prints.
"""

from datetime import date, datetime
from functools import lru_cache
from typing import Final, Literal

import msgspec

from common.declare.inputs import Command, Consumed
from france.days import last_day


class Fact(Consumed, frozen=True):
    """An event that a company is told of."""

    @property
    def deadline(self) -> date | None:
        """The Paris calendar day by which the company, or the administration, has to act."""
        return None


# --- diagnostic ------------------------------------------------------------------------------------------------------


class Measure(msgspec.Struct, frozen=True, gc=False):
    """A measure of the plan."""

    label: str
    dimension: str


class DiagnosticCompleted(Fact, frozen=True):
    """A diagnosis was submitted: its scores (0–100) and its plan."""

    kind: str
    stage: str
    completed_at: datetime
    scores: dict[str, float]
    global_score: float
    band: str
    measures: tuple[Measure, ...]
    valid_until: date | None = None


# --- matching --------------------------------------------------------------------------------------------------------


class Proposal(msgspec.Struct, frozen=True, gc=False):
    """A connecteur asked to help, and why it was chosen."""

    connector_name: str
    institution: str
    tier: str
    reasons: tuple[str, ...]
    missing: tuple[str, ...]


class ConnectorMatched(Fact, frozen=True):
    """A round of offers, open until `expires_at`."""

    subject: str
    round: int
    expires_at: datetime
    proposals: tuple[Proposal, ...]

    @property
    def deadline(self) -> date:
        """The last day to answer the offers."""
        return last_day(self.expires_at)


class NeedUnserved(Fact, frozen=True):
    """Nobody could, or would, take the need."""

    rounds: int


class MatchAccepted(Fact, frozen=True):
    """A connecteur took the need; the other offers of the round are released."""

    round: int


class Programme(msgspec.Struct, frozen=True, gc=False):
    """An aid or a resource that may fit, with the verdict on the company."""

    name: str
    nature: str
    verdict: str
    reasons: tuple[str, ...]
    missing: tuple[str, ...]
    url: str


class AidsRecommended(Fact, frozen=True):
    """Aids and resources for a need, best first.

    The same list goes to many companies: it is kept as the bytes that were received, and read once for all of them.

    Attributes:
        document: JSON of the list, checked.
    """

    document: msgspec.Raw = msgspec.field(name="programmes")

    def __post_init__(self) -> None:
        """Check the list.

        Raises:
            ValueError: it is not one of programmes.
        """
        document = bytes(self.document)
        try:
            if len(document) <= REMEMBERED:
                read_once(document)
            else:
                _read_programmes(document)
        except msgspec.MsgspecError as error:
            raise ValueError(f"programmes: {error}") from error

    @property
    def programmes(self) -> tuple[Programme, ...]:
        """The list."""
        return _read_programmes(self.document)


REMEMBERED: Final = 16_384
"""Bytes of the largest list that is remembered: what others write cannot fill the memory."""

_read_programmes = msgspec.json.Decoder(tuple[Programme, ...]).decode


@lru_cache(maxsize=4096)
def read_once(document: bytes) -> None:
    """Read a list that was not met lately, to see whether it can be."""
    _read_programmes(document)


# --- labels ----------------------------------------------------------------------------------------------------------


class LabelApplied(Fact, frozen=True):
    """An application for the label was deposited."""

    application_id: str
    charter_version: str


class LabelGranted(Fact, frozen=True):
    """The company may show the label from `granted_at` until `expires_at`."""

    label_id: str
    cohort_year: int
    exemplary: bool
    granted_at: datetime
    expires_at: datetime
    verification_path: str

    @property
    def deadline(self) -> date:
        """The last day of the label."""
        return last_day(self.expires_at)


class LabelRefused(Fact, frozen=True):
    """The application is refused; `codes` go with `reasons`, one by one."""

    application_id: str
    reasons: tuple[str, ...]
    codes: tuple[str, ...]


class LabelWaitlisted(Fact, frozen=True):
    """The application is admissible, the cohort of the year is full."""

    application_id: str
    cohort_year: int
    position: int


class LabelExpired(Fact, frozen=True):
    """A label came to the end of its validity without being renewed."""

    label_id: str
    expired_at: datetime


# --- vouchers --------------------------------------------------------------------------------------------------------


class Line(msgspec.Struct, frozen=True, gc=False):
    """One line of spend of an application, in euro cents before VAT."""

    category: str
    amount_cents: int


class VoucherRequested(Fact, frozen=True):
    """A complete and eligible file was deposited; `calculation` says in French what cut the amount, "" for nothing.

    `reply_by` is the last Paris day to decide if the money is `reserved`; a file that waits has no such day.
    """

    voucher_id: str
    amount_asked_cents: int
    lines: tuple[Line, ...]
    de_minimis_declared_cents: int
    reply_by: date
    reserved: bool = True
    calculation: str = ""

    @property
    def deadline(self) -> date | None:
        """The last day to decide; none for a file that waits."""
        return self.reply_by if self.reserved else None


class VoucherReserved(Fact, frozen=True):
    """A file that waited has its money; the decision comes at the latest on `reply_by` (Paris day)."""

    voucher_id: str
    amount_cents: int
    reply_by: date
    calculation: str

    @property
    def deadline(self) -> date:
        """The last day to decide."""
        return self.reply_by


class VoucherGranted(Fact, frozen=True):
    """A chèque is granted: agreement to sign and first claim to send at the latest on these Paris days."""

    voucher_id: str
    amount_cents: int
    rate_percent: int
    agreement_by: date
    claim_by: date
    calculation: str = ""

    @property
    def deadline(self) -> date:
        """The last day to sign the agreement."""
        return self.agreement_by


class VoucherRefused(Fact, frozen=True):
    """The file is refused; `codes` go with `reasons`, one by one."""

    voucher_id: str
    reasons: tuple[str, ...]
    codes: tuple[str, ...]


class VoucherWaitlisted(Fact, frozen=True):
    """The file is eligible, the envelope has too little left."""

    voucher_id: str
    position: int


class VoucherRenounced(Fact, frozen=True):
    """The company gave its file or its chèque up (`retire` before the decision, `renonce` after it)."""

    voucher_id: str
    released_cents: int
    status: str


class VoucherExpired(Fact, frozen=True):
    """No decision was taken in time: the reservation is released."""

    voucher_id: str
    released_cents: int
    reason: str


# --- command ---------------------------------------------------------------------------------------------------------


class RecordDelivery(Command, frozen=True):
    """What became of one mail, with the messages it held.

    Attributes:
        causes: ids of the events whose messages were in the mail.
        outcome: `sent` or `failed`.
        reason: why it failed, without any address; "" when sent.
    """

    causes: tuple[str, ...]
    outcome: Literal["sent", "failed"]
    reason: str = ""
