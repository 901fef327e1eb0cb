"""What the database says of the mechanism: numbers given, numbers published, positions, what is set aside."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from common.core.record_batch import unseal
from croissance.proof.log import mark_of, short

SCHEMAS: Final = """select table_schema from information_schema.tables where table_name = 'outbox_heads'
    order by table_schema"""
HEADS: Final = """select h.topic, h.partition, h.sequence, coalesce(p.published, 0) as published
    from "{schema}".outbox_heads h left join "{schema}".outbox_published p using (topic, partition)"""
POSITIONS: Final = 'select topic, partition, sequence, next_offset, applied from "{schema}".positions'
HELD: Final = """select topic, partition, sequence from "{schema}".dead_letters
        where status <> 'replayed' and sequence is not null
    union all select topic, partition, sequence from "{schema}".parked"""
SET_ASIDE: Final = """select topic, partition, "offset" from "{schema}".dead_letters where sequence is null"""
CUTS: Final = 'select topic, partition, last from "{schema}".cuts'
FORGOTTEN: Final = """select topic, partition, sequence from "{schema}".recovered
    where status in ('open', 'otherwise', 'closed')"""
OUTBOX: Final = """select first, last, data from "{schema}".outbox
    where topic = $1 and partition = $2 order by last"""
TABLES: Final = "select table_name from information_schema.tables where table_schema = $1"


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


class Position(NamedTuple):
    """How far a consumer is, and how many events it counted on its way."""

    sequence: int
    next_offset: int
    applied: int


@dataclass(slots=True)
class Schema:
    """One service as its tables tell it.

    Attributes:
        service: its name.
        name: its schema.
        heads: output partition → last number given.
        published: output partition → last number that Kafka acknowledged.
        positions: input partition → position.
        held: (topic, partition, number) set aside: dead letters not replayed and what is parked behind them.
        set_aside: (topic, partition, offset) of records without a number that it keeps as dead letters.
        cuts: output partition → last numbers given before its database went back in time.
        forgotten: (topic, partition, number) of its own facts that only Kafka knows since then, or knows otherwise.
        tables: names of its tables.
    """

    service: str
    name: str
    heads: dict[Place, int] = field(default_factory=dict[Place, int])
    published: dict[Place, int] = field(default_factory=dict[Place, int])
    positions: dict[Place, Position] = field(default_factory=dict[Place, Position])
    held: set[tuple[str, int, int]] = field(default_factory=set[tuple[str, int, int]])
    set_aside: set[tuple[str, int, int]] = field(default_factory=set[tuple[str, int, int]])
    cuts: dict[Place, set[int]] = field(default_factory=dict[Place, set[int]])
    forgotten: set[tuple[str, int, int]] = field(default_factory=set[tuple[str, int, int]])
    tables: frozenset[str] = frozenset()


class Row(NamedTuple):
    """One event of an outbox, as the log should show it; `mark` 0 is that of no event: the row is wrong in itself."""

    sequence: int
    id: int
    mark: int


async def schemas(connection: Any, namespace: str) -> dict[str, Schema]:
    """Every service of this namespace, with a consistent picture of its tables."""
    prefix = namespace.replace(".", "_").replace("-", "_")
    found: dict[str, Schema] = {}
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        for (name,) in await connection.fetch(SCHEMAS):
            service = name.removeprefix(prefix)
            schema = Schema(service, name)
            await _read(connection, schema)
            topic = f"{namespace}croissance.{service}.v1"
            if name.startswith(prefix) and any(place.topic == topic for place in schema.heads):
                found[service] = schema
    return found


async def _read(connection: Any, schema: Schema) -> None:
    name = schema.name
    for topic, partition, head, published in await connection.fetch(HEADS.format(schema=name)):
        place = Place(topic, partition)
        schema.heads[place], schema.published[place] = head, published
    for topic, partition, *position in await connection.fetch(POSITIONS.format(schema=name)):
        schema.positions[Place(topic, partition)] = Position(*position)
    schema.held = {tuple(row) for row in await connection.fetch(HELD.format(schema=name))}
    schema.set_aside = {tuple(row) for row in await connection.fetch(SET_ASIDE.format(schema=name))}
    schema.tables = frozenset(row[0] for row in await connection.fetch(TABLES, name))
    if {"cuts", "recovered"} <= schema.tables:
        for topic, partition, last in await connection.fetch(CUTS.format(schema=name)):
            schema.cuts.setdefault(Place(topic, partition), set()).add(last)
        schema.forgotten = {tuple(row) for row in await connection.fetch(FORGOTTEN.format(schema=name))}


async def outbox(connection: Any, schema: str, place: Place) -> AsyncIterator[Row]:
    """The events kept of one output partition, in order, each with the fingerprint its record must have."""
    async with connection.transaction(readonly=True):
        cursor = await connection.cursor(OUTBOX.format(schema=schema), place.topic, place.partition)
        while batches := await cursor.fetch(20):
            for first, last, data in batches:
                sequence = first
                for key, value, pairs in unseal(data):
                    headers: dict[str, bytes | None] = dict(pairs)
                    number = headers.get("ce_sequence") or b""
                    mark = mark_of(key, value, headers) if number == b"%d" % sequence else 0
                    yield Row(sequence, short(headers.get("ce_id") or b""), mark)
                    sequence += 1
                if sequence != last + 1:
                    yield Row(sequence, 0, 0)
