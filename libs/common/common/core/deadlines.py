"""Deadlines and follow-ups that fell due, decided like events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from common.core import deciding
from common.core.codec import Codec
from common.core.deciding import Created, Failure, retaken
from common.core.unit_of_work import Begin, Due
from common.declare.errors import NOBODYS_FAULT, Poison
from common.declare.message import Message, all_entered, sampled
from common.declare.pool import Ref

RETRY_DEADLINE = timedelta(minutes=5)
"""How long a deadline whose rule failed waits before it is tried again."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of the deadlines, or of the letter and what is parked behind it, of one transaction.

    Attributes:
        count: how many were taken.
        failures: those whose rule raised: they are tried again.
        follow_ups: how many other keys have something to decide.
        sampled: those of sampled chains.
        created: the events they led to.
    """

    count: int
    failures: Sequence[Failure]
    follow_ups: int = 0
    sampled: Sequence[Message[Any]] = ()
    created: Sequence[Created] = ()


async def apply_due(codec: Codec, begin: Begin, now: datetime, limit: int = 500) -> Taken:
    """Decide the deadlines due at `now`, up to `limit`; one that fails is put back for `RETRY_DEADLINE`.

    Where a transaction fails as a whole, of a value that the database refuses or of an error that nobody foresaw, fewer
    are taken at once, down to the one that leads to it; it fails.

    Raises:
        Transient: nothing was written; try again.
    """
    most = limit
    taken: Sequence[Due] = ()
    condemned: dict[UUID, Exception] = {}

    async def attempt(wanted: set[Ref]) -> Taken:
        nonlocal taken
        taken = ()
        async with begin() as transaction:
            taken = await transaction.take_due(now, most)
            if not taken:
                return Taken(0, ())
            messages, failures = _decode(codec, taken, condemned)
            traced = sampled(messages)
            messages = all_entered(messages, codec.service.name) if traced else messages
            decided = await deciding.decide(codec, transaction, messages, wanted)
            await deciding.save(transaction, decided)
            await deciding.publish(codec, transaction, decided.outgoing)
            failures += decided.failures
            again = {failure.message.id for failure in failures}
            for due in taken:
                if due.id in again:
                    await transaction.postpone(due, now + RETRY_DEADLINE)
            return Taken(len(taken), failures, decided.follow_ups, traced, decided.created)

    while True:
        try:
            return await retaken(attempt)
        except Exception as error:
            if not taken or taken[0].id in condemned or isinstance(error, NOBODYS_FAULT):
                raise
            if len(taken) == 1:
                condemned[taken[0].id] = error
            most = max(1, len(taken) // 2)


def _decode(
    codec: Codec, taken: Sequence[Due], condemned: Mapping[UUID, Exception]
) -> tuple[list[Message[Any]], list[Failure]]:
    """Deadlines to messages; what cannot be read, or is condemned, fails."""
    messages: list[Message[Any]] = []
    failures: list[Failure] = []
    for due in taken:
        if due.id in condemned:
            failures.append(Failure(_message(due, None), condemned[due.id]))
            continue
        try:
            messages.append(_message(due, codec.decode_timer(due.type, due.input)))
        except Poison as error:
            failures.append(Failure(_message(due, None), error))
    return messages, failures


def _message(due: Due, item: Any) -> Message[Any]:
    return Message(item, due.key, due.partition, due.id, due.due, due.correlation, due.region, due.traceparent or "")
