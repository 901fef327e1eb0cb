"""What happens to a deposited file: granted, refused, given up, expired, or served from the waiting list."""

from msgspec.structs import replace

from common.declare.decision import Cancel, Decision, Refusal
from common.declare.message import Message
from common.declare.pool import Pools, Ref
from france.typography import euros
from vouchers.eligibility.conditions import INACTIVE
from vouchers.eligibility.facts import Reason
from vouchers.eligibility.grant import Grant, cut, grant
from vouchers.events import VoucherExpired, VoucherRenounced
from vouchers.files.handling import PLATFORM, Handling, timer_of
from vouchers.files.inputs import GrantVoucher, RefuseVoucher, ReservationDue, WithdrawVoucher
from vouchers.files.model import ACTIVE, Applicant, Status, VoucherFile, own_aid
from vouchers.ledger.envelope import ENVELOPES
from vouchers.ruleset import Ruleset
from vouchers.waiting.follow_ups import OfferRelease

OnFile = GrantVoucher | RefuseVoucher | WithdrawVoucher | ReservationDue | OfferRelease


def its_envelope(message: Message[OnFile], state: Applicant) -> tuple[Ref, ...]:
    """The envelope of the file that an input names; a file never changes envelope."""
    wanted = message.input.voucher_id
    return tuple(ENVELOPES.at(file.envelope_id) for file in state.files if file.id == wanted)


def grant_file(state: Applicant, pools: Pools, message: Message[GrantVoucher]) -> Decision[Applicant]:
    """An instructor grants; the ceilings are checked again in the transaction that gives the right."""
    handling, command = Handling.of(state, pools, message), message.input
    found = handling.find(command.voucher_id)
    if found is None:
        return handling.unknown(command.voucher_id)
    file, envelope = found
    if file.status == "accorde" and command.amount_cents in {None, file.held_cents}:
        return handling.unchanged(file)
    if file.status != "depose":
        return handling.illegal(file, "accordé")
    ruleset = envelope.ruleset_named(file.ruleset, handling.message.time)
    again = _judge_again(handling, ruleset, file)
    if again.reasons:
        title = "Le dossier ne peut plus être accordé"
        detail = " ".join(reason.sentence for reason in again.reasons)
        return handling.cannot(Refusal("illegal", "accord_impossible", title, detail, "", ("refuse", "withdraw")))
    most = min(again.amount_cents, file.held_cents)
    amount = most if command.amount_cents is None else command.amount_cents
    if not ruleset.min_grant_cents <= amount <= most:
        detail = f"Le montant accordé va de {euros(ruleset.min_grant_cents)} à {euros(most)}."
        return handling.cannot(
            Refusal("invalid", "montant_hors_limites", "Montant hors limites", detail, "amount_cents")
        )
    told = _told(file, again, most)
    if amount < most:
        why = "c’est le montant fixé par l’instructeur"
        sentence = cut(file.base_cents, file.rate_percent, amount, why)
        told = replace(told, ceiling="instructeur", calculation=sentence)
    book = handling.book(envelope, file)
    granted, event = handling.grant(book, ruleset, told, file.held_cents, amount)
    row = handling.transition(granted, "depose", "accorde", command.reason, actor=command.actor)
    return handling.changed(granted, book, (row,), after=(event,), deadlines=(Cancel(timer_of(file)),))


def refuse_file(state: Applicant, pools: Pools, message: Message[RefuseVoucher]) -> Decision[Applicant]:
    """An instructor refuses a deposited or a waiting file."""
    handling, command = Handling.of(state, pools, message), message.input
    found = handling.find(command.voucher_id)
    if found is None:
        return handling.unknown(command.voucher_id)
    file, envelope = found
    if file.status == "refuse":
        return handling.unchanged(file)
    if file.status not in {"depose", "liste_attente"}:
        return handling.illegal(file, "refusé")
    return handling.refuse(envelope, file, (Reason("decision_instructeur", command.reason),), command.actor)


def withdraw_file(state: Applicant, pools: Pools, message: Message[WithdrawVoucher]) -> Decision[Applicant]:
    """The company gives up, before the decision or after it; its money is free at once."""
    handling, command = Handling.of(state, pools, message), message.input
    found = handling.find(command.voucher_id)
    if found is None:
        return handling.unknown(command.voucher_id)
    file, envelope = found
    if file.status in {"retire", "renonce"}:
        return handling.unchanged(file)
    if file.status not in ACTIVE:
        return handling.illegal(file, "retiré")
    status: Status = "renonce" if file.status == "accorde" else "retire"
    reasons = (Reason(status, command.reason),) if command.reason else ()
    book, closed = handling.close(envelope, file, status, reasons)
    event = VoucherRenounced(
        siren=state.siren,
        voucher_id=file.id,
        envelope_id=envelope.id,
        released_cents=file.held_cents,
        status=status,
        reason=command.reason,
        region=handling.region,
    )
    return handling.closed(book, file, closed, command.actor, event)


def expire_file(state: Applicant, pools: Pools, message: Message[ReservationDue]) -> Decision[Applicant]:
    """No decision in time: the reservation is released. Silence is never acceptance (public money)."""
    handling, deadline = Handling.of(state, pools, message), message.input
    found = handling.find(deadline.voucher_id)
    if found is None or found[0].status != "depose":
        return handling.unchanged()
    file, envelope = found
    sentence = "Aucune décision n'a été prise dans le délai: la réservation est libérée."
    book, closed = handling.close(envelope, file, "expire", (Reason("sans_decision", sentence),))
    event = VoucherExpired(
        siren=state.siren,
        voucher_id=file.id,
        envelope_id=envelope.id,
        released_cents=file.held_cents,
        reason="sans_decision",
        region=handling.region,
    )
    return handling.closed(book, file, closed, PLATFORM, event)


def offer_release(state: Applicant, pools: Pools, message: Message[OfferRelease]) -> Decision[Applicant]:
    """Money came back: serve this waiting file, if it still waits, still fits and may still have the grant."""
    handling, offer = Handling.of(state, pools, message), message.input
    found = handling.find(offer.voucher_id)
    if found is None or found[0].status != "liste_attente":
        return handling.unchanged()
    file, envelope = found
    ruleset = envelope.ruleset_named(file.ruleset, handling.message.time)
    again = _judge_again(handling, ruleset, file)
    if again.reasons:
        return handling.refuse(envelope, file, again.reasons, PLATFORM)
    amount = min(again.amount_cents, file.asked_cents)
    if amount > envelope.balances.disponible:
        return handling.unchanged()
    book = handling.book(envelope, file)
    book.leave_queue()
    asked = replace(_told(file, again, amount), asked_cents=amount)
    return handling.serve(book, ruleset, asked, "liste_attente", ())


def _told(file: VoucherFile, again: Grant, amount_cents: int) -> VoucherFile:
    """The file with the calculation of an amount: the one counted again, or the one of its deposit if that was less."""
    if amount_cents != again.amount_cents:
        return file
    return replace(file, ceiling=again.ceiling, calculation=again.sentence)


def _judge_again(handling: Handling, ruleset: Ruleset, file: VoucherFile) -> Grant:
    """What may be granted today: the company must be alive, the ceilings are counted again, the rest stands."""
    base = sum(line.amount_cents for line in file.lines)
    aid = own_aid(ruleset, handling.state.files, handling.today, but=file.id)
    again, profile = grant(ruleset, base, file.rate_percent, file.declarations, aid), handling.state.profile
    if profile is None or profile.active:
        return again
    return Grant(0, file.rate_percent, (INACTIVE, *again.reasons))
