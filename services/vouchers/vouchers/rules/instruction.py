"""What happens to a deposited file: granted, refused, given up, expired, or served from the waiting list."""

from datetime import timedelta

from msgspec.structs import replace

from common.decision import Cancel
from france.typography import euros
from vouchers.events import VoucherExpired, VoucherRenounced
from vouchers.inputs import GrantVoucher, OfferRelease, RefuseVoucher, ReservationDue, WithdrawVoucher
from vouchers.model import ACTIVE, Reason, Status, VoucherFile
from vouchers.rules.desk import PLATFORM, Desk, Outcome, timer_of
from vouchers.rules.grant import Grant, grant, own_aid
from vouchers.ruleset import Rules


def grant_file(desk: Desk, command: GrantVoucher) -> Outcome:
    """An instructor grants; the ceilings are checked again in the transaction that gives the right."""
    found = desk.find(command.voucher_id, command.envelope_id)
    if found is None:
        return desk.unknown(command.voucher_id)
    file, envelope = found
    if file.status == "accorde" and command.amount_cents in {None, file.held_cents}:
        return desk.unchanged(file)
    if file.status != "depose":
        return desk.illegal(file, "accordé")
    rules = envelope.rules_named(file.ruleset, desk.message.time)
    again = _judge_again(desk, rules, file)
    if again.reason is not None:
        title = "Le dossier ne peut plus être accordé"
        return desk.reject(409, title, again.reason.sentence, "", ("refuse", "withdraw"))
    most = min(again.amount_cents, file.held_cents)
    amount = most if command.amount_cents is None else command.amount_cents
    if not rules.min_grant_cents <= amount <= most:
        detail = f"Le montant accordé va de {euros(rules.min_grant_cents)} à {euros(most)}."
        return desk.reject(422, "Montant hors limites", detail, "amount_cents")
    book = desk.book(envelope, file)
    granted, event = desk.grant(book, rules, file, file.held_cents, amount)
    row = desk.transition(granted, "depose", "accorde", command.reason, actor=command.actor)
    return desk.changed(granted, book, (row,), after=(event,), deadlines=(Cancel(timer_of(file)),))


def refuse_file(desk: Desk, command: RefuseVoucher) -> Outcome:
    """An instructor refuses a deposited or a waiting file."""
    found = desk.find(command.voucher_id, command.envelope_id)
    if found is None:
        return desk.unknown(command.voucher_id)
    file, envelope = found
    if file.status == "refuse":
        return desk.unchanged(file)
    if file.status not in {"depose", "liste_attente"}:
        return desk.illegal(file, "refusé")
    return desk.refuse(envelope, file, (Reason("decision_instructeur", command.reason),), command.actor)


def withdraw_file(desk: Desk, command: WithdrawVoucher) -> Outcome:
    """The company gives up, before the decision or after it; its money is free at once."""
    found = desk.find(command.voucher_id, command.envelope_id)
    if found is None:
        return desk.unknown(command.voucher_id)
    file, envelope = found
    if file.status in {"retire", "renonce"}:
        return desk.unchanged(file)
    if file.status not in ACTIVE:
        return desk.illegal(file, "retiré")
    status: Status = "renonce" if file.status == "accorde" else "retire"
    reasons = (Reason(status, command.reason),) if command.reason else ()
    book, closed, released = desk.close(envelope, file, status, reasons)
    event = VoucherRenounced(desk.state.siren, file.id, envelope.id, released, status, command.reason, desk.region)
    return desk.closed(book, file, closed, command.actor, event)


def expire_file(desk: Desk, deadline: ReservationDue) -> Outcome:
    """No decision in time: the reservation is released. Silence is never acceptance (public money)."""
    found = desk.find(deadline.voucher_id, deadline.envelope_id)
    if found is None or found[0].status != "depose":
        return desk.unchanged()
    file, envelope = found
    sentence = "Aucune décision n'a été prise dans le délai: la réservation est libérée."
    book, closed, released = desk.close(envelope, file, "expire", (Reason("sans_decision", sentence),))
    event = VoucherExpired(desk.state.siren, file.id, envelope.id, released, "sans_decision", desk.region)
    return desk.closed(book, file, closed, PLATFORM, event)


def offer_release(desk: Desk, command: OfferRelease) -> Outcome:
    """Money came back: serve this waiting file, if it still waits, still fits and may still have the grant."""
    found = desk.find(command.voucher_id, command.envelope_id)
    if found is None:
        return desk.unknown(command.voucher_id)
    file, envelope = found
    if file.status != "liste_attente":
        return desk.unchanged(file)
    rules = envelope.rules_named(file.ruleset, desk.message.time)
    again = _judge_again(desk, rules, file)
    if again.reason is not None:
        return desk.refuse(envelope, file, (again.reason,), PLATFORM)
    amount = min(again.amount_cents, file.asked_cents)
    if amount > envelope.balances.disponible:
        return desk.unchanged(file)
    book = desk.book(envelope, file)
    book.leave_queue()
    reply_by = desk.today + timedelta(days=rules.reservation_days)
    return desk.serve(book, rules, replace(file, asked_cents=amount, reply_by=reply_by), "liste_attente", ())


def _judge_again(desk: Desk, rules: Rules, file: VoucherFile) -> Grant:
    """What may be granted today: the company must be alive, the ceilings are counted again, the rest stands."""
    profile = desk.state.profile
    if profile is not None and not profile.active:
        return Grant(0, file.rate_percent, Reason("entreprise_inactive", "L'entreprise n'est plus en activité."))
    base = sum(line.amount_cents for line in file.lines)
    aid = own_aid(rules, desk.state.files, desk.today, but=file.id)
    return grant(rules, base, file.rate_percent, file.declarations, aid)
