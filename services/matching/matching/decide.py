"""The rules of matching: pure, total over what the service reads; time is the message's time."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from msgspec.structs import replace

from common.decision import Cancel, Decision, Rejection, Schedule
from common.event import Event, derive_bytes, id_text
from common.message import Message
from france.days import paris_day
from matching.events import AidsRecommended, MatchAccepted, MatchDeclined, MatchExpired, NeedOpened, Programme
from matching.inputs import AcceptMatch, CapacityFreed, DeclineMatch, DiagnosticCompleted, OffersExpired, PutConnector
from matching.model import (
    CompanyNeeds,
    ConnectorAnswer,
    ConnectorSaved,
    DeclineReason,
    LoadsMoved,
    Match,
    MatchAnswer,
    Need,
)
from matching.rules.needs import is_paid, joinable, priority_of, subjects_of
from matching.rules.offers import NEED_ID, offer_round, offers_timer
from matching.rules.shared import Shared, with_loads

Result: TypeAlias = Decision[CompanyNeeds, Shared]


def initial(siren: str) -> CompanyNeeds:
    """A company that never had a need."""
    return CompanyNeeds(siren)


def decide(state: CompanyNeeds, shared: Shared, message: Message[object]) -> Result:
    """Decide one input.

    Raises:
        TypeError: an input this service does not declare.
    """
    match message.input:
        case DiagnosticCompleted() as event:
            return _diagnosed(state, shared, message, event)
        case AcceptMatch(match_id=match_id):
            return _accepted(state, shared, message, match_id)
        case DeclineMatch(match_id=match_id, reason=reason):
            return _declined(state, shared, message, match_id, reason)
        case OffersExpired(need_id=need_id, round=number):
            return _expired(state, shared, message, need_id, number)
        case CapacityFreed(connector_id=connector_id):
            return _freed(state, shared, connector_id)
        case PutConnector():
            return _put(state, shared, message.input)
        case _:
            raise TypeError(f"matching does not decide {type(message.input).__name__}")


# --- a diagnosis opens a need ----------------------------------------------------------------------------------------


def _diagnosed(state: CompanyNeeds, shared: Shared, message: Message[object], event: DiagnosticCompleted) -> Result:
    """Open a need, offer it and recommend aids; or join the need that is open on the same subject."""
    basis = shared.basis
    figures = basis.figures
    subjects = subjects_of(event, figures.need)
    if not subjects:
        return Decision(state, shared)
    profile = basis.profiler.profile(event.company, paris_day(message.time))
    programmes = basis.catalogue.recommend(profile, subjects)
    known = joinable(state, subjects[0], message.time, figures.offer.dedupe_days)
    if known is not None:
        return _joined(state, shared, event, known, programmes)
    need = Need(
        need_id=id_text(derive_bytes(message.id, NEED_ID)).decode(),
        subjects=subjects,
        paid=is_paid(event, figures.need),
        priority=priority_of(event, subjects, figures.need),
        origin="diagnostic",
        opened_at=message.time,
        status="propose",
        round=0,
        expires_at=None,
        matches=(),
        diagnostics=(event.diagnostic_id,),
        aids=_fingerprint(programmes),
        ruleset_version=figures.ruleset_version,
    )
    region = event.company.region
    opened = NeedOpened(
        state.siren,
        need.need_id,
        subjects,
        need.origin,
        need.priority,
        region,
        need.paid,
        event.diagnostic_id,
        need.ruleset_version,
    )
    offer = offer_round(need, shared, profile, message)
    aids = _aids(state.siren, need.need_id, programmes, region)
    after = CompanyNeeds(state.siren, event.company, (*state.needs, offer.need))
    return Decision(after, with_loads(shared, offer.rows), (opened, offer.event, *aids), offer.rows, offer.deadlines)


def _joined(
    state: CompanyNeeds,
    shared: Shared,
    event: DiagnosticCompleted,
    need: Need,
    programmes: tuple[Programme, ...],
) -> Result:
    """Attach a new diagnosis to an open need; aids are recommended again only if they changed."""
    if event.diagnostic_id in need.diagnostics:
        return Decision(state, shared)
    fingerprint = _fingerprint(programmes)
    aids = () if fingerprint == need.aids else _aids(state.siren, need.need_id, programmes, event.company.region)
    joined = replace(need, diagnostics=(*need.diagnostics, event.diagnostic_id), aids=fingerprint)
    after = replace(_with_need(state, joined), company=event.company)
    return Decision(after, shared, aids)


def _aids(siren: str, need_id: str, programmes: tuple[Programme, ...], region: str) -> tuple[Event, ...]:
    return (AidsRecommended(siren, need_id, programmes, region),) if programmes else ()


def _fingerprint(programmes: Sequence[Programme]) -> tuple[str, ...]:
    return tuple([f"{programme.id}:{programme.verdict}" for programme in programmes])


# --- answers of connecteurs ------------------------------------------------------------------------------------------


def _accepted(state: CompanyNeeds, shared: Shared, message: Message[object], match_id: str) -> Result:
    """The first acceptance takes the need: the other open offers are released, the load stays for `capacity_days`."""
    found = _find(state, match_id)
    if found is None:
        return Decision(state, shared, answer=_unknown_match(match_id))
    need, match = found
    refused = _refused(need, match, "accepte", message.time)
    if refused is not None:
        return Decision(state, shared, answer=refused)
    answer = MatchAnswer(state.siren, need.need_id, match_id, match.connector_id, "accepte")
    if match.status == "accepte":
        return Decision(state, shared, answer=answer)
    released = [other for other in _open(need) if other.match_id != match_id]
    taken = _close(need, [match], "accepte", message.time)
    taken = replace(_close(taken, released, "libere", message.time), status="pris_en_charge", expires_at=None)
    rows = _release(released)
    event = MatchAccepted(
        state.siren,
        need.need_id,
        match_id,
        match.connector_id,
        match.institution_id,
        match.round,
        _delay(match, message.time),
        tuple(other.match_id for other in released),
        message.region or _region(state),
    )
    free_at = message.time + timedelta(days=shared.basis.figures.offer.capacity_days)
    timers = (
        Cancel(offers_timer(need)),
        Schedule(f"capacity:{match_id}", free_at, CapacityFreed(match_id, match.connector_id)),
    )
    return Decision(_with_need(state, taken), with_loads(shared, rows), (event,), rows, timers, answer)


def _declined(
    state: CompanyNeeds, shared: Shared, message: Message[object], match_id: str, reason: DeclineReason
) -> Result:
    """A refusal frees the connecteur; when nobody is left in the round, the next one starts at once."""
    found = _find(state, match_id)
    if found is None:
        return Decision(state, shared, answer=_unknown_match(match_id))
    need, match = found
    refused = _refused(need, match, "refuse", message.time)
    if refused is not None:
        return Decision(state, shared, answer=refused)
    answer = MatchAnswer(state.siren, need.need_id, match_id, match.connector_id, "refuse")
    if match.status == "refuse":
        return Decision(state, shared, answer=answer)
    left = _close(need, [match], "refuse", message.time, reason)
    event = MatchDeclined(
        state.siren,
        need.need_id,
        match_id,
        match.connector_id,
        match.institution_id,
        match.round,
        reason,
        _delay(match, message.time),
        message.region or _region(state),
    )
    rows = _release([match])
    done = Decision(_with_need(state, left), with_loads(shared, rows), (event,), rows, answer=answer)
    return done if _open(left) else _next_round(done, message, left)


def _expired(state: CompanyNeeds, shared: Shared, message: Message[object], need_id: str, number: int) -> Result:
    """Offers nobody answered expire; the next candidates are asked."""
    need = next((need for need in state.needs if need.need_id == need_id), None)
    if need is None or need.status != "propose" or need.round != number:
        return Decision(state, shared)
    late = _open(need)
    rows = _release(late)
    left = _close(need, late, "expire", message.time)
    events = tuple(
        MatchExpired(
            state.siren, need_id, match.match_id, match.connector_id, match.institution_id, number, _region(state)
        )
        for match in late
    )
    done = Decision(_with_need(state, left), with_loads(shared, rows), events, rows)
    return _next_round(done, message, left)


def _next_round(done: Result, message: Message[object], need: Need) -> Result:
    """What is `done` already, then the need offered again to other institutions."""
    state, shared = done.state, done.shared
    if state.company is None:
        raise TypeError(f"need {need.need_id} has no company")
    profile = shared.basis.profiler.profile(state.company, paris_day(message.time))
    offer = offer_round(need, shared, profile, message)
    return Decision(
        _with_need(state, offer.need),
        with_loads(shared, offer.rows),
        (*done.events, offer.event),
        (*done.rows, *offer.rows),
        offer.deadlines or (Cancel(offers_timer(need)),),
        done.answer,
    )


def _freed(state: CompanyNeeds, shared: Shared, connector_id: str) -> Result:
    """An accepted match leaves the load of its connecteur."""
    rows = (LoadsMoved((connector_id,), -1),)
    return Decision(state, with_loads(shared, rows), rows=rows)


# --- the directory ---------------------------------------------------------------------------------------------------


def _put(state: CompanyNeeds, shared: Shared, command: PutConnector) -> Result:
    """Write a line of the directory; the same line again changes nothing. Later batches see it."""
    connector = command.connector
    changed = shared.basis.directory.connectors.get(connector.id) != connector
    answer = ConnectorAnswer(connector.id, connector.status, changed)
    return Decision(state, shared, rows=(ConnectorSaved(connector),) if changed else (), answer=answer)


# --- small steps -----------------------------------------------------------------------------------------------------


def _find(state: CompanyNeeds, match_id: str) -> tuple[Need, Match] | None:
    for need in reversed(state.needs):
        for match in need.matches:
            if match.match_id == match_id:
                return need, match
    return None


def _open(need: Need) -> list[Match]:
    return [match for match in need.matches if match.status == "propose"]


def _refused(need: Need, match: Match, wanted: Literal["accepte", "refuse"], now: datetime) -> Rejection | None:
    """Why an offer can no longer be answered so; None when it can, or when it was answered so already."""
    if match.status == wanted:
        return None
    if match.status != "propose":
        told = {
            "accepte": "Vous avez déjà accepté cette demande.",
            "refuse": "Vous avez déjà refusé cette demande.",
            "expire": "Le délai de réponse est dépassé : la demande a été proposée à d'autres.",
            "libere": "Un autre connecteur a accepté cette demande avant vous.",
        }
        return Rejection(409, "Proposition close", told[match.status], "match_id")
    if need.expires_at is not None and now >= need.expires_at:
        return Rejection(409, "Proposition expirée", "Le délai de réponse à cette proposition est dépassé.", "match_id")
    return None


def _unknown_match(match_id: str) -> Rejection:
    detail = f"Aucune proposition {match_id} n'existe pour cette entreprise."
    return Rejection(404, "Proposition inconnue", detail, "match_id")


def _close(
    need: Need,
    closed: Sequence[Match],
    status: Literal["accepte", "refuse", "expire", "libere"],
    now: datetime,
    reason: DeclineReason | None = None,
) -> Need:
    """The need with these offers answered."""
    ids = {match.match_id for match in closed}
    matches = tuple(
        replace(match, status=status, answered_at=now, reason=reason) if match.match_id in ids else match
        for match in need.matches
    )
    return replace(need, matches=matches)


def _with_need(state: CompanyNeeds, need: Need) -> CompanyNeeds:
    needs = tuple(need if known.need_id == need.need_id else known for known in state.needs)
    return replace(state, needs=needs)


def _release(matches: Sequence[Match]) -> tuple[object, ...]:
    return (LoadsMoved(tuple(match.connector_id for match in matches), -1),) if matches else ()


def _delay(match: Match, now: datetime) -> float:
    return round(max(0.0, (now - match.proposed_at).total_seconds()) / 3600, 2)


def _region(state: CompanyNeeds) -> str:
    return "" if state.company is None else state.company.region
