"""What is known of a company and of its files, and the row that keeps a change of one."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

from common.declare.decision import Refusal
from france.days import add_months
from vouchers.eligibility.facts import Declarations, Diagnostic, Line, Profile, Reason
from vouchers.eligibility.grant import Ceiling
from vouchers.ledger.accounts import Account
from vouchers.ruleset import Ruleset

Status = Literal["depose", "liste_attente", "accorde", "refuse", "retire", "renonce", "expire"]

ACTIVE: Final = frozenset({"depose", "liste_attente", "accorde"})
"""Statuses that hold the one place a company has in a programme."""

HELD_IN: Final[dict[str, Account]] = {"depose": "reserve", "accorde": "engage"}
"""The account that holds the money of a file, by status."""

KEPT_CLOSED: Final = 20
"""Closed files without money kept in the state of a company; the table `files` keeps all of them."""


class VoucherFile(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One application and what became of it.

    Attributes:
        id: UUID, derived from the command that deposited it.
        envelope_id: the envelope it asks money from.
        programme: a company has at most one active file in it.
        status: where it stands.
        submitted_at: when it was deposited; on the waiting list, the moment its order follows from.
        submitted_on: the Paris calendar day of it.
        lines: the spend.
        declarations: what was declared.
        asked_cents: the grant computed at deposit, 0 if refused then.
        rate_percent: the rate applied.
        ceiling: what cut the amount, "" when nothing did.
        calculation: how the amount comes about where something cut it, a French sentence; "" else.
        held_cents: what the ledger holds for it now (reserved or granted).
        granted_on: Paris calendar day of the grant, which is the day of the aid.
        ruleset: version of the rules that judged it.
        reply_by: last day of its reservation; None while it waits: nothing is reserved.
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
    ceiling: Ceiling = ""
    calculation: str = ""

    @property
    def base_cents(self) -> int:
        """The spend that the rate applies to, before VAT."""
        return sum(line.amount_cents for line in self.lines)


class Applicant(msgspec.Struct, frozen=True, gc=False):
    """The state of a key: one company, what it is, what it measured, what it asked for."""

    siren: str
    profile: Profile | None = None
    diagnostic: Diagnostic | None = None
    labelled_until: datetime | None = None
    files: tuple[VoucherFile, ...] = ()


class VoucherAnswer(msgspec.Struct, frozen=True, gc=False):
    """What the caller of a command gets back: where the file stands (`state`, its status) and what comes next.

    `ceiling` and `calculation` say what cut the amount; they are left out where nothing did.
    """

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
    ceiling: Ceiling | msgspec.UnsetType = msgspec.UNSET
    calculation: str | msgspec.UnsetType = msgspec.UNSET


def answer_of(siren: str, file: VoucherFile, position: int | None = None) -> VoucherAnswer:
    """A file as its company sees it; `position`: its rank on the waiting list now, None where nobody counted it."""
    granted = file.status == "accorde"
    return VoucherAnswer(
        siren,
        file.id,
        file.envelope_id,
        file.status,
        file.asked_cents,
        file.held_cents if granted else 0,
        file.rate_percent,
        position if file.status == "liste_attente" else None,
        file.reasons,
        file.reply_by,
        file.agreement_by,
        file.claim_by,
        file.ruleset,
        file.ceiling or msgspec.UNSET,
        file.calculation or msgspec.UNSET,
    )


def unknown_file(siren: str, voucher_id: str) -> Refusal:
    """No such file for this company."""
    detail = f"Aucun dossier « {voucher_id} » pour le SIREN {siren}."
    return Refusal("unknown", "dossier_inconnu", "Dossier inconnu", detail, "voucher_id")


def unknown_envelope(envelope_id: str) -> Refusal:
    """No such envelope."""
    detail = f"Aucune enveloppe « {envelope_id} »."
    return Refusal("unknown", "programme_inconnu", "Programme inconnu", detail, "envelope_id")


def initial(key: str) -> Applicant:
    """A company never heard of."""
    return Applicant(key)


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


def own_aid(ruleset: Ruleset, files: Iterable[VoucherFile], today: date, *, but: str = "") -> int:
    """De minimis aid this service gave or holds for a company, over the window that ends today, to the day.

    The day of an aid is the day the right is granted; what is reserved counts as of today (Regulation (EU) 2023/2831).
    `but` names a file to leave out.
    """
    since = add_months(today, -12 * ruleset.de_minimis_years)
    return sum(
        file.held_cents for file in files if file.id != but and (file.granted_on is None or file.granted_on > since)
    )
