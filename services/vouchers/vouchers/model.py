"""What the service knows: of one company (state) and of the envelopes that many companies share."""

from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

from vouchers.ruleset import Rules

Status = Literal["depose", "liste_attente", "accorde", "refuse", "retire", "renonce", "expire"]
Account = Literal["disponible", "reserve", "engage", "ordonnance", "paye", "recouvre"]

ACTIVE: Final = frozenset({"depose", "liste_attente", "accorde"})
"""Statuses that hold the one place a company has in a programme."""

KEPT_CLOSED: Final = 20
"""Closed files without money kept in the state of a company; the table `files` keeps all of them."""

# --- one company -----------------------------------------------------------------------------------------------------


class Reason(msgspec.Struct, frozen=True, gc=False):
    """Why a file is refused or cannot be judged: a code for machines, a French sentence for people."""

    code: str
    sentence: str


class Profile(msgspec.Struct, frozen=True, gc=False):
    """What is known of the company, with the time of the event that said so."""

    naf: str
    region: str
    created_on: date | None
    active: bool
    sme_category: str
    known_at: datetime


class Measure(msgspec.Struct, frozen=True, gc=False):
    """A measure of the plan that a diagnosis gives, with the spend categories it may lead to (none: any)."""

    id: str
    spend_categories: tuple[str, ...]


class Diagnostic(msgspec.Struct, frozen=True, gc=False):
    """The last full diagnosis."""

    id: str
    completed_at: datetime
    measures: tuple[Measure, ...]


class Line(msgspec.Struct, frozen=True, gc=False):
    """One line of spend: category, supplier, amount before VAT in cents, measure it carries out, day of the order."""

    category: str
    supplier_siren: str
    amount_cents: int
    measure_id: str
    ordered_on: date | None = None


class Declarations(msgspec.Struct, frozen=True, gc=False):
    """What the legal representative declares on honour.

    Attributes:
        taxes_up_to_date: tax returns filed and taxes paid.
        social_up_to_date: social contributions declared and paid.
        no_recovery_order: no unpaid recovery order after a Commission decision on unlawful aid.
        de_minimis_declared_cents: de minimis aid received or asked for in the last three years by the single
            undertaking, chèques of this service left out, in euro cents.
        other_public_aid_cents: other public aid on the very same spend, in euro cents.
    """

    taxes_up_to_date: bool
    social_up_to_date: bool
    no_recovery_order: bool
    de_minimis_declared_cents: int = 0
    other_public_aid_cents: int = 0


class VoucherFile(msgspec.Struct, frozen=True, gc=False):
    """One application and what became of it.

    Attributes:
        id: UUID, derived from the command that deposited it.
        envelope_id: the envelope it asks money from.
        programme: a company has at most one active file in it.
        status: where it stands.
        submitted_at: when it was deposited.
        submitted_on: the Paris calendar day of it.
        lines: the spend.
        declarations: what was declared.
        asked_cents: the grant computed at deposit, 0 if refused then.
        rate_percent: the rate applied.
        held_cents: what the ledger holds for it now (reserved or granted).
        granted_on: Paris calendar day of the grant, which is the day of the aid.
        ruleset: version of the rules that judged it.
        reply_by: last day of its reservation.
        agreement_by: last day to sign the agreement, once granted.
        claim_by: last day of the first claim, once granted.
        place: number given on the waiting list, in order of deposit; 0 if it never waited.
        position: its rank when it was put on the waiting list.
        reasons: why it was refused or closed.
    """

    id: str
    envelope_id: str
    programme: str
    status: Status
    submitted_at: datetime
    submitted_on: date
    lines: tuple[Line, ...]
    declarations: Declarations
    asked_cents: int
    rate_percent: int
    ruleset: str
    held_cents: int = 0
    granted_on: date | None = None
    reply_by: date | None = None
    agreement_by: date | None = None
    claim_by: date | None = None
    place: int = 0
    position: int = 0
    reasons: tuple[Reason, ...] = ()


class Applicant(msgspec.Struct, frozen=True, gc=False):
    """The state of a key: one company, what it is, what it measured, what it asked for."""

    siren: str
    profile: Profile | None = None
    diagnostic: Diagnostic | None = None
    labelled_until: datetime | None = None
    files: tuple[VoucherFile, ...] = ()


class VoucherAnswer(msgspec.Struct, frozen=True, gc=False):
    """What the caller of a command gets back: where the file stands (`state`, its status) and what comes next."""

    siren: str
    voucher_id: str
    envelope_id: str
    state: Status
    asked_cents: int
    granted_cents: int
    rate_percent: int
    position: int | None
    reasons: tuple[Reason, ...]
    reply_by: date | None
    agreement_by: date | None
    claim_by: date | None
    ruleset_version: str


def answer_of(siren: str, file: VoucherFile) -> VoucherAnswer:
    """A file as its company sees it."""
    granted = file.status == "accorde"
    return VoucherAnswer(
        siren,
        file.id,
        file.envelope_id,
        file.status,
        file.asked_cents,
        file.held_cents if granted else 0,
        file.rate_percent,
        file.position if file.status == "liste_attente" else None,
        file.reasons,
        file.reply_by,
        file.agreement_by,
        file.claim_by,
        file.ruleset,
    )


def initial(key: str) -> Applicant:
    """A company never heard of."""
    return Applicant(key)


# --- what many companies share ---------------------------------------------------------------------------------------


class Balances(msgspec.Struct, frozen=True, gc=False):
    """The accounts of an envelope, in euro cents; none is ever negative and their sum never changes."""

    disponible: int
    reserve: int = 0
    engage: int = 0
    ordonnance: int = 0
    paye: int = 0
    recouvre: int = 0

    @property
    def total(self) -> int:
        """The money of the envelope, wherever it is."""
        return self.disponible + self.reserve + self.engage + self.ordonnance + self.paye + self.recouvre


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """Money that many companies ask for.

    Attributes:
        id: its name, e.g. `cheque-2026`.
        programme: a company has at most one active file in it.
        opens_on: first Paris calendar day of deposit; None: open since it exists.
        closes_on: last one; None: open until closed.
        rulesets: (valid from, rules), newest first.
        balances: its accounts.
        exhausted: `EnvelopeExhausted` was said and no money came back since.
        waiting: files on the waiting list.
        places: numbers given on the waiting list so far.
        smallest_waiting_cents: what the smallest waiting file asks for, or less; None: none waits.
        movements: movements of its ledger when the batch read it.
        chain: hash of the last of them.
    """

    id: str
    programme: str
    opens_on: date | None
    closes_on: date | None
    rulesets: tuple[tuple[datetime, Rules], ...]
    balances: Balances
    exhausted: bool = False
    waiting: int = 0
    places: int = 0
    smallest_waiting_cents: int | None = None
    movements: int = 0
    chain: str = ""

    def rules_at(self, time: datetime) -> Rules:
        """The rules in force at an instant (the oldest ones before any was)."""
        for valid_from, rules in self.rulesets:
            if valid_from <= time:
                return rules
        return self.rulesets[-1][1]

    def rules_named(self, version: str, time: datetime) -> Rules:
        """The rules that judged a file, or those in force if they are gone."""
        for _, rules in self.rulesets:
            if rules.version == version:
                return rules
        return self.rules_at(time)

    def has_room(self, amount_cents: int) -> bool:
        """Whether a new file may be served: enough is left, and nobody who waits could be served before it."""
        left = self.balances.disponible
        smallest = self.smallest_waiting_cents
        return amount_cents <= left and (smallest is None or smallest > left)


class Envelopes(msgspec.Struct, frozen=True, gc=False):
    """The envelopes a batch may move money of; empty when it moves none."""

    items: tuple[Envelope, ...] = ()

    def get(self, envelope_id: str) -> Envelope | None:
        """The envelope of this id, if the batch loaded it."""
        for envelope in self.items:
            if envelope.id == envelope_id:
                return envelope
        return None

    def put(self, envelope: Envelope) -> "Envelopes":
        """The same envelopes with this one renewed."""
        return Envelopes(tuple(envelope if item.id == envelope.id else item for item in self.items))


# --- rows the service keeps ------------------------------------------------------------------------------------------


class Movement(msgspec.Struct, frozen=True, gc=False):
    """A ledger movement: `amount_cents` goes from one account of the envelope to another. Never changed.

    Attributes:
        envelope_id: the envelope.
        voucher_id: the file it is for.
        from_account: the account that gives.
        to_account: the account that gets.
        amount_cents: how much, above 0.
        at: when.
        cause: id of the command or deadline that caused it.
        index: rank among the movements of the same cause, from 0.
    """

    envelope_id: str
    voucher_id: str
    from_account: Account
    to_account: Account
    amount_cents: int
    at: datetime
    cause: UUID
    index: int


class Transition(msgspec.Struct, frozen=True, gc=False):
    """A change of status of a file: its new content, who asked and why."""

    siren: str
    region: str
    file: VoucherFile
    from_status: Status | None
    to_status: Status
    actor: str
    reason: str
    at: datetime
    cause: UUID
    index: int
