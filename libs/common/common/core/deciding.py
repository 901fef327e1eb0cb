"""The steps that whatever is decided goes through: load, decide one by one, save, publish."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from common.core.codec import Codec, partition_of
from common.core.outbox import Outgoing, heads_of, number
from common.core.unit_of_work import Changes, StateKey, Timer, Transaction, Versioned
from common.declare.decision import Decision, Refusal, Schedule
from common.declare.errors import Conflict
from common.declare.event import derive_id
from common.declare.message import Message, is_sampled
from common.declare.pool import PoolMissing, Pools, Ref

Result = TypeVar("Result")

CHUNK = 256
"""Decisions taken before the event loop gets a turn (health checks, HTTP reads) and the database a sign of life."""

TIMER_IDS = 1_000_000
"""Deadline ids derive from their cause at indexes from here, clear of event ids."""

FOLLOW_IDS = 2_000_000
"""Ids of follow-ups, clear of both."""

CONFLICTS = 50
"""How often a batch is retaken at once when others change its rows first, before it counts as a transient failure."""

INTERNAL = Refusal(
    "internal", "erreur_interne", "Erreur interne", "La demande n'a pas pu être traitée; rien n'a été enregistré."
)


class Failure(NamedTuple):
    """A message whose rule raised: a bug, or data that no rule foresaw."""

    message: Message[Any]
    error: Exception


class Created(NamedTuple):
    """An event of a sampled chain, with the message that led to it."""

    cause: Message[Any]
    event: Outgoing


@dataclass(slots=True)
class Decided:
    """The decisions of a batch, accumulated.

    Attributes:
        loaded: the states as read.
        states: those that changed.
        locked: the pools as locked.
        pools: the same as they stand now.
        outgoing: events to number.
        rows: what the service keeps for itself.
        timers: deadlines and follow-ups.
        answers: one a message, in order.
        failures: messages whose rule raised.
        held: messages of the same key after one that failed.
        follow_ups: how many other keys have something to decide.
        created: the events of sampled chains.
    """

    loaded: dict[StateKey, Versioned]
    locked: dict[Ref, Any] = field(default_factory=dict[Ref, Any])
    states: dict[StateKey, Any] = field(default_factory=dict[StateKey, Any])
    pools: dict[Ref, Any] = field(default_factory=dict[Ref, Any])
    outgoing: list[Outgoing] = field(default_factory=list[Outgoing])
    rows: list[object] = field(default_factory=list[object])
    timers: list[Timer] = field(default_factory=list[Timer])
    answers: list[object] = field(default_factory=list[object])
    failures: list[Failure] = field(default_factory=list[Failure])
    held: list[Message[Any]] = field(default_factory=list[Message[Any]])
    follow_ups: int = 0
    created: list[Created] = field(default_factory=list[Created])


async def retaken(attempt: Callable[[set[Ref]], Awaitable[Result]]) -> Result:
    """Take a transaction again at once when another one changed its rows first, or when it lacked a pool.

    `attempt` is given the pools that earlier attempts missed.
    """
    wanted: set[Ref] = set()
    for _ in range(CONFLICTS):
        try:
            return await attempt(wanted)
        except PoolMissing as missing:
            wanted |= missing.refs
        except Conflict:
            await asyncio.sleep(0)
    return await attempt(wanted)


async def decide(codec: Codec, transaction: Transaction, messages: Sequence[Message[Any]], wanted: set[Ref]) -> Decided:
    """Load what the messages need and decide them one by one, in order.

    Raises:
        PoolMissing: rules read pools that were neither foreseen nor in `wanted`.
    """
    rulings = codec.rulings
    keys = {(ruling.kind, message.key) for message in messages if (ruling := rulings[type(message.input)]).kept}
    decided = Decided(await transaction.load(keys) if keys else {})
    unforeseen: dict[int, Exception] = {}
    if codec.pools or wanted:
        refs = wanted | _foreseen(codec, decided, messages, unforeseen)
        if refs:
            decided.locked = await transaction.lock_pools(sorted(refs))
            decided.pools = dict(decided.locked)
    pools = Pools(decided.pools, await transaction.views() if codec.service.views and messages else {})
    missing: set[Ref] = set()
    stopped: set[str] = set()
    remaining = enumerate(messages)
    while chunk := list(islice(remaining, CHUNK)):
        for index, message in chunk:
            if message.key in stopped and message.source is not None:
                decided.held.append(message)
                continue
            try:
                _decide_one(codec, decided, pools, message, unforeseen.get(index))
            except PoolMissing as error:
                missing |= error.refs
            except Exception as error:  # noqa: BLE001  one bad record must not stop its partition
                decided.failures.append(Failure(message, error))
                decided.answers.append(INTERNAL)
                stopped.add(message.key)
        await transaction.pulse()
    if missing:
        raise PoolMissing(frozenset(missing))
    return decided


def _foreseen(
    codec: Codec, decided: Decided, messages: Sequence[Message[Any]], unforeseen: dict[int, Exception]
) -> set[Ref]:
    """The pools that the rules of these messages say they need; what fails to say so fails like its rule."""
    refs: set[Ref] = set()
    for index, message in enumerate(messages):
        ruling = codec.rulings[type(message.input)]
        if ruling.rule.pools is None:
            continue
        known = decided.loaded.get((ruling.kind, message.key))
        state = ruling.aggregate.initial(message.key) if known is None else known.state
        try:
            refs.update(ruling.rule.pools(message, state))
        except Exception as error:  # noqa: BLE001  as above
            unforeseen[index] = error
    return refs


def _decide_one(
    codec: Codec, decided: Decided, pools: Pools, message: Message[Any], unforeseen: Exception | None
) -> None:
    """One decision; nothing of it is kept if it raises. `unforeseen`: why its pools could not even be named."""
    if unforeseen is not None:
        raise unforeseen
    aggregate, rule, kind, kept = codec.rulings[type(message.input)]
    key = message.key
    place = (kind, key)
    state = decided.states.get(place)
    if state is None:
        known = decided.loaded.get(place)
        state = aggregate.initial(key) if known is None else known.state
    decision: Decision[Any] = rule.decide(state, pools, message)
    outgoing, rows = codec.outgoing(message, decision.events), list(decision.rows)
    timers = _timers(codec, kind, message, decision) if decision.deadlines or decision.follow_ups else []
    for draw in decision.draws:
        if draw.ref not in decided.locked:
            raise PoolMissing(frozenset((draw.ref,)))
    for ref, value in decision.draws:
        decided.pools[ref] = value
    decided.outgoing += outgoing
    if outgoing and is_sampled(message):
        decided.created += [Created(message, event) for event in outgoing]
    if kept and decision.state is not state:
        decided.states[place] = decision.state
    decided.rows += rows
    decided.timers += timers
    decided.follow_ups += len(decision.follow_ups)
    decided.answers.append(decision.answer)


def _timers(codec: Codec, kind: str, message: Message[Any], decision: Decision[Any]) -> list[Timer]:
    """The deadlines of a decision, and its follow-ups: deadlines of other keys that are due at once."""
    found = [
        Timer(message, kind, message.key, message.partition, message.region, change, derive_id(message.id, index))
        for index, change in enumerate(decision.deadlines, TIMER_IDS)
    ]
    for index, (key, item, region) in enumerate(map(_parts, decision.follow_ups), FOLLOW_IDS):
        follow_id = derive_id(message.id, index)
        at_once = Schedule(f"suite:{follow_id}", message.time, item)
        target = codec.rulings[type(item)].kind
        found.append(Timer(message, target, key, partition_of(key), region or message.region, at_once, follow_id))
    return found


def _parts(follow: Any) -> tuple[str, Any, str]:
    return follow.key, follow.input, follow.region


async def save(transaction: Transaction, decided: Decided) -> None:
    """Write states, pools, rows and timers."""
    after = {ref: value for ref, value in decided.pools.items() if value is not decided.locked[ref]}
    if decided.states or decided.rows or after:
        versions = {place: decided.loaded[place].version for place in decided.states if place in decided.loaded}
        before = {ref: decided.locked[ref] for ref in after}
        await transaction.save(Changes(decided.states, versions, before, after, decided.rows))
    if decided.timers:
        await transaction.set_timers(decided.timers)


async def publish(codec: Codec, transaction: Transaction, outgoing: Sequence[Outgoing]) -> None:
    """Number and seal events under the lock of their heads, the last lock of the transaction, and append them.

    What Kafka has already, from before a loss of the database, is not told again.
    """
    new = await transaction.untold(outgoing) if outgoing else ()
    if new:
        heads = await transaction.lock_heads(heads_of(new))
        batches, after = number(heads, new, codec.compression)
        await transaction.append(batches, after)
