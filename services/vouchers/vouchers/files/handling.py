"""What every decision on a file shares: finding it, reserving, granting, closing, refusing a command."""

from datetime import date, timedelta
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from common.declare.decision import Cancel, Decision, Follow, Refusal, Schedule
from common.declare.event import Event
from common.declare.message import Message
from common.declare.pool import Pools
from france.days import add_months, end_of_day, paris_day
from vouchers.eligibility.facts import Reason
from vouchers.events import VoucherGranted, VoucherRefused, VoucherReserved
from vouchers.files.inputs import ReservationDue
from vouchers.files.model import (
    ACTIVE,
    HELD_IN,
    KEPT_CLOSED,
    Applicant,
    Status,
    Transition,
    VoucherFile,
    answer_of,
    unknown_file,
)
from vouchers.ledger.book import Book
from vouchers.ledger.envelope import ENVELOPES, Envelope
from vouchers.ruleset import Ruleset
from vouchers.waiting.follow_ups import ServeWaiting

ALLOWED: Final[dict[Status, tuple[str, ...]]] = {
    "depose": ("grant", "refuse", "withdraw"),
    "liste_attente": ("refuse", "withdraw"),
    "accorde": ("withdraw",),
}
"""The commands each status allows; the others none."""

PLATFORM: Final = "plateforme"
"""Actor of the transitions that nobody asked for by hand."""


class Handling(msgspec.Struct, frozen=True, gc=False):
    """One input on its way to a decision.

    Attributes:
        state: the company.
        pools: the envelopes.
        message: the input.
        region: INSEE code of the company's region, or "".
        today: the Paris calendar day of the input.
    """

    state: Applicant
    pools: Pools
    message: Message[Any]
    region: str
    today: date

    @classmethod
    def of(cls, state: Applicant, pools: Pools, message: Message[Any]) -> "Handling":
        """The handling of an input."""
        region = "" if state.profile is None else state.profile.region
        return cls(state, pools, message, region, paris_day(message.time))

    def find(self, voucher_id: str) -> tuple[VoucherFile, Envelope] | None:
        """A file of this company with its envelope."""
        for file in self.state.files:
            if file.id == voucher_id:
                envelope = self.pools.get(ENVELOPES, file.envelope_id)
                return None if envelope is None else (file, envelope)
        return None

    def book(self, envelope: Envelope, file: VoucherFile) -> Book:
        """An empty book for the money side of this decision."""
        smallest = envelope.ruleset_named(file.ruleset, self.message.time).min_grant_cents
        return Book(
            envelope,
            self.message,
            min_grant_cents=smallest,
            siren=self.state.siren,
            region=self.region,
            voucher_id=file.id,
        )

    def reply_by(self, ruleset: Ruleset) -> date:
        """Last day of a reservation made today."""
        return self.today + timedelta(days=ruleset.reservation_days)

    # --- decisions that change nothing

    def unchanged(self, file: VoucherFile | None = None) -> Decision[Applicant]:
        """Nothing to do; the answer shows the file as it stands."""
        return Decision(self.state, answer=None if file is None else answer_of(self.state.siren, file))

    def cannot(self, refusal: Refusal) -> Decision[Applicant]:
        """The command cannot be carried out; nothing is written."""
        return Decision(self.state, answer=refusal)

    def unknown(self, voucher_id: str) -> Decision[Applicant]:
        """No such file."""
        return self.cannot(unknown_file(self.state.siren, voucher_id))

    def illegal(self, file: VoucherFile, wanted: str) -> Decision[Applicant]:
        """The status of the file does not allow this."""
        detail = f"Un dossier au statut « {file.status} » ne peut pas être {wanted}."
        allowed = ALLOWED.get(file.status, ())
        return self.cannot(Refusal("illegal", "transition_impossible", "Transition impossible", detail, "", allowed))

    # --- decisions that change the file

    def changed(
        self,
        file: VoucherFile,
        book: Book | None,
        rows: tuple[Transition, ...],
        *,
        before: tuple[Event, ...] = (),
        after: tuple[Event, ...] = (),
        deadlines: tuple[Schedule | Cancel, ...] = (),
    ) -> Decision[Applicant]:
        """The file as it stands now, with what the book moved; its events come between `before` and `after`.

        Money that a waiting file could take is offered: the envelope is told, unless it has been already.
        """
        state, answer = _with_file(self.state, file), answer_of(self.state.siren, file, file.position)
        if book is None:
            return Decision(state, events=(*before, *after), rows=rows, deadlines=deadlines, answer=answer)
        envelope = book.close()
        offer = envelope.offering and not book.offering
        return Decision(
            state,
            events=(*before, *book.events, *after),
            draws=(ENVELOPES.drawn(envelope.id, envelope),),
            rows=(*book.entries, *rows),
            deadlines=deadlines,
            follow_ups=(Follow(envelope.id, ServeWaiting()),) if offer else (),
            answer=answer,
        )

    def serve(
        self, book: Book, ruleset: Ruleset, file: VoucherFile, reason: str, before: tuple[Event, ...]
    ) -> Decision[Applicant]:
        """Reserve what the file asks; grant it at once when decisions are automatic and none calls for a person."""
        from_status: Status | None = "liste_attente" if reason == "liste_attente" else None
        asked, reply_by = file.asked_cents, self.reply_by(ruleset)
        file = replace(file, reply_by=reply_by)
        book.reserve(asked, reason)
        review = ruleset.review_over_cents is not None and asked > ruleset.review_over_cents
        if ruleset.auto_decision and not review:
            granted, event = self.grant(book, ruleset, file, asked, asked)
            deposited = self.transition(granted, from_status, "depose", reason)
            decided = self.transition(granted, "depose", "accorde", "décision automatique", index=1)
            return self.changed(granted, book, (deposited, decided), before=before, after=(event,))
        kept = replace(file, status="depose", held_cents=asked)
        row = self.transition(kept, from_status, "depose", reason)
        timer = Schedule(timer_of(kept), end_of_day(reply_by), ReservationDue(kept.id))
        after = () if from_status is None else (self._reserved(kept, reply_by),)
        return self.changed(kept, book, (row,), before=before, after=after, deadlines=(timer,))

    def _reserved(self, file: VoucherFile, reply_by: date) -> VoucherReserved:
        """The event of a file that waited and has its money now, to be decided on by a person."""
        return VoucherReserved(
            siren=self.state.siren,
            voucher_id=file.id,
            envelope_id=file.envelope_id,
            amount_cents=file.held_cents,
            reply_by=reply_by,
            calculation=file.calculation,
            region=self.region,
        )

    def grant(
        self, book: Book, ruleset: Ruleset, file: VoucherFile, reserved_cents: int, amount_cents: int
    ) -> tuple[VoucherFile, VoucherGranted]:
        """The right is given today: reserve → engage, the difference is available again."""
        book.engage(amount_cents)
        book.release("reserve", reserved_cents - amount_cents, "accorde")
        agreement_by = add_months(self.today, ruleset.agreement_months)
        claim_by = add_months(self.today, ruleset.claim_months)
        granted = replace(
            file,
            status="accorde",
            held_cents=amount_cents,
            granted_on=self.today,
            agreement_by=agreement_by,
            claim_by=claim_by,
        )
        event = VoucherGranted(
            siren=self.state.siren,
            voucher_id=file.id,
            envelope_id=file.envelope_id,
            amount_cents=amount_cents,
            rate_percent=file.rate_percent,
            agreement_by=agreement_by,
            claim_by=claim_by,
            region=self.region,
            ceiling=file.ceiling,
            calculation=file.calculation,
        )
        return granted, event

    def close(
        self, envelope: Envelope, file: VoucherFile, status: Status, reasons: tuple[Reason, ...]
    ) -> tuple[Book, VoucherFile]:
        """End a file that is active: the money it holds goes back, or its place on the waiting list is free."""
        book = self.book(envelope, file)
        if file.status == "liste_attente":
            book.leave_queue()
        else:
            book.release(HELD_IN[file.status], file.held_cents, status)
        return book, replace(file, status=status, held_cents=0, reasons=reasons)

    def closed(
        self, book: Book, before: VoucherFile, file: VoucherFile, actor: str, event: Event
    ) -> Decision[Applicant]:
        """The decision of `close`, told by `event`."""
        why = " ".join(reason.sentence for reason in file.reasons)
        row = self.transition(file, before.status, file.status, why, actor=actor)
        deadlines = (Cancel(timer_of(before)),) if before.status == "depose" else ()
        return self.changed(file, book, (row,), after=(event,), deadlines=deadlines)

    def refuse(
        self, envelope: Envelope, file: VoucherFile, reasons: tuple[Reason, ...], actor: str
    ) -> Decision[Applicant]:
        """Refuse a file that was deposited or waits."""
        book, closed = self.close(envelope, file, "refuse", reasons)
        return self.closed(book, file, closed, actor, self.refused(closed))

    def refused(self, file: VoucherFile) -> VoucherRefused:
        """The event of a refusal, with every reason."""
        return VoucherRefused(
            siren=self.state.siren,
            voucher_id=file.id,
            reasons=tuple(reason.sentence for reason in file.reasons),
            codes=tuple(reason.code for reason in file.reasons),
            envelope_id=file.envelope_id,
            region=self.region,
        )

    def transition(
        self,
        file: VoucherFile,
        from_status: Status | None,
        to_status: Status,
        reason: str,
        *,
        actor: str = PLATFORM,
        index: int = 0,
    ) -> Transition:
        """The row that keeps a change of status."""
        message = self.message
        return Transition(
            self.state.siren,
            self.region,
            file,
            from_status,
            to_status,
            actor,
            reason,
            message.time,
            message.id,
            index,
        )


def timer_of(file: VoucherFile) -> str:
    """Name of the deadline that ends a reservation."""
    return f"reservation:{file.id}"


def _with_file(state: Applicant, file: VoucherFile) -> Applicant:
    """The state with this file new or renewed; of the closed ones only the last few are kept."""
    files = (*(known for known in state.files if known.id != file.id), file)
    closed = [known for known in files if known.status not in ACTIVE]
    if len(closed) > KEPT_CLOSED:
        files = tuple(known for known in files if known is not closed[0])
    return Applicant(state.siren, state.profile, state.diagnostic, state.labelled_until, files)
