"""A connecteur is active no more: what it was offered goes to the next."""

from common.declare.decision import Decision
from common.declare.message import Message
from common.declare.pool import Pools
from matching.basis import DIRECTORY, loads_of
from matching.events import MatchExpired
from matching.needs.matches import closed, open_matches, region_of, released, with_need
from matching.needs.model import CompanyNeeds, Need
from matching.needs.rounds import draws_of, go_on
from matching.places.offers import WithdrawOffers


def withdraw(state: CompanyNeeds, pools: Pools, message: Message[WithdrawOffers]) -> Decision[CompanyNeeds]:
    """Take its open offers back; a need of which nobody is left in the round is offered to the next at once."""
    done = Decision(state)
    for need in state.needs:
        if any(match.connector_id == message.input.connector_id for match in open_matches(need)):
            done = _withdrawn(done, need, pools, message)
    return done


def _withdrawn(
    done: Decision[CompanyNeeds], need: Need, pools: Pools, message: Message[WithdrawOffers]
) -> Decision[CompanyNeeds]:
    """One need more without the offers of the connecteur."""
    lost = [match for match in open_matches(need) if match.connector_id == message.input.connector_id]
    left = closed(need, lost, "retire", message.time)
    events = tuple(
        MatchExpired(
            siren=done.state.siren,
            need_id=need.need_id,
            match_id=match.match_id,
            connector_id=match.connector_id,
            institution_id=match.institution_id,
            round=match.round,
            region=message.region or region_of(done.state),
            withdrawn=True,
        )
        for match in lost
    )
    rows = (*done.rows, *released(lost))
    after = Decision(with_need(done.state, left), (*done.events, *events), rows=rows, deadlines=done.deadlines)
    if not open_matches(left):
        again = go_on(after, left, pools, message)
        return Decision(again.state, again.events, again.draws, again.rows, (*done.deadlines, *again.deadlines))
    basis = pools.view(DIRECTORY)
    return Decision(
        after.state, after.events, draws_of(loads_of(pools, basis), basis, rows), after.rows, after.deadlines
    )
