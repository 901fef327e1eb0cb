"""The outbox: gapless numbers for what a transaction publishes. Pure; the row lock is the unit of work's."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from common.core.inbox import TopicPartition
from common.core.record_batch import Compression, Entry, packed, unseal

SEQUENCE: Final = "ce_sequence"
"""The header that holds the gapless number of an event in its topic partition."""


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
        data: the record batch, see `common.core.record_batch`.
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
        Unstorable: an event is larger than a broker takes.
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
            Entry(key, value, [(SEQUENCE, b"%d" % sequence), *headers])
            for sequence, (_, _, key, value, headers) in enumerate(run, last + 1)
        ]
        for count, data in packed(entries, compression):
            first, last = last + 1, last + count
            batches.append(Batch(*where, first, last, data))
        after[where] = last
    return batches, after


SMALL: Final = 16_384
"""Bytes of data up to which neighbouring batches are sent as one."""


def merged(batches: Sequence[Batch], compression: Compression) -> list[Batch]:
    """The same events in fewer batches: small neighbours of one partition become one.

    A partition takes one batch a round trip. Where every transaction wrote one event, as with single requests, sending
    them one by one would be slower than they are written; what is large already goes as it is.
    """
    found: list[Batch] = []
    run: list[Batch] = []
    size = 0
    for batch in batches:
        follows = bool(run) and run[-1][:2] == batch[:2] and run[-1].last + 1 == batch.first
        if not follows or size + len(batch.data) > SMALL:
            found += _as_one(run, compression)
            run, size = [], 0
        run.append(batch)
        size += len(batch.data)
    return found + _as_one(run, compression)


def _as_one(run: Sequence[Batch], compression: Compression) -> list[Batch]:
    """A run of batches in one; in several only where one would be too large."""
    if len(run) < 2:
        return list(run)
    last = run[0].first - 1
    found: list[Batch] = []
    for count, data in packed([entry for batch in run for entry in unseal(batch.data)], compression):
        first, last = last + 1, last + count
        found.append(Batch(run[0].topic, run[0].partition, first, last, data))
    return found
