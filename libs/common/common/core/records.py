"""What happens to every batch of Kafka records, in order: the only orchestration. Start at `apply_records`."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import Any

from common.core import deciding
from common.core.codec import Codec
from common.core.dead_letter import (
    Brake,
    DeadLetter,
    Parked,
    cleaned,
    husk_of,
    key_text,
    reason_of,
    why_unnumbered,
)
from common.core.deciding import Created, Decided, retaken
from common.core.inbox import ArrivalId, Intake, Record, TopicPartition, accept, admit, arrival_of, partitions_of
from common.core.unit_of_work import Begin, Transaction
from common.declare.errors import Poison, Transient, Unstorable
from common.declare.message import Message, all_entered, sampled
from common.declare.pool import Ref


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
    sampled: list[Message[Any]] = field(default_factory=list[Message[Any]])
    follow_ups: int = 0
    topics: Counter[str] = field(default_factory=Counter[str])
    created: list[Created] = field(default_factory=list[Created])

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
            self.follow_ups + other.follow_ups,
            self.topics + other.topics,
            self.created + other.created,
        )


async def apply_records(
    codec: Codec, begin: Begin, records: Sequence[Record], now: datetime, brake: Brake | None = None
) -> Report:
    """Apply a batch of Kafka records exactly once, in one transaction, whatever was delivered before.

    What fails is narrowed down to its record, which becomes a dead letter, at once where the database refuses its
    values, after `PATIENCE` failures where nobody foresaw why; the others are applied.

    Raises:
        Transient: take the same batch again after a pause; of what was written already nothing is applied again.
        Exception: the same, after a failure that nobody foresaw; `brake.bugs` says how often its record failed.
    """
    brake = brake or Brake()
    try:
        return await _apply(codec, begin, records, now, brake)
    except Transient:
        raise
    except Exception as error:
        if len(records) > 1:
            middle = len(records) // 2
            first = await apply_records(codec, begin, records[:middle], now, brake)
            return first.plus(await apply_records(codec, begin, records[middle:], now, brake))
        if not brake.hopeless(records[0]) and not isinstance(error, Unstorable):
            raise
        try:
            return await _apply(codec, begin, records, now, brake, condemned=reason_of(error))
        except Transient:
            raise
        except Exception:  # noqa: BLE001  the last line of defence: nothing of its content is written now
            reason = f"{reason_of(error)} (kept by its digest only)"
            return await _apply(codec, begin, [_husk(codec, records[0])], now, brake, condemned=reason)


def _husk(codec: Codec, record: Record) -> Record:
    """What can always be stored of a record."""
    writer = codec.writers.get(record.topic)
    arrival = None if writer is None else arrival_of(writer, record)
    return husk_of(record, None if arrival is None else arrival.id)


async def _apply(
    codec: Codec,
    begin: Begin,
    records: Sequence[Record],
    now: datetime,
    brake: Brake,
    *,
    condemned: str | None = None,
) -> Report:
    """One transaction; with `condemned`, the records are set aside for that reason instead of decided."""
    counted: list[Counter[TopicPartition]] = []

    async def attempt(wanted: set[Ref]) -> Report:
        async with begin() as transaction:
            counted.clear()
            intake, arrived = await _take_in(codec, transaction, records)
            if not intake.fresh and not intake.unnumbered and not intake.positions:
                return Report(duplicates=intake.duplicates, gaps=intake.gaps)
            messages, dead = _decode(codec, intake, condemned, now)
            keys = {message.key for message in messages} | {letter.key for letter in dead if letter.key is not None}
            blocked = await transaction.blocked(keys)
            messages, parked = _hold_back(blocked, intake, messages, dead)
            traced = sampled(messages)
            messages = all_entered(messages, codec.service.name) if traced else messages
            decided = await deciding.decide(codec, transaction, messages, wanted)
            failed, held = _set_aside(intake, decided)
            guilty = (letter.record for letter in failed) if condemned is None else (each for _, each in intake.fresh)
            at_fault = Counter(map(_at, guilty))
            if at_fault or brake.recent:
                counted.extend((at_fault, Counter(_at(each) for _, each in intake.fresh)))
            dead += failed
            parked += held
            await deciding.save(transaction, decided)
            if at_fault:
                brake.check(*counted)
            if dead:
                dead, parked = _first_of_each_key(blocked, intake, dead, parked)
            if dead:
                dead = await transaction.bury(dead)
                decided.outgoing += [codec.dead_lettered(letter.record, letter.reason, now) for letter in dead]
            if parked:
                await transaction.park(parked)
            if arrived:
                await transaction.admit(arrived)
            await deciding.publish(codec, transaction, decided.outgoing)
            await transaction.move_positions(intake.positions)
            return Report(
                len(intake.fresh),
                intake.duplicates,
                len(decided.outgoing),
                dead,
                len(parked),
                intake.gaps,
                set(intake.positions),
                traced,
                decided.follow_ups,
                Counter(record.topic for _, record in intake.fresh),
                decided.created,
            )

    report = await retaken(attempt)
    if counted:
        brake.note(*counted)
    return report


async def _take_in(
    codec: Codec, transaction: Transaction, records: Sequence[Record]
) -> tuple[Intake, dict[ArrivalId, bytes]]:
    """Lock the positions and sort the batch by them; topics that others write are sorted by id, returned if new."""
    positions = await transaction.lock_positions(partitions_of(records))
    if not codec.writers:
        return accept(positions, records), {}
    intake = accept(positions, [record for record in records if record.topic not in codec.writers])
    written = [(codec.writers[record.topic], record) for record in records if record.topic in codec.writers]
    arrivals = [arrival for writer, record in written if (arrival := arrival_of(writer, record)) is not None]
    known = await transaction.arrived([(writer, id_) for writer, id_, _ in arrivals]) if arrivals else {}
    return intake, admit(intake, positions, written, known)


def _decode(
    codec: Codec, intake: Intake, condemned: str | None, now: datetime
) -> tuple[list[Message[Any]], list[DeadLetter]]:
    """Bytes to messages; what cannot be read, or is condemned, becomes a dead letter with the reason."""
    messages: list[Message[Any]] = []
    unnamed = (_UNNUMBERED, _UNIDENTIFIED)
    dead = [
        DeadLetter(record, None, key_text(record), why_unnumbered(record, unnamed[record.topic in codec.writers]))
        for record in intake.unnumbered
    ]
    dead += [DeadLetter(record, None, key_text(record), _CONTRADICTING) for record in intake.contradicting]
    for sequence, record in intake.fresh:
        try:
            if condemned is not None:
                raise Poison(condemned)  # noqa: TRY301  one way into the dead letters
            message = codec.decode(record, sequence, now)
        except Poison as poison:
            dead.append(DeadLetter(record, sequence, key_text(record), cleaned(str(poison))))
        else:
            if message is not None:
                messages.append(message)
    return messages, dead


_UNNUMBERED = "header ce_sequence is missing or is not a positive number"
_UNIDENTIFIED = "header ce_id is missing, too long or not UTF-8"
_CONTRADICTING = "header ce_id is that of another record of this writer, which says something else"


def _hold_back(
    blocked: set[str], intake: Intake, messages: list[Message[Any]], dead: Sequence[DeadLetter]
) -> tuple[list[Message[Any]], list[Parked]]:
    """Park the messages whose key waits for a dead letter, an older one or one of this very batch."""
    broken: dict[str, tuple[TopicPartition, int]] = {}
    for letter in dead:
        if letter.key is not None and letter.sequence is not None:
            broken.setdefault(letter.key, (_at(letter.record), letter.sequence))
    if not blocked and not broken:
        return messages, []
    records = _by_place(intake)
    go: list[Message[Any]] = []
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


def _set_aside(intake: Intake, decided: Decided) -> tuple[list[DeadLetter], list[Parked]]:
    """Records whose rule raised become dead letters; those held behind them are parked."""
    if not decided.failures:
        return [], []
    records = _by_place(intake)
    failed: list[DeadLetter] = []
    for message, error in decided.failures:
        where, sequence = _place(message)
        failed.append(DeadLetter(records[where, sequence], sequence, message.key, reason_of(error)))
    held: list[Parked] = []
    for message in decided.held:
        where, sequence = _place(message)
        held.append(Parked(records[where, sequence], sequence, message.key))
    return failed, held


def _first_of_each_key(
    blocked: set[str], intake: Intake, dead: Sequence[DeadLetter], parked: Sequence[Parked]
) -> tuple[list[DeadLetter], list[Parked]]:
    """Only the first bad record of a key is a dead letter; the others wait behind it like the good ones, in order.

    Were each a letter of its own, a replay could not keep the order of the good ones between them.
    """
    order = {place: index for index, place in enumerate(_by_place(intake))}
    letters = [letter for letter in dead if letter.key is None or letter.sequence is None]
    waiting = [(order[_at(each.record), each.sequence], each) for each in parked]
    stopped = set(blocked)
    numbered = [
        (order[_at(record), sequence], Parked(record, sequence, key), reason)
        for record, sequence, key, reason in dead
        if key is not None and sequence is not None
    ]
    for index, (record, sequence, key), reason in sorted(numbered, key=itemgetter(0)):
        if key in stopped:
            waiting.append((index, Parked(record, sequence, key)))
        else:
            stopped.add(key)
            letters.append(DeadLetter(record, sequence, key, reason))
    return letters, [each for _, each in sorted(waiting, key=itemgetter(0))]


def _at(record: Record) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


def _by_place(intake: Intake) -> dict[tuple[TopicPartition, int], Record]:
    return {(_at(record), sequence): record for sequence, record in intake.fresh}


def _place(message: Message[Any]) -> tuple[TopicPartition, int]:
    if message.source is None:
        raise TypeError("a command or a deadline has no place in the log")
    return TopicPartition(message.source.topic, message.source.partition), message.source.sequence
