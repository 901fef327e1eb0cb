"""The outbox: gapless numbers for what a transaction publishes. Pure; the row lock is the unit of work's."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

import msgspec

from common.inbox import TopicPartition


class Outgoing(NamedTuple):
    """One event to publish, not numbered yet."""

    topic: str
    partition: int
    id: UUID
    type: str
    key: str
    meta: str
    value: bytes


class OutboxRow(NamedTuple):
    """One numbered event: a row of the outbox, a record of the topic."""

    topic: str
    partition: int
    sequence: int
    id: UUID
    type: str
    key: str
    meta: str
    value: bytes


class Meta(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The part of an event's envelope that differs from event to event, as kept in `outbox.meta`."""

    time: str
    region: str
    correlation: str
    causation: str
    traceparent: str


def heads_of(outgoing: Iterable[Outgoing]) -> list[TopicPartition]:
    """The output partitions of a transaction, sorted: the order in which their heads are locked."""
    return sorted({TopicPartition(event.topic, event.partition) for event in outgoing})


def number(
    heads: Mapping[TopicPartition, int], outgoing: Iterable[Outgoing]
) -> tuple[list[OutboxRow], dict[TopicPartition, int]]:
    """Number events after the locked heads, in order; returns the rows and the new heads.

    Guarantee: within a partition the numbers are 1, 2, 3… without a hole in the order of commits, as long as the
    caller holds the locks of `heads` until its transaction ends.
    """
    after = dict(heads)
    rows: list[OutboxRow] = []
    for event in outgoing:
        where = TopicPartition(event.topic, event.partition)
        after[where] = sequence = after[where] + 1
        rows.append(OutboxRow(event.topic, event.partition, sequence, *event[2:]))
    return rows, after
