"""What numbers a log carries: its highest, and the records beyond one, without reading all of it."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition

from common.core.inbox import Record, TopicPartition, sequence_of
from common.kafka.client import KafkaSettings, client_options
from common.kafka.topics import topics_of

Span = tuple[int, int]
"""Offsets of a partition: from, and before which to stop."""

WIDER: Final = 16
"""How much further back is looked each time that the end of a log holds no number."""


@asynccontextmanager
async def reading(settings: KafkaSettings, client_id: str) -> AsyncGenerator[AIOKafkaConsumer]:
    """A consumer of no group, for a look at a few records."""
    consumer = AIOKafkaConsumer(
        **client_options(settings),
        client_id=client_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=50,
        request_timeout_ms=10000,
    )
    try:
        await consumer.start()
        await asyncio.sleep(0)  # its tasks begin: stopping one that never did would look as if we were cancelled
        yield consumer
    finally:
        await consumer.stop()


async def extents(consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, Span]:
    """First offset and end of those of the partitions that exist and hold anything."""
    asked = set(partitions)
    existing = await topics_of(consumer, {where.topic for where in asked})
    places = [
        KafkaPartition(*where)
        for where in sorted(asked)
        if where.topic in existing and where.partition < existing[where.topic].partitions
    ]
    if not places:
        return {}
    first, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    return {TopicPartition(*place): (first[place], ends[place]) for place in places if first[place] < ends[place]}


async def read_spans(
    consumer: AIOKafkaConsumer, spans: Mapping[TopicPartition, Span], enough: Callable[[TopicPartition, Record], bool]
) -> None:
    """Show every record of the spans to `enough`, in order within each; True: no more of this partition."""
    left = {KafkaPartition(*where): span for where, span in spans.items() if span[0] < span[1]}
    if not left:
        return
    consumer.assign(list(left))
    for place, (start, _) in left.items():
        consumer.seek(place, start)
    while left:
        batches: dict[Any, list[Any]] = await consumer.getmany(*left, timeout_ms=500)
        for place, records in batches.items():
            where, end = TopicPartition(*place), left[place][1]
            if any(record.offset < end and enough(where, record) for record in records):
                del left[place]
        for place in list(left):
            if await consumer.position(place) >= left[place][1]:
                del left[place]


async def first_numbers(consumer: AIOKafkaConsumer, spans: Mapping[TopicPartition, Span]) -> dict[TopicPartition, int]:
    """The first number in each span, of those that hold one."""
    found: dict[TopicPartition, int] = {}

    def enough(where: TopicPartition, record: Record) -> bool:
        number = sequence_of(record)
        if number is not None:
            found[where] = number
        return number is not None

    await read_spans(consumer, spans, enough)
    return found


async def highest_numbers(
    consumer: AIOKafkaConsumer, spans: Mapping[TopicPartition, Span]
) -> dict[TopicPartition, int]:
    """The highest number in each span, of those that hold one."""
    found: dict[TopicPartition, int] = {}

    def enough(where: TopicPartition, record: Record) -> bool:
        found[where] = max(found.get(where, 0), sequence_of(record) or 0)
        return False

    await read_spans(consumer, spans, enough)
    return {where: number for where, number in found.items() if number}


async def _at_the_end(consumer: AIOKafkaConsumer, spans: Mapping[TopicPartition, Span]) -> dict[TopicPartition, int]:
    """The highest of the last numbers in each log: of as few records as hold one."""
    found: dict[TopicPartition, int] = {}
    width, left = 1, dict(spans)
    while left:
        ends = {where: (max(first, end - width), end) for where, (first, end) in left.items()}
        found |= await highest_numbers(consumer, ends)
        left = {where: span for where, span in left.items() if where not in found and ends[where][0] > span[0]}
        width *= WIDER
    return found


async def carried_beyond(consumer: AIOKafkaConsumer, heads: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """The logs that carry the number after the head, each with its last number (or the one after the head)."""
    spans = await extents(consumer, heads)
    found: set[TopicPartition] = set()

    def enough(where: TopicPartition, record: Record) -> bool:
        if sequence_of(record) == heads[where] + 1:
            found.add(where)
        return where in found

    await read_spans(consumer, await beyond_heads(consumer, spans, heads), enough)
    ends = await _at_the_end(consumer, {where: spans[where] for where in found})
    return {where: max(heads[where] + 1, ends.get(where, 0)) for where in found}


async def beyond_heads(
    consumer: AIOKafkaConsumer, spans: Mapping[TopicPartition, Span], heads: Mapping[TopicPartition, int]
) -> dict[TopicPartition, Span]:
    """The end of each span in which alone numbers above the heads can stand.

    A log does not have to end with its highest number: what is sent again stands behind it. But the number n stands at
    least n - f records behind the first number f, because those between came first.
    """
    firsts = await first_numbers(consumer, spans)
    return {
        where: (max(first, first + heads.get(where, 0) + 1 - firsts[where]), end)
        for where, (first, end) in spans.items()
        if where in firsts
    }
