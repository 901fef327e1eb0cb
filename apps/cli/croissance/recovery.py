"""What `croissance recover` finds: the facts that Kafka carries and the database forgot, service by service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiokafka import AIOKafkaConsumer

from common.core.inbox import Record, TopicPartition, sequence_of
from common.core.told import fact_id
from common.kafka.tail import Span, beyond_heads, extents, read_spans
from common.postgres.recovery import Fact, fact_of, take_back
from croissance.proof.database import Schema

_HEADS: Final = 'select topic, partition, sequence from "{schema}".outbox_heads'
_TIMERS: Final = 'select id::text from "{schema}".deadlines'
DEAD_LETTERED: Final = "DeadLettered"


@dataclass(slots=True)
class Forgotten:
    """What one service has forgotten.

    Attributes:
        service: its name.
        schema: its schema.
        heads: output partition → number found in the database, of those that are behind.
        records: the same → the records of Kafka after that number, in order.
        again: ids of the causes that the service is going to read or to decide again.
    """

    service: str
    schema: str
    heads: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])
    records: dict[TopicPartition, list[Record]] = field(default_factory=dict[TopicPartition, list[Record]])
    again: set[str] = field(default_factory=set[str])

    @property
    def facts(self) -> list[Fact]:
        """Each forgotten fact, in order of its number."""
        return [fact_of(record) for where in sorted(self.records) for record in self.records[where]]

    def comes_again(self, fact: Fact) -> bool:
        """Whether what led to a fact will be decided again: it is recognised then and not told twice."""
        return fact.cause in self.again or fact.type == DEAD_LETTERED


async def forgotten(consumer: AIOKafkaConsumer, connection: Any, schemas: Mapping[str, Schema]) -> list[Forgotten]:
    """The services whose database is behind Kafka, with all that it forgot. Reads only.

    The numbers given are read once it is known where the logs end: what a service publishes meanwhile is not forgotten.
    """
    found: list[Forgotten] = []
    for service, schema in schemas.items():
        spans = await extents(consumer, {TopicPartition(*place) for place in schema.heads})
        rows = await connection.fetch(_HEADS.format(schema=schema.name))
        heads = {TopicPartition(topic, partition): head for topic, partition, head in rows}
        records = await _beyond(consumer, spans, heads)
        if records:
            behind = {where: heads[where] for where in records}
            again = await _read_again(consumer, schema)
            again |= {row[0] for row in await connection.fetch(_TIMERS.format(schema=schema.name))}
            found.append(Forgotten(service, schema.name, behind, records, again))
    return found


async def _beyond(
    consumer: AIOKafkaConsumer, spans: Mapping[TopicPartition, Span], heads: Mapping[TopicPartition, int]
) -> dict[TopicPartition, list[Record]]:
    """The records with the numbers after each head, each number once, up to the first that is missing."""
    found: dict[TopicPartition, list[Record]] = {}

    def take(where: TopicPartition, record: Record) -> bool:
        if sequence_of(record) == heads[where] + len(found.get(where, ())) + 1:
            found.setdefault(where, []).append(record)
        return False

    await read_spans(consumer, await beyond_heads(consumer, spans, heads), take)
    return found


async def _read_again(consumer: AIOKafkaConsumer, schema: Schema) -> set[str]:
    """Ids of the records that a service has not applied, as its database says."""
    ids: set[str] = set()
    offsets = {TopicPartition(*place): position.next_offset for place, position in schema.positions.items()}
    spans = {
        where: (max(first, offsets[where]), end) for where, (first, end) in (await extents(consumer, offsets)).items()
    }

    def take(where: TopicPartition, record: Record) -> bool:  # noqa: ARG001
        ids.add(fact_id(record))
        return False

    await read_spans(consumer, spans, take)
    return ids


async def take_all_back(connection: Any, found: Sequence[Forgotten]) -> None:
    """Move the heads of each service beyond what Kafka carries: all of a service, or nothing of it.

    Raises:
        ValueError: a head has moved meanwhile.
    """
    for service in found:
        async with connection.transaction():
            await connection.execute(f'set local search_path to "{service.schema}"')
            for where in sorted(service.records):
                await take_back(connection, where, service.heads[where], service.records[where])
