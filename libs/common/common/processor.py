"""What happens to every batch, in order: the only orchestration in the system. Start at `apply_records`."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

from common.codec import Codec
from common.dead_letter import DeadLetter, Parked, check_limit, key_text
from common.decision import Decision, Rejection
from common.errors import Conflict, Poison, Unstorable
from common.event import derive_id
from common.inbox import Intake, Record, TopicPartition, accept, partitions_of
from common.message import Message, sampled
from common.outbox import Outgoing, heads_of, number
from common.service import Changes
from common.unit_of_work import Begin, Due, Loaded, Remembered, Timer, Transaction

State = TypeVar("State")
Shared = TypeVar("Shared")
Result = TypeVar("Result")

CHUNK = 256
"""Decisions taken before the event loop gets a turn (health checks, HTTP reads) and the database a sign of life."""

TIMER_IDS = 1_000_000
"""Deadline ids derive from their cause at indexes from here, clear of event ids."""

RETRY_DEADLINE = timedelta(minutes=5)
"""How long a deadline whose rule failed waits before it is tried again."""

CONFLICTS = 50
"""How often a batch is retaken at once when others change its rows first, before it counts as a transient failure."""


@dataclass(slots=True)
class Report:
    """What one batch did, for metrics and logs."""

    fresh: int = 0
    duplicates: int = 0
    published: int = 0
    dead: list[DeadLetter] = field(default_factory=list[DeadLetter])
    parked: int = 0
    gaps: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])
    moved: set[TopicPartition] = field(default_factory=set[TopicPartition])
    sampled: list[Message[object]] = field(default_factory=list[Message[object]])

    def plus(self, other: "Report") -> "Report":
        """This report and the one of the next part of the same batch."""
        return Report(
            self.fresh + other.fresh,
            self.duplicates + other.duplicates,
            self.published + other.published,
            self.dead + other.dead,
            self.parked + other.parked,
            self.gaps | other.gaps,
            self.moved | other.moved,
            self.sampled + other.sampled,
        )


class Failure(NamedTuple):
    """A message whose rule raised: a bug, or data that no rule foresaw."""

    message: Message[object]
    error: Exception


@dataclass(slots=True)
class Outcome(Generic[State, Shared]):
    """The decisions of a batch, accumulated.

    `answers` has one entry a message, in order; `failures` those whose rule raised, `held` those of the same key after.
    """

    loaded: Loaded[State, Shared]
    shared: Shared
    states: dict[str, State] = field(default_factory=dict[str, State])
    outgoing: list[Outgoing] = field(default_factory=list[Outgoing])
    rows: list[object] = field(default_factory=list[object])
    timers: list[Timer] = field(default_factory=list[Timer])
    answers: list[object] = field(default_factory=list[object])
    failures: list[Failure] = field(default_factory=list[Failure])
    held: list[Message[object]] = field(default_factory=list[Message[object]])


# --- events ----------------------------------------------------------------------------------------------------------


async def apply_records(
    codec: Codec[State, Shared], begin: Begin[State, Shared], records: Sequence[Record], now: datetime
) -> Report:
    """Apply a batch of Kafka records exactly once, in one transaction, whatever was delivered before.

    Values the database refuses are narrowed down to their record, which becomes a dead letter; the others are applied.

    Raises:
        Transient: nothing was written; take the same batch again after a pause.
    """
    try:
        return await _apply(codec, begin, records, now)
    except Unstorable as error:
        if len(records) == 1:
            return await _apply(codec, begin, records, now, condemned=str(error))
        middle = len(records) // 2
        first = await apply_records(codec, begin, records[:middle], now)
        return first.plus(await apply_records(codec, begin, records[middle:], now))


async def _apply(
    codec: Codec[State, Shared],
    begin: Begin[State, Shared],
    records: Sequence[Record],
    now: datetime,
    condemned: str | None = None,
) -> Report:
    """One transaction; with `condemned`, the records are set aside for that reason instead of decided."""

    async def attempt() -> Report:
        async with begin() as transaction:
            intake = accept(await transaction.lock_positions(partitions_of(records)), records)
            if not intake.fresh and not intake.unnumbered:
                return Report(duplicates=intake.duplicates, gaps=intake.gaps)
            messages, dead = _decode(codec, intake, condemned)
            messages, parked = await _hold_back(transaction, intake, messages, dead)
            if messages:
                outcome = await _decide(codec, transaction, messages)
                failed, held = _set_aside(intake, outcome)
                dead += failed
                parked += held
                published = outcome.outgoing
                await _save(transaction, outcome)
            else:
                published = []
            if dead:
                dead = await transaction.bury(dead)
                published += [codec.dead_lettered(letter.record, letter.reason, now) for letter in dead]
            if parked:
                await transaction.park(parked)
            await _publish(codec, transaction, published)
            await transaction.move_positions(intake.positions)
            return Report(
                len(intake.fresh),
                intake.duplicates,
                len(published),
                dead,
                len(parked),
                intake.gaps,
                set(intake.positions),
                sampled(messages),
            )

    return await _retaken(attempt)


def _decode(
    codec: Codec[State, Shared], intake: Intake, condemned: str | None
) -> tuple[list[Message[object]], list[DeadLetter]]:
    """Bytes to messages; what cannot be read, or is condemned, becomes a dead letter with the reason."""
    messages: list[Message[object]] = []
    dead = [
        DeadLetter(record, None, key_text(record), "header ce_sequence is missing or is not a positive number")
        for record in intake.unnumbered
    ]
    for sequence, record in intake.fresh:
        try:
            if condemned is not None:
                raise Poison(condemned)  # noqa: TRY301  one way into the dead letters
            message = codec.decode(record, sequence)
        except Poison as poison:
            dead.append(DeadLetter(record, sequence, key_text(record), str(poison)))
        else:
            if message is not None:
                messages.append(message)
    return messages, dead


async def _hold_back(
    transaction: Transaction[State, Shared],
    intake: Intake,
    messages: list[Message[object]],
    dead: Sequence[DeadLetter],
) -> tuple[list[Message[object]], list[Parked]]:
    """Park the messages whose key waits for a dead letter, an older one or one of this very batch."""
    blocked = await transaction.blocked({message.key for message in messages})
    broken: dict[str, tuple[TopicPartition, int]] = {}
    for letter in dead:
        if letter.key is not None and letter.sequence is not None:
            where = TopicPartition(letter.record.topic, letter.record.partition)
            broken.setdefault(letter.key, (where, letter.sequence))
    if not blocked and not broken:
        return messages, []
    records = _by_place(intake)
    go: list[Message[object]] = []
    parked: list[Parked] = []
    for message in messages:
        where, sequence = _place(message)
        first = broken.get(message.key)
        behind = first is not None and (first[0] != where or first[1] < sequence)
        if behind or message.key in blocked:
            parked.append(Parked(records[where, sequence], sequence, message.key))
        else:
            go.append(message)
    return go, parked


def _set_aside(intake: Intake, outcome: Outcome[State, Shared]) -> tuple[list[DeadLetter], list[Parked]]:
    """Records whose rule raised become dead letters; those held behind them are parked."""
    if not outcome.failures:
        return [], []
    check_limit(len(outcome.failures), len(intake.fresh))
    records = _by_place(intake)
    failed: list[DeadLetter] = []
    for message, error in outcome.failures:
        where, sequence = _place(message)
        reason = f"{type(error).__name__}: {error}"
        failed.append(DeadLetter(records[where, sequence], sequence, message.key, reason))
    held: list[Parked] = []
    for message in outcome.held:
        where, sequence = _place(message)
        held.append(Parked(records[where, sequence], sequence, message.key))
    return failed, held


def _by_place(intake: Intake) -> dict[tuple[TopicPartition, int], Record]:
    return {(TopicPartition(record.topic, record.partition), sequence): record for sequence, record in intake.fresh}


def _place(message: Message[object]) -> tuple[TopicPartition, int]:
    if message.source is None:
        raise TypeError("a command or a deadline has no place in the log")
    return TopicPartition(message.source.topic, message.source.partition), message.source.sequence


# --- commands, deadlines, replays ------------------------------------------------------------------------------------


async def apply_commands(
    codec: Codec[State, Shared], begin: Begin[State, Shared], messages: Sequence[Message[object]]
) -> Outcome[State, Shared]:
    """Decide commands in one transaction; `answers` has one entry each, in order; a rule that raises answers 500."""

    async def attempt() -> Outcome[State, Shared]:
        async with begin() as transaction:
            outcome = await _decide(codec, transaction, messages)
            await _save(transaction, outcome)
            await _publish(codec, transaction, outcome.outgoing)
            return outcome

    return await _retaken(attempt)


class Request(NamedTuple):
    """What one caller asks for: commands that are carried out together.

    Attributes:
        messages: the commands.
        render: turns their answers, in order, into status and body.
        key: idempotency key, or "".
        body_hash: of what the caller sent; the same key with another hash is refused.
    """

    messages: Sequence[Message[object]]
    render: Callable[[Sequence[object]], tuple[int, bytes]]
    key: str = ""
    body_hash: bytes = b""


async def apply_requests(
    codec: Codec[State, Shared], begin: Begin[State, Shared], requests: Sequence[Request]
) -> tuple[list[tuple[int, bytes]], Sequence[Failure]]:
    """Carry out requests in one transaction; returns status and body of each, in order, and what rules raised.

    The same key and body get the stored answer again and change nothing. What wrote nothing is not stored, so that a
    refused request can be sent again once its cause is gone.

    Raises:
        Transient: nothing was written; try again.
        Unstorable: nothing was written: the database refuses a value of one of them.
    """

    async def attempt() -> tuple[list[tuple[int, bytes]], Sequence[Failure]]:
        async with begin() as transaction:
            keys = sorted({request.key for request in requests} - {""})
            known = await transaction.recall(keys) if keys else {}
            first = {request.key: request for request in reversed(requests) if request.key not in known}
            new = [request for request in requests if not request.key or first.get(request.key) is request]
            outcome = await _decide(codec, transaction, [message for request in new for message in request.messages])
            await _save(transaction, outcome)
            await _publish(codec, transaction, outcome.outgoing)
            answers, failures = iter(outcome.answers), outcome.failures
            replies: dict[int, tuple[int, bytes]] = {}
            fresh: dict[str, Remembered] = {}
            for request in new:
                own = list(islice(answers, len(request.messages)))
                status, body = replies[id(request)] = request.render(own)
                if request.key:
                    known[request.key] = Remembered(request.body_hash, status, body)
                    if any(not isinstance(answer, Rejection) for answer in own):
                        fresh[request.key] = known[request.key]
            if fresh:
                await transaction.remember(fresh)
            return [replies.get(id(request)) or _again(request, known[request.key]) for request in requests], failures

    return await _retaken(attempt)


def _again(request: Request, known: Remembered) -> tuple[int, bytes]:
    """The answer to a request whose key was used before."""
    if known.body_hash != request.body_hash:
        return request.render([KEY_REUSED])
    return known.status, known.answer


KEY_REUSED = Rejection(
    422,
    "Clé d'idempotence déjà utilisée",
    "Cette valeur de Idempotency-Key a déjà servi pour une demande au contenu différent: choisissez-en une nouvelle.",
    "Idempotency-Key",
)
INTERNAL = Rejection(500, "Erreur interne", "La demande n'a pas pu être traitée; rien n'a été enregistré.")


async def apply_due(
    codec: Codec[State, Shared], begin: Begin[State, Shared], now: datetime, limit: int = 500
) -> tuple[int, Sequence[Failure]]:
    """Decide the deadlines due at `now`; returns how many were taken, and those whose rule raised (tried again)."""

    async def attempt() -> tuple[int, Sequence[Failure]]:
        async with begin() as transaction:
            taken = await transaction.take_due(now, limit)
            if not taken:
                return 0, ()
            messages: list[Message[object]] = []
            failures: list[Failure] = []
            for due in taken:
                try:
                    messages.append(_due_message(due, codec.decode_timer(due.type, due.input)))
                except Poison as poison:
                    failures.append(Failure(_due_message(due, None), poison))
            outcome = await _decide(codec, transaction, messages)
            await _save(transaction, outcome)
            await _publish(codec, transaction, outcome.outgoing)
            failures += outcome.failures
            again = {failure.message.id for failure in failures}
            for due in taken:
                if due.id in again:
                    await transaction.postpone(due, now + RETRY_DEADLINE)
            return len(taken), failures

    return await _retaken(attempt)


def _due_message(due: Due, item: object) -> Message[object]:
    return Message(item, due.key, due.partition, due.id, due.due, due.correlation, due.region)


async def apply_replay(codec: Codec[State, Shared], begin: Begin[State, Shared]) -> bool:
    """Replay one dead letter that an operator released, then what is parked behind it. False: none waits."""

    async def attempt() -> bool:
        async with begin() as transaction:
            replay = await transaction.take_replay()
            if replay is None:
                return False
            reason: str | None = None
            letters = [(replay.record, replay.sequence), *((p.record, p.sequence) for p in replay.parked)]
            try:
                messages = [
                    m for m in (codec.decode(record, sequence) for record, sequence in letters) if m is not None
                ]
            except Poison as poison:
                reason = str(poison)
            else:
                outcome = await _decide(codec, transaction, messages)
                if outcome.failures:
                    error = outcome.failures[0].error
                    reason = f"{type(error).__name__}: {error}"
                else:
                    await _save(transaction, outcome)
                    await _publish(codec, transaction, outcome.outgoing)
            await transaction.settle_replay(replay, reason)
            return True

    return await _retaken(attempt)


# --- the steps they share --------------------------------------------------------------------------------------------


async def _retaken(attempt: Callable[[], Awaitable[Result]]) -> Result:
    """Take a transaction again at once when another one changed its rows first."""
    for _ in range(CONFLICTS):
        try:
            return await attempt()
        except Conflict:
            await asyncio.sleep(0)
    return await attempt()


async def _decide(
    codec: Codec[State, Shared], transaction: Transaction[State, Shared], messages: Sequence[Message[object]]
) -> Outcome[State, Shared]:
    """Load what the messages need and decide them one by one, in order."""
    loaded = await transaction.load(messages)
    outcome = Outcome(loaded, loaded.shared)
    stopped: set[str] = set()
    remaining = iter(messages)
    while chunk := list(islice(remaining, CHUNK)):
        for message in chunk:
            if message.key in stopped and message.source is not None:
                outcome.held.append(message)
                continue
            try:
                _decide_one(codec, outcome, message)
            except Exception as error:  # noqa: BLE001  one bad record must not stop its partition
                outcome.failures.append(Failure(message, error))
                outcome.answers.append(INTERNAL)
                stopped.add(message.key)
        await transaction.pulse()
    return outcome


def _decide_one(codec: Codec[State, Shared], outcome: Outcome[State, Shared], message: Message[object]) -> None:
    """One decision; nothing of it is kept if it raises."""
    key = message.key
    state = outcome.states.get(key)
    if state is None:
        known = outcome.loaded.states.get(key)
        state = codec.service.initial(key) if known is None else known[0]
    decision: Decision[Any, Any] = codec.service.decide(state, outcome.shared, message)
    outcome.outgoing += codec.outgoing(message, decision.events)
    if decision.state is not state:
        outcome.states[key] = decision.state
    outcome.shared = decision.shared
    outcome.rows += decision.rows
    for index, change in enumerate(decision.deadlines):
        outcome.timers.append(Timer(message, change, derive_id(message.id, TIMER_IDS + index)))
    outcome.answers.append(decision.answer)


async def _save(transaction: Transaction[State, Shared], outcome: Outcome[State, Shared]) -> None:
    """Write states, the shared aggregate, rows and timers."""
    if outcome.states or outcome.rows or outcome.shared is not outcome.loaded.shared:
        versions = {key: outcome.loaded.states[key][1] for key in outcome.states if key in outcome.loaded.states}
        changes = Changes(outcome.states, outcome.loaded.shared, outcome.shared, outcome.rows)
        await transaction.save(changes, versions)
    if outcome.timers:
        await transaction.set_timers(outcome.timers)


async def _publish(
    codec: Codec[State, Shared], transaction: Transaction[State, Shared], outgoing: Sequence[Outgoing]
) -> None:
    """Number and seal events under the lock of their heads, the last lock of the transaction, and append them."""
    if outgoing:
        heads = await transaction.lock_heads(heads_of(outgoing))
        batches, after = number(heads, outgoing, codec.compression)
        await transaction.append(batches, after)
