"""A company deposits a complete file: refused with every reason, or served, or put on the waiting list."""

from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from common.event import derive_id
from france.typography import short_day
from vouchers import events
from vouchers.inputs import ApplyForVoucher
from vouchers.model import ACTIVE, Diagnostic, Envelope, Profile, VoucherFile
from vouchers.rules.desk import ALLOWED, Desk, Outcome
from vouchers.rules.eligibility import Case, Verdict, assess
from vouchers.rules.grant import own_aid
from vouchers.ruleset import Rules

PAYLOAD_ID: Final = 1000
"""Index from which ids inside payloads derive, clear of event ids."""


def deposit(desk: Desk, command: ApplyForVoucher) -> Outcome:
    """Decide an application; the same one again gets the same answer and changes nothing."""
    envelope = desk.shared.get(command.envelope_id)
    if envelope is None:
        return desk.reject(404, "Programme inconnu", f"Aucune enveloppe « {command.envelope_id} ».", "envelope_id")
    for file in desk.state.files:
        if file.programme == envelope.programme and file.status in ACTIVE:
            return _second(desk, command, file)
    closed = _closed(desk, envelope)
    if closed:
        return desk.reject(409, "Dépôt fermé", closed, "envelope_id")
    profile, diagnostic = desk.state.profile, desk.state.diagnostic
    if profile is None or diagnostic is None:
        detail = (
            "Aucun diagnostic complet n'est connu pour ce SIREN. Un diagnostic qui vient d'être terminé est pris en "
            "compte en quelques secondes: réessayez."
        )
        return desk.reject(409, "Diagnostic complet requis", detail, "siren")
    rules = envelope.rules_at(desk.message.time)
    verdict = _judge(desk, command, rules, profile, diagnostic)
    if verdict.missing and not verdict.failing:
        detail = " ".join(reason.sentence for reason in verdict.missing)
        return desk.reject(409, "Dossier impossible à juger: une donnée manque", detail, "siren")
    file = _file(desk, command, envelope, rules, verdict)
    return _refuse(desk, file) if verdict.failing else _accept(desk, envelope, rules, file)


def _second(desk: Desk, command: ApplyForVoucher, file: VoucherFile) -> Outcome:
    """A second application: the same one gets the same answer, another one is refused without a trace."""
    if file.lines == command.lines and file.declarations == command.declarations:
        return desk.unchanged(file)
    return desk.reject(
        409,
        "Un chèque par entreprise et par programme",
        f"Le dossier {file.id} ({file.status}) est déjà en cours ou accordé: retirez-le avant d'en déposer un autre.",
        "siren",
        ALLOWED.get(file.status, ()),
    )


def _closed(desk: Desk, envelope: Envelope) -> str:
    """Why the envelope takes no file on this day, as a French sentence; "" when it does."""
    today = desk.today
    if envelope.opens_on is not None and today < envelope.opens_on:
        return f"Les dépôts ouvrent le {short_day(envelope.opens_on)}."
    if envelope.closes_on is not None and today > envelope.closes_on:
        return f"Les dépôts sont clos depuis le {short_day(envelope.closes_on)}."
    return ""


def _judge(desk: Desk, command: ApplyForVoucher, rules: Rules, profile: Profile, diagnostic: Diagnostic) -> Verdict:
    case = Case(
        desk.state.siren,
        profile,
        diagnostic,
        desk.state.labelled_until,
        command.lines,
        command.declarations,
        own_aid(rules, desk.state.files, desk.today),
        desk.message.time,
        desk.today,
    )
    return assess(rules, case)


def _file(desk: Desk, command: ApplyForVoucher, envelope: Envelope, rules: Rules, verdict: Verdict) -> VoucherFile:
    reasons = verdict.failing + verdict.missing
    return VoucherFile(
        id=str(derive_id(desk.message.id, PAYLOAD_ID)),
        envelope_id=envelope.id,
        programme=envelope.programme,
        status="refuse" if reasons else "depose",
        submitted_at=desk.message.time,
        submitted_on=desk.today,
        lines=command.lines,
        declarations=command.declarations,
        asked_cents=0 if reasons else verdict.grant.amount_cents,
        rate_percent=verdict.grant.rate_percent,
        ruleset=rules.version,
        reply_by=None if reasons else desk.today + timedelta(days=rules.reservation_days),
        reasons=reasons,
    )


def _refuse(desk: Desk, file: VoucherFile) -> Outcome:
    """Not eligible: nothing is reserved. The same application refused for the same reasons is the same file."""
    codes = [reason.code for reason in file.reasons]
    for known in desk.state.files:
        if (
            known.status == "refuse"
            and known.envelope_id == file.envelope_id
            and known.lines == file.lines
            and known.declarations == file.declarations
            and [reason.code for reason in known.reasons] == codes
        ):
            return desk.unchanged(known)
    row = desk.transition(file, None, "refuse", "dépôt non recevable")
    return desk.changed(file, None, (row,), after=(desk.refused(file),))


def _accept(desk: Desk, envelope: Envelope, rules: Rules, file: VoucherFile) -> Outcome:
    """Eligible: money is reserved at once if there is some, else the file waits in order of deposit."""
    requested = events.VoucherRequested(
        desk.state.siren,
        file.id,
        envelope.id,
        file.asked_cents,
        tuple(
            events.Line(line.category, line.supplier_siren, line.amount_cents, line.measure_id) for line in file.lines
        ),
        file.declarations.de_minimis_declared_cents,
        file.reply_by or desk.today,
        desk.region,
    )
    book = desk.book(envelope, file)
    if envelope.has_room(file.asked_cents):
        return desk.serve(book, rules, file, "depose", (requested,))
    place, position = book.join_queue(file.asked_cents)
    waiting = replace(file, status="liste_attente", place=place, position=position)
    waitlisted = events.VoucherWaitlisted(desk.state.siren, file.id, envelope.id, position, desk.region)
    row = desk.transition(waiting, None, "liste_attente", "enveloppe insuffisante")
    return desk.changed(waiting, book, (row,), before=(requested, waitlisted))
