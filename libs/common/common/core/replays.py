"""Dead letters that an operator released: applied at last, with what is parked behind them."""

from collections.abc import Sequence
from datetime import datetime

from common.core import deciding
from common.core.codec import Codec
from common.core.dead_letter import Parked, cleaned, reason_of
from common.core.deadlines import Taken
from common.core.deciding import retaken
from common.core.unit_of_work import Begin, Replay, Transaction
from common.declare.errors import NOBODYS_FAULT, Poison, Unstorable
from common.declare.message import all_entered, sampled
from common.declare.pool import Ref


async def apply_replay(codec: Codec, begin: Begin, now: datetime, limit: int = 500) -> Taken | None:
    """Replay one dead letter that an operator released, then what is parked behind it. None: no letter waits.

    Of what is parked `limit` events at most are taken at once (a key may have waited for months): the next one becomes
    a letter to replay, with the others behind it. Where a replay fails the letter is replayed alone, and the first
    event behind it becomes a letter to replay: so in the end what is good is applied, in order, and what fails is open
    with its own reason.

    Raises:
        Transient: nothing was written; try again.
    """
    taken: Replay | None = None
    alone: set[int] = set()
    refused: dict[int, str] = {}

    async def attempt(wanted: set[Ref]) -> Taken | None:
        nonlocal taken
        taken = None
        async with begin() as transaction:
            taken = replay = await transaction.take_replay(limit + 1)
            if replay is None:
                return None
            parked = () if replay.id in alone else replay.parked[:limit]
            done = refused.get(replay.id) or await _replay(codec, transaction, replay, parked, wanted=wanted, now=now)
            reason = done if isinstance(done, str) else None
            if reason is not None and parked:
                raise Unstorable(reason)
            await transaction.settle_replay(replay._replace(parked=parked), reason)
            if reason is not None:
                again = codec.dead_lettered(replay.record, reason, now, again=True)
                await deciding.publish(codec, transaction, [again])
            elif len(parked) < len(replay.parked):
                await transaction.release(replay.parked[0].key)
            return Taken(1, ()) if isinstance(done, str) else done

    while True:
        try:
            return await retaken(attempt)
        except Exception as error:
            if taken is None or taken.id in refused or isinstance(error, NOBODYS_FAULT):
                raise
            if not taken.parked or taken.id in alone:
                refused[taken.id] = reason_of(error)
            alone.add(taken.id)


async def _replay(
    codec: Codec,
    transaction: Transaction,
    replay: Replay,
    parked: Sequence[Parked],
    *,
    wanted: set[Ref],
    now: datetime,
) -> Taken | str:
    """Apply a letter and what is parked behind it; on failure nothing is written and the reason returned."""
    letters = [(replay.record, replay.sequence), *((each.record, each.sequence) for each in parked)]
    try:
        decoded = [codec.decode(record, sequence, now) for record, sequence in letters]
    except Poison as poison:
        return cleaned(str(poison))
    messages = [message for message in decoded if message is not None]
    traced = sampled(messages)
    messages = all_entered(messages, codec.service.name) if traced else messages
    decided = await deciding.decide(codec, transaction, messages, wanted)
    if decided.failures:
        return reason_of(decided.failures[0].error)
    await deciding.save(transaction, decided)
    await deciding.publish(codec, transaction, decided.outgoing)
    return Taken(len(letters), (), decided.follow_ups, traced, decided.created)
