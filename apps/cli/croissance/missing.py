"""What Kafka lacks of the outboxes: found by reading, sent again by setting `published` back."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer

from common.core.inbox import Record, TopicPartition, sequence_of
from common.kafka.tail import Span, extents, first_numbers, read_spans
from croissance.proof.database import Place, Schema

_KEPT: Final = """select topic, partition, min(first), max(last) from "{schema}".outbox group by topic, partition"""
_REWIND: Final = """update "{schema}".outbox_published set published = $3
    where topic = $1 and partition = $2 and published > $3 returning published"""


class Missing(NamedTuple):
    """Numbers that the outbox keeps as published and Kafka does not have: from the first of them on.

    Attributes:
        schema: of the service.
        where: the output partition.
        first: the first number that is missing.
        last: the last number published.
    """

    schema: str
    where: TopicPartition
    first: int
    last: int


async def missing(consumer: AIOKafkaConsumer, connection: Any, schemas: Mapping[str, Schema]) -> list[Missing]:
    """Every output partition whose log lacks something that its outbox keeps. Reads only."""
    found: list[Missing] = []
    for schema in schemas.values():
        kept = {
            TopicPartition(topic, partition): (first, min(last, schema.published[Place(topic, partition)]))
            for topic, partition, first, last in await connection.fetch(_KEPT.format(schema=schema.name))
        }
        holes = await _first_holes(consumer, await extents(consumer, kept), kept)
        for where, (first, last) in sorted(kept.items()):
            hole = holes.get(where, first)
            if hole is not None and hole <= last:
                found.append(Missing(schema.name, where, hole, last))
    return found


async def _first_holes(
    consumer: AIOKafkaConsumer, spans: Mapping[TopicPartition, Span], kept: Mapping[TopicPartition, tuple[int, int]]
) -> dict[TopicPartition, int]:
    """The first kept number that each log does not have, or the one after the last.

    A log that begins with the first number and has as many records as numbers is whole; others are read.
    """
    firsts = await first_numbers(consumer, spans)
    there: dict[TopicPartition, set[int]] = {where: set() for where in spans}
    doubtful: dict[TopicPartition, Span] = {}
    holes: dict[TopicPartition, int] = {}
    for where, (start, end) in spans.items():
        if firsts.get(where) == 1 and end - start == kept[where][1]:
            holes[where] = kept[where][1] + 1
        else:
            doubtful[where] = (start, end)

    def note(where: TopicPartition, record: Record) -> bool:
        there[where].add(sequence_of(record) or 0)
        return False

    await read_spans(consumer, doubtful, note)
    for where in doubtful:
        first, last = kept[where]
        holes[where] = next((n for n in range(first, last + 1) if n not in there[where]), last + 1)
    return holes


async def send_again(connection: Any, found: list[Missing]) -> None:
    """Set `published` back before the first missing number of each partition, all at once."""
    async with connection.transaction():
        for schema, where, first, _ in found:
            await connection.fetchval(_REWIND.format(schema=schema), *where, first - 1)
