"""Positions: which records of a batch are new, which were applied before, which come too early. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple, Protocol, TypeAlias

Headers: TypeAlias = Sequence[tuple[str, bytes | None]]


class TopicPartition(NamedTuple):
    """A partition of a topic; sorts by topic, then number: the lock order."""

    topic: str
    partition: int


class Record(Protocol):
    """What the core reads of a Kafka record (aiokafka's `ConsumerRecord` has it)."""

    @property
    def topic(self) -> str: ...  # noqa: D102
    @property
    def partition(self) -> int: ...  # noqa: D102
    @property
    def offset(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> Headers: ...  # noqa: D102


class StoredRecord(NamedTuple):
    """A record away from its client: read back from a table, or made by hand."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Position(NamedTuple):
    """How far a partition is applied.

    Attributes:
        sequence: the last `ce_sequence` applied; 0 before the first.
        next_offset: where a consumer that owns the partition must read from.
        applied: how many records were applied, counted by itself so that the audit can compare it with `sequence`.
    """

    sequence: int = 0
    next_offset: int = 0
    applied: int = 0


@dataclass(slots=True)
class Intake:
    """A batch sorted by what must happen to each record.

    Attributes:
        fresh: (sequence, record) to apply, in order.
        unnumbered: records without a usable sequence: dead letters; they count as read, not as applied.
        contradicting: records of others under an id that another record has: dead letters, never dropped as known.
        duplicates: how many were dropped because they are applied already.
        gaps: partition → the sequence that is missing; nothing after it is applied.
        positions: the positions after `fresh`; only of partitions that moved.
    """

    fresh: list[tuple[int, Record]] = field(default_factory=list[tuple[int, Record]])
    unnumbered: list[Record] = field(default_factory=list[Record])
    contradicting: list[Record] = field(default_factory=list[Record])
    duplicates: int = 0
    gaps: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])
    positions: dict[TopicPartition, Position] = field(default_factory=dict[TopicPartition, Position])


def sequence_of(record: Record) -> int | None:
    """The `ce_sequence` of a record, or None when it has no usable one: a positive integer as our relays write it.

    Where the header is repeated the first one counts, as for every header: with whoever reads this log.
    """
    for name, value in record.headers:
        if name == "ce_sequence":
            usable = value is not None and value.isdigit() and value[0] != _ZERO and len(value) <= LONGEST_NUMBER
            return int(value) if usable and value is not None else None
    return None


ArrivalId: TypeAlias = tuple[str, str]
"""What makes a record that carries no number the one it is: its writer, its id."""

LONGEST_NUMBER = 18
"""Digits of the longest number that is one: what PostgreSQL counts with has 63 bits."""

_ZERO = ord("0")


class Arrival(NamedTuple):
    """A record of a topic that others write, with its writer and its id."""

    writer: str
    id: str
    record: Record


def content_of(record: Record) -> bytes:
    """32 bytes that are the same for two records that say the same: type, key and data; other headers may differ.

    Without data it is b"", as where the content was not kept: of a record kept by its digest only, nothing is compared.
    """
    if record.value is None:
        return b""
    event_type = next((value for name, value in record.headers if name == "ce_type"), None) or b""
    parts = (event_type, record.key or b"", record.value)
    return sha256(b"".join([b"%d:%b" % (len(part), part) for part in parts])).digest()


def arrival_of(writer: str, record: Record) -> Arrival | None:
    """The (writer, id) of a record that carries no number, or None when it has no usable id (1 to 200 characters)."""
    for name, value in record.headers:
        if name == "ce_id":
            try:
                text = (value or b"").decode()
            except UnicodeDecodeError:
                return None
            return Arrival(writer, text, record) if 0 < len(text) <= LONGEST_ID and "\0" not in text else None
    return None


LONGEST_ID = 200
"""Characters of the longest id that a writer may give."""


def admit(
    intake: Intake,
    positions: Mapping[TopicPartition, Position],
    records: Iterable[tuple[str, Record]],
    known: Mapping[ArrivalId, bytes],
) -> dict[ArrivalId, bytes]:
    """Sort the records (with their writer) that are deduplicated by id into an intake.

    `known` has the content of those that were applied before, as far as it was kept (b"": it was not); what is returned
    is that of the new ones.

    Guarantee: each (writer, id) is fresh once, whatever was sent or delivered again, and dropped only if it says what
    is known. The number a record gets here is that of its place in the log, for the order of what is parked; nothing is
    concluded from it.
    """
    new: dict[ArrivalId, bytes] = {}
    for writer, record in records:
        arrival = arrival_of(writer, record)
        if arrival is None:
            intake.unnumbered.append(record)
        else:
            found, content = (writer, arrival.id), content_of(record)
            before = known.get(found, new.get(found))
            if before is None:
                new[found] = content
                intake.fresh.append((record.offset + 1, record))
            elif before in {b"", content}:
                intake.duplicates += 1
            else:
                intake.contradicting.append(record)
        where = TopicPartition(record.topic, record.partition)
        at = intake.positions.get(where) or positions[where]
        intake.positions[where] = at._replace(next_offset=record.offset + 1)
    return new


def partitions_of(records: Iterable[Record]) -> list[TopicPartition]:
    """The partitions of a batch, sorted: the order in which their positions are locked."""
    places = {(record.topic, record.partition) for record in records}  # plain pairs: one a record, many a batch
    return sorted([TopicPartition(*where) for where in places])


def accept(positions: Mapping[TopicPartition, Position], records: Iterable[Record]) -> Intake:
    """Sort a batch by its locked positions.

    Guarantee: the sequences of `fresh` continue each partition without a hole, each number once, whatever was
    redelivered, rewound or sent twice. Does not guarantee progress: a gap waits until the missing record is sent again.
    """
    intake = Intake()
    fresh = intake.fresh
    where, last, offset, applied = _NOWHERE, 0, 0, 0
    for record in records:
        if record.partition != where.partition or record.topic != where.topic:
            if applied:
                intake.positions[where] = Position(last, offset, applied)
            where = TopicPartition(record.topic, record.partition)
            known = intake.positions.get(where)
            last, offset, applied = known or positions[where]._replace(applied=0)
        sequence = sequence_of(record)
        if sequence is None:
            offset = _set_aside(intake, record, where, Position(last, offset, applied))
        elif sequence == last + 1:
            fresh.append((sequence, record))
            last, offset, applied = sequence, record.offset + 1, applied + 1
            if intake.gaps:
                intake.gaps.pop(where, None)
        elif sequence <= last:
            intake.duplicates += 1
        else:
            intake.gaps[where] = last + 1
    if applied:
        intake.positions[where] = Position(last, offset, applied)
    for where, moved in intake.positions.items():
        intake.positions[where] = moved._replace(applied=positions[where].applied + moved.applied)
    return intake


def _set_aside(intake: Intake, record: Record, where: TopicPartition, at: Position) -> int:
    """Keep a record without a number; it counts as read where all before it is. Returns the offset to read from."""
    intake.unnumbered.append(record)
    if record.offset != at.next_offset:
        return at.next_offset
    intake.positions[where] = at._replace(next_offset=record.offset + 1)
    return record.offset + 1


_NOWHERE = TopicPartition("", -1)
