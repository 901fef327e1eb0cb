"""Positions: which records of a batch are new, which were applied before, which come too early. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
        unnumbered: records without a usable sequence: dead letters, their position does not move.
        duplicates: how many were dropped because they are applied already.
        gaps: partition → the sequence that is missing; nothing after it is applied.
        positions: the positions after `fresh`; only of partitions that moved.
    """

    fresh: list[tuple[int, Record]] = field(default_factory=list[tuple[int, Record]])
    unnumbered: list[Record] = field(default_factory=list[Record])
    duplicates: int = 0
    gaps: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])
    positions: dict[TopicPartition, Position] = field(default_factory=dict[TopicPartition, Position])


def sequence_of(record: Record) -> int | None:
    """The `ce_sequence` of a record, or None when it has no usable one (a positive integer)."""
    for name, value in record.headers:
        if name == "ce_sequence":
            return int(value) if value is not None and value.isdigit() and value != b"0" else None
    return None


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
            intake.unnumbered.append(record)
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


_NOWHERE = TopicPartition("", -1)
