"""The outbox: gapless numbers for what a transaction publishes. Pure; the row lock is the unit of work's."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from common.inbox import TopicPartition
from common.record_batch import Compression, Entry, seal, split


class Outgoing(NamedTuple):
    """One event to publish, not numbered yet: a record whose headers lack `ce_sequence`."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


class Batch(NamedTuple):
    """Numbered events of one output partition, sealed as they go to Kafka: a row of the outbox.

    Attributes:
        topic: of the events.
        partition: of the topic.
        first: `ce_sequence` of the first event.
        last: of the last one; those between follow each other without a hole.
        data: the record batch, see `common.record_batch`.
    """

    topic: str
    partition: int
    first: int
    last: int
    data: bytes


def heads_of(outgoing: Iterable[Outgoing]) -> list[TopicPartition]:
    """The output partitions of a transaction, sorted: the order in which their heads are locked."""
    places = {(event.topic, event.partition) for event in outgoing}
    return sorted([TopicPartition(*where) for where in places])


def number(
    heads: Mapping[TopicPartition, int], outgoing: Iterable[Outgoing], compression: Compression = "zstd"
) -> tuple[list[Batch], dict[TopicPartition, int]]:
    """Number events after the locked heads, in order, and seal them; returns the batches and the new heads.

    Guarantee: within a partition the numbers are 1, 2, 3… without a hole in the order of commits, as long as the
    caller holds the locks of `heads` until its transaction ends.

    Raises:
        KeyError: the head of an event's partition is not among `heads`; no event is left out in silence.
    """
    runs: dict[tuple[str, int], list[Outgoing]] = defaultdict(list)
    for event in outgoing:
        runs[event.topic, event.partition].append(event)
    batches: list[Batch] = []
    after = dict(heads)
    for place, run in runs.items():
        where = TopicPartition(*place)
        last = heads[where]
        entries = [
            Entry(key, value, [("ce_sequence", b"%d" % sequence), *headers])
            for sequence, (_, _, key, value, headers) in enumerate(run, last + 1)
        ]
        for part in split(entries):
            first, last = last + 1, last + len(part)
            batches.append(Batch(*where, first, last, seal(part, compression)))
        after[where] = last
    return batches, after
