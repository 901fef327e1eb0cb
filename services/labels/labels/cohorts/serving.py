"""How a year serves the waiting list: when, whom, and when it stops."""

from datetime import timedelta
from typing import Final

from common.declare.aggregate import Nothing
from common.declare.decision import Decision, Follow, Schedule
from common.declare.message import Message
from common.declare.pool import Pools, Ref
from france.days import paris_day
from labels.cohorts.inputs import PlacesOpen, ServeWaitingList
from labels.places.asking import AwaitOpening, OfferPlace, await_opening
from labels.places.calendar import programme_year
from labels.places.cohort import COHORTS
from labels.places.waiting import ALL, TURNS, WAITING, turn_at

OPENING, NEXT_ROUND = "ouverture", "tour"
"""Names of the deadlines of a year: places open by themselves; the next round of offers."""

TICK: Final = timedelta(microseconds=1)
"""The next round comes after the offers of this one, which are due at its own instant."""

PATIENCE: Final = timedelta(seconds=1)
"""How long a round waits where every offer has been made and none is answered: another process holds them."""


def await_places(state: Nothing, _: Pools, message: Message[AwaitOpening]) -> Decision[Nothing]:
    """Set the one deadline of the list."""
    return Decision(state, deadlines=(Schedule(OPENING, message.input.at, PlacesOpen()),))


def the_list(_: Message[PlacesOpen], __: Nothing) -> tuple[Ref]:
    """The head of the waiting list."""
    return (WAITING.at(ALL),)


def open_places(state: Nothing, pools: Pools, message: Message[PlacesOpen]) -> Decision[Nothing]:
    """Serve those who wait, and set the deadline anew for those for whom there is no place; nobody waits: neither."""
    if not pools.get(WAITING, ALL).count:
        return Decision(state)
    return Decision(state, follow_ups=(Follow(message.key, ServeWaitingList()), await_opening(message.time)))


def whose_turn(message: Message[ServeWaitingList], _: Nothing) -> tuple[Ref, ...]:
    """The places of the year, the list, whose turn it is: for the year that runs only."""
    return turn_at(message.time) if _runs(message) else ()


def serve(state: Nothing, pools: Pools, message: Message[ServeWaitingList]) -> Decision[Nothing]:
    """Offer the free places to those whose turn it is, a round at a time, until there is nobody or nothing left.

    It ends: a round follows only on offers that are not answered yet, or on an answer that others may profit from.
    """
    cohort = pools.get(COHORTS, message.key) if _runs(message) else None
    if cohort is None:
        return Decision(state)
    turn = pools.get(TURNS, paris_day(message.time).isoformat())
    if not turn.regions:
        others = turn.drawn and cohort.free and pools.get(WAITING, ALL).count
        again = (Schedule(NEXT_ROUND, message.time + TICK, ServeWaitingList()),) if others else ()
        return Decision(state, deadlines=again)
    asked = message.input.offered
    known = frozenset(asked)
    fresh = tuple([siren for siren in turn.regions if siren not in known])
    unanswered = tuple([siren for siren in asked if siren in turn.regions])
    pause = TICK if fresh else PATIENCE
    return Decision(
        state,
        # Named, so that a year has one next round at most, however often its cap is raised meanwhile.
        deadlines=(Schedule(NEXT_ROUND, message.time + pause, ServeWaitingList((*unanswered, *fresh))),),
        follow_ups=tuple([Follow(siren, OfferPlace(), turn.regions[siren]) for siren in fresh]),
    )


def _runs(message: Message[ServeWaitingList]) -> bool:
    return str(programme_year(message.time)) == message.key
