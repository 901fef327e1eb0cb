"""The answers of connecteurs: the first who accepts takes the need, a refusal frees who refused."""

from datetime import timedelta
from typing import Final, Literal, TypeAlias

from msgspec.structs import replace

from common.declare.decision import Cancel, Decision, Refusal, Schedule
from common.declare.message import Message
from common.declare.pool import Pools
from matching.basis import DIRECTORY, loads_of
from matching.events import MatchAccepted, MatchDeclined
from matching.needs.inputs import AcceptMatch, CapacityFreed, DeclineMatch
from matching.needs.matches import closed, delay_of, find_match, open_matches, region_of, released, with_need
from matching.needs.model import CompanyNeeds, Match, MatchAnswer, Need
from matching.needs.rounds import draws_of, go_on, offers_timer

INACTIVE: Final = Refusal(
    "illegal",
    "connecteur_inactif",
    "Connecteur inactif",
    "Ce connecteur n'est plus actif dans l'annuaire : il ne peut pas prendre de demande, qui est proposée à d'autres.",
    "match_id",
)

Answered: TypeAlias = Literal["accepte", "refuse"]


def accept(state: CompanyNeeds, pools: Pools, message: Message[AcceptMatch]) -> Decision[CompanyNeeds]:
    """The first acceptance takes the need: the other open offers are released, the load stays for `capacity_days`."""
    now, match_id = message.time, message.input.match_id
    found = _open_to(state, message, "accepte")
    if isinstance(found, Decision):
        return found
    need, match = found
    line = pools.view(DIRECTORY).directory.connectors.get(match.connector_id)
    if line is not None and line.status != "active":
        return Decision(state, answer=INACTIVE)
    answer = _answer(state, need, match, "accepte")
    others = [other for other in open_matches(need) if other.match_id != match_id]
    taken = closed(need, [match], "accepte", now)
    taken = replace(closed(taken, others, "libere", now), status="pris_en_charge", expires_at=None)
    event = MatchAccepted(
        siren=state.siren,
        need_id=need.need_id,
        match_id=match_id,
        connector_id=match.connector_id,
        institution_id=match.institution_id,
        round=match.round,
        delay_hours=delay_of(match, now),
        released=tuple(other.match_id for other in others),
        region=message.region or region_of(state),
    )
    basis, rows = pools.view(DIRECTORY), released(others)
    free_at = now + timedelta(days=basis.ruleset.round.capacity_days)
    timers = (
        Cancel(offers_timer(need)),
        Schedule(f"capacity:{match_id}", free_at, CapacityFreed(match_id, match.connector_id)),
    )
    draws = draws_of(loads_of(pools, basis), basis, rows)
    return Decision(with_need(state, taken), (event,), draws, rows, timers, answer=answer)


def decline(state: CompanyNeeds, pools: Pools, message: Message[DeclineMatch]) -> Decision[CompanyNeeds]:
    """A refusal frees the connecteur; when nobody is left in the round, the next one starts at once."""
    now, match_id, reason = message.time, message.input.match_id, message.input.reason
    found = _open_to(state, message, "refuse")
    if isinstance(found, Decision):
        return found
    need, match = found
    answer = _answer(state, need, match, "refuse")
    left = closed(need, [match], "refuse", now, reason)
    event = MatchDeclined(
        siren=state.siren,
        need_id=need.need_id,
        match_id=match_id,
        connector_id=match.connector_id,
        institution_id=match.institution_id,
        round=match.round,
        reason=reason,
        delay_hours=delay_of(match, now),
        region=message.region or region_of(state),
    )
    rows = released([match])
    done = Decision(with_need(state, left), (event,), rows=rows, answer=answer)
    if not open_matches(left):
        return go_on(done, left, pools, message)
    basis = pools.view(DIRECTORY)
    return replace(done, draws=draws_of(loads_of(pools, basis), basis, rows))


def _open_to(
    state: CompanyNeeds, message: Message[AcceptMatch] | Message[DeclineMatch], wanted: Answered
) -> tuple[Need, Match] | Decision[CompanyNeeds]:
    """The offer that an answer names; or the decision that changes nothing: unknown, too late, answered so already."""
    match_id = message.input.match_id
    found = find_match(state, match_id)
    if found is None:
        return Decision(state, answer=_unknown(match_id))
    need, match = found
    refused = _refused(need, match, wanted, message)
    if refused is not None:
        return Decision(state, answer=refused)
    return Decision(state, answer=_answer(state, need, match, wanted)) if match.status == wanted else found


def _answer(state: CompanyNeeds, need: Need, match: Match, status: Answered) -> MatchAnswer:
    return MatchAnswer(state.siren, need.need_id, match.match_id, match.connector_id, status)


def _refused(need: Need, match: Match, wanted: Answered, message: Message[object]) -> Refusal | None:
    """Why an offer can no longer be answered so; None when it can, or when it was answered so already."""
    if match.status == wanted:
        return None
    if match.status != "propose":
        told = {
            "accepte": "Vous avez déjà accepté cette demande.",
            "refuse": "Vous avez déjà refusé cette demande.",
            "expire": "Le délai de réponse est dépassé : la demande a été proposée à d'autres.",
            "retire": "Vous n'êtes plus actif dans l'annuaire : la demande a été proposée à d'autres.",
            "libere": "Un autre connecteur a accepté cette demande avant vous.",
        }
        return Refusal("illegal", "proposition_close", "Proposition close", told[match.status], "match_id")
    if need.expires_at is not None and message.time >= need.expires_at:
        detail = "Le délai de réponse à cette proposition est dépassé."
        return Refusal("illegal", "proposition_expiree", "Proposition expirée", detail, "match_id")
    return None


def _unknown(match_id: str) -> Refusal:
    detail = f"Aucune proposition {match_id} n'existe pour cette entreprise."
    return Refusal("unknown", "proposition_inconnue", "Proposition inconnue", detail, "match_id")
