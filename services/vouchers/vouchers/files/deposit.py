"""A company deposits a complete file: refused with every reason, or served, or put on the waiting list."""

from typing import Final

from msgspec.structs import replace

from common.declare.decision import Decision, Refusal
from common.declare.event import derive_id
from common.declare.message import Message
from common.declare.pool import Pools, Ref
from france.typography import short_day
from vouchers import events
from vouchers.eligibility.conditions import Case, Verdict, assess, missing
from vouchers.eligibility.facts import Diagnostic, Profile, Reason
from vouchers.files.handling import ALLOWED, Handling
from vouchers.files.inputs import ApplyForVoucher
from vouchers.files.model import ACTIVE, Applicant, VoucherFile, own_aid, unknown_envelope
from vouchers.ledger.envelope import ENVELOPES, Envelope
from vouchers.ruleset import Ruleset

PAYLOAD_ID: Final = 1000
"""Index from which ids inside payloads derive, clear of event ids."""


def the_envelope_asked(message: Message[ApplyForVoucher], _: Applicant) -> tuple[Ref, ...]:
    """The envelope that an application names."""
    return (ENVELOPES.at(message.input.envelope_id),)


def deposit(state: Applicant, pools: Pools, message: Message[ApplyForVoucher]) -> Decision[Applicant]:
    """Decide an application; the same one again gets the same answer and changes nothing."""
    handling, command = Handling.of(state, pools, message), message.input
    envelope = pools.get(ENVELOPES, command.envelope_id)
    if envelope is None:
        return handling.cannot(unknown_envelope(command.envelope_id))
    for file in state.files:
        if file.programme == envelope.programme and file.status in ACTIVE:
            return _second(handling, command, file)
    closed = _closed(handling, envelope)
    if closed:
        return handling.cannot(Refusal("illegal", "depot_ferme", "Dépôt fermé", closed, "envelope_id"))
    profile, diagnostic = state.profile, state.diagnostic
    if profile is None or diagnostic is None:
        detail = (
            "Aucun diagnostic complet n'est connu pour ce SIREN. Un diagnostic qui vient d'être terminé est pris en "
            "compte en quelques secondes: réessayez."
        )
        if profile is not None:
            detail = " ".join([detail, *(reason.sentence for reason in missing(profile))])
        return handling.cannot(
            Refusal("illegal", "diagnostic_complet_requis", "Diagnostic complet requis", detail, "siren")
        )
    ruleset = envelope.ruleset_at(message.time)
    verdict = _judge(handling, command, ruleset, profile, diagnostic)
    if verdict.missing and not verdict.failing:
        detail = " ".join(reason.sentence for reason in verdict.missing)
        title = "Dossier impossible à juger: une donnée manque"
        return handling.cannot(Refusal("illegal", "donnee_manquante", title, detail, "siren"))
    file = _file(handling, command, envelope, ruleset, verdict)
    reasons = verdict.failing + verdict.missing
    return _refuse(handling, file, reasons) if reasons else _accept(handling, envelope, ruleset, file)


def _second(handling: Handling, command: ApplyForVoucher, file: VoucherFile) -> Decision[Applicant]:
    """A second application: the same one gets the same answer, another one is refused without a trace."""
    if file.lines == command.lines and file.declarations == command.declarations:
        return handling.unchanged(file)
    title = "Un chèque par entreprise et par programme"
    detail = (
        f"Le dossier {file.id} ({file.status}) est déjà en cours ou accordé: retirez-le avant d'en déposer un autre."
    )
    allowed = ALLOWED.get(file.status, ())
    return handling.cannot(Refusal("illegal", "cheque_deja_en_cours", title, detail, "siren", allowed))


def _closed(handling: Handling, envelope: Envelope) -> str | None:
    """Why the envelope takes no file on this day, as a French sentence; None when it does."""
    today = handling.today
    if envelope.opens_on is not None and today < envelope.opens_on:
        return f"Les dépôts ouvrent le {short_day(envelope.opens_on)}."
    if envelope.closes_on is not None and today > envelope.closes_on:
        return f"Les dépôts sont clos: ils étaient possibles jusqu'au {short_day(envelope.closes_on)} inclus."
    return None


def _judge(
    handling: Handling, command: ApplyForVoucher, ruleset: Ruleset, profile: Profile, diagnostic: Diagnostic
) -> Verdict:
    case = Case(
        handling.state.siren,
        profile,
        diagnostic,
        handling.state.labelled_until,
        command.lines,
        command.declarations,
        own_aid(ruleset, handling.state.files, handling.today),
        handling.message.time,
        handling.today,
    )
    return assess(ruleset, case)


def _file(
    handling: Handling, command: ApplyForVoucher, envelope: Envelope, ruleset: Ruleset, verdict: Verdict
) -> VoucherFile:
    """The file as it is deposited, before money is looked for."""
    return VoucherFile(
        id=str(derive_id(handling.message.id, PAYLOAD_ID)),
        envelope_id=envelope.id,
        programme=envelope.programme,
        status="depose",
        submitted_at=handling.message.time,
        submitted_on=handling.today,
        lines=command.lines,
        declarations=command.declarations,
        asked_cents=verdict.grant.amount_cents,
        rate_percent=verdict.grant.rate_percent,
        ruleset=ruleset.version,
        ceiling=verdict.grant.ceiling,
        calculation=verdict.grant.sentence,
    )


def _refuse(handling: Handling, file: VoucherFile, reasons: tuple[Reason, ...]) -> Decision[Applicant]:
    """Not eligible: nothing is reserved. The same application refused for the same reasons is the same file."""
    codes = [reason.code for reason in reasons]
    for known in handling.state.files:
        if (
            known.envelope_id == file.envelope_id
            and known.lines == file.lines
            and known.declarations == file.declarations
            and [reason.code for reason in known.reasons] == codes
        ):
            return handling.unchanged(known)
    refused = replace(file, status="refuse", asked_cents=0, reasons=reasons)
    row = handling.transition(refused, None, "refuse", "dépôt non recevable")
    return handling.changed(refused, None, (row,), after=(handling.refused(refused),))


def _accept(handling: Handling, envelope: Envelope, ruleset: Ruleset, file: VoucherFile) -> Decision[Applicant]:
    """Eligible: money is reserved at once if there is some, else the file waits in order of deposit."""
    has_room = envelope.has_room(file.asked_cents)
    requested = events.VoucherRequested(
        siren=handling.state.siren,
        voucher_id=file.id,
        envelope_id=envelope.id,
        amount_asked_cents=file.asked_cents,
        lines=tuple(
            events.Line(line.category, line.supplier_siren, line.amount_cents, line.measure_id) for line in file.lines
        ),
        de_minimis_declared_cents=file.declarations.de_minimis_declared_cents,
        reply_by=handling.reply_by(ruleset),
        region=handling.region,
        reserved=has_room,
        calculation=file.calculation,
    )
    book = handling.book(envelope, file)
    if has_room:
        return handling.serve(book, ruleset, file, "depose", (requested,))
    place, position, since = book.join_queue(file.asked_cents)
    waiting = replace(file, status="liste_attente", submitted_at=since, place=place, position=position)
    waitlisted = events.VoucherWaitlisted(
        siren=handling.state.siren,
        voucher_id=file.id,
        envelope_id=envelope.id,
        position=position,
        region=handling.region,
    )
    row = replace(handling.transition(waiting, None, "liste_attente", "enveloppe insuffisante"), at=since)
    return handling.changed(waiting, book, (row,), before=(requested, waitlisted))
