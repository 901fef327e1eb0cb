"""What time does to needs: offers nobody answered expire, an accepted match leaves the load of its connecteur."""

from common.declare.decision import Decision
from common.declare.message import Message
from common.declare.pool import Pools
from matching.basis import DIRECTORY, loads_of
from matching.events import MatchExpired
from matching.needs.inputs import CapacityFreed, OffersExpired
from matching.needs.matches import closed, open_matches, region_of, released, with_need
from matching.needs.model import CompanyNeeds, LoadsMoved
from matching.needs.rounds import draws_of, go_on


def expire(state: CompanyNeeds, pools: Pools, message: Message[OffersExpired]) -> Decision[CompanyNeeds]:
    """Offers nobody answered expire; the next candidates are asked."""
    need_id, number = message.input.need_id, message.input.round
    need = next((need for need in state.needs if need.need_id == need_id), None)
    if need is None or need.status != "propose" or need.round != number:
        return Decision(state)
    late = open_matches(need)
    left = closed(need, late, "expire", message.time)
    events = tuple(
        MatchExpired(
            siren=state.siren,
            need_id=need_id,
            match_id=match.match_id,
            connector_id=match.connector_id,
            institution_id=match.institution_id,
            round=number,
            region=region_of(state),
        )
        for match in late
    )
    return go_on(Decision(with_need(state, left), events, rows=released(late)), left, pools, message)


def free(state: CompanyNeeds, pools: Pools, message: Message[CapacityFreed]) -> Decision[CompanyNeeds]:
    """An accepted match leaves the load of its connecteur."""
    basis = pools.view(DIRECTORY)
    rows = (LoadsMoved((message.input.connector_id,), -1),)
    return Decision(state, draws=draws_of(loads_of(pools, basis), basis, rows), rows=rows)
