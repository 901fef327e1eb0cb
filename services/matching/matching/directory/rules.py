"""The rules of a line: the same record again changes nothing; one that is active no more loses its open offers."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from common.declare.decision import Decision, Follow, Schedule
from common.declare.message import Message
from common.declare.pool import Pools, Ref
from matching.directory.inputs import PutConnector, ReleaseOffers
from matching.directory.model import ConnectorAnswer, Line
from matching.places.offers import HOLDERS, WithdrawOffers

LOOK_AGAIN: Final = timedelta(minutes=1)
"""Longer than any transaction lasts: one that began before the line changed may still have offered it a need."""


def nobody(_: str) -> Line:
    """A connecteur that nobody put yet."""
    return Line()


def put(state: Line, _: Pools, message: Message[PutConnector]) -> Decision[Line]:
    """Write the line as it is put; what follows in the same batch is decided against it, later batches search it."""
    connector = message.input.connector
    changed = state.connector != connector
    answer = ConnectorAnswer(connector.id, connector.status, changed)
    if not changed:
        return Decision(state, answer=answer)
    line = Line(connector)
    if not is_active(state) or is_active(line):
        return Decision(line, answer=answer)
    return Decision(
        line,
        deadlines=(Schedule("offres", message.time + LOOK_AGAIN, ReleaseOffers()),),
        follow_ups=(Follow(message.key, ReleaseOffers()),),
        answer=answer,
    )


def its_holders(message: Message[ReleaseOffers], state: Line) -> Iterable[Ref]:
    """The companies that have open offers with it; none while it is active."""
    return () if is_active(state) else (HOLDERS.at(message.key),)


def release(state: Line, pools: Pools, message: Message[ReleaseOffers]) -> Decision[Line]:
    """Ask every company that has an open offer with it to take it back, unless it is active again."""
    if is_active(state):
        return Decision(state)
    holders = pools.get(HOLDERS, message.key)
    asked = WithdrawOffers(message.key)
    return Decision(state, follow_ups=tuple([Follow(holder.siren, asked, holder.region) for holder in holders]))


def is_active(line: Line) -> bool:
    """Whether a line takes matches."""
    return line.connector is not None and line.connector.status == "active"
