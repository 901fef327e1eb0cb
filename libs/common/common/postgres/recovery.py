"""What a database restored from a backup had forgotten: taken back from Kafka, and recognised when decided again."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from common.core.envelope import event_name
from common.core.inbox import Record, TopicPartition, sequence_of
from common.core.outbox import Outgoing
from common.core.record_batch import Entry, packed
from common.core.told import fact_id, fact_mark
from common.postgres.connections import Connection
from common.postgres.rows import columns

_RECOGNISE: Final = """update recovered r
    set status = case when r.mark = u.mark then 'again' else 'otherwise' end, settled_at = now()
    from unnest($1::text[], $2::bytea[]) u (id, mark) where r.id = u.id returning r.id"""
_HEADS: Final = """select topic, partition, sequence from outbox_heads
    where (topic, partition) in (select * from unnest($1::text[], $2::int[])) order by topic, partition for update"""
_MOVE_HEAD: Final = "update outbox_heads set sequence = $3 where topic = $1 and partition = $2"
_MOVE_PUBLISHED: Final = """update outbox_published set published = greatest(published, $3)
    where topic = $1 and partition = $2"""
_SEGMENT: Final = "select max(segment) from outbox_segments"
_KEEP: Final = """insert into outbox_{segment} (segment, topic, partition, first, last, data)
    values ({segment}, $1, $2, $3, $4, $5)"""
_CUT: Final = "insert into cuts (topic, partition, head, last) values ($1, $2, $3, $4)"
_REMEMBER: Final = """insert into recovered (id, topic, partition, sequence, key, type, cause, data, mark)
    select * from unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::text[], $6::text[], $7::text[],
        $8::json[], $9::bytea[]) on conflict (id) do nothing"""
_LEFT: Final = """select topic, partition, sequence, id, key, type, cause, status from recovered
    where status in ('open', 'otherwise') order by topic, partition, sequence"""
_CLOSE: Final = """update recovered set status = 'closed', settled_at = now()
    where status in ('open', 'otherwise') returning id"""


class Fact(NamedTuple):
    """A fact that Kafka carries and the database had forgotten.

    Attributes:
        topic: of the service that told it.
        partition: of the topic.
        sequence: its number.
        id: `ce_id`.
        key: company or entity.
        type: the event's name.
        cause: id of what led to it.
        status: `open` until it is decided again; `otherwise` when that decision says something else.
    """

    topic: str
    partition: int
    sequence: int
    id: str
    key: str
    type: str
    cause: str
    status: str = "open"


async def unrecognised(connection: Connection, outgoing: Sequence[Outgoing]) -> Sequence[Outgoing]:
    """Those of the events that were not told before the loss; the others are noted as decided again."""
    marks = {fact_id(event): fact_mark(event) for event in outgoing}
    rows = await connection.fetch(_RECOGNISE, *columns(sorted(marks.items()), 2))
    known = {row[0] for row in rows}
    return [event for event in outgoing if fact_id(event) not in known]


def fact_of(record: Record) -> Fact:
    """What is listed of a record beyond the head."""
    headers = dict(record.headers)
    place = (record.topic, record.partition, sequence_of(record) or 0)
    name = event_name(headers.get("ce_type") or b"")
    key, cause = ((text or b"").decode(errors="replace") for text in (record.key, headers.get("ce_causationid")))
    return Fact(*place, fact_id(record) or "/".join(map(str, place)), key, name, cause)


async def take_back(connection: Connection, where: TopicPartition, head: int, records: Sequence[Record]) -> int:
    """Put the records after the head of an output partition back into the outbox and move its head; returns it.

    The caller's transaction is the unit: of several partitions all are moved, or none. Repeating it changes nothing.

    Args:
        connection: sees the schema of the service; in a transaction.
        where: the output partition.
        head: the number found in the database.
        records: those of Kafka with the numbers head + 1, head + 2…, in order.

    Raises:
        ValueError: the head is not what it was, or the records do not follow it.
    """
    rows = await connection.fetch(_HEADS, *columns([where], 2))
    if [row["sequence"] for row in rows] != [head]:
        raise ValueError(f"the head of {where.topic}/{where.partition} has moved meanwhile")
    last = head + len(records)
    if [sequence_of(record) for record in records] != list(range(head + 1, last + 1)):
        raise ValueError(f"the numbers of {where.topic}/{where.partition} do not follow {head}")
    segment = await connection.fetchval(_SEGMENT)
    entries = [Entry(r.key, r.value, [(name, value or b"") for name, value in r.headers]) for r in records]
    first = head + 1
    for size, data in packed(entries):
        end = first + size - 1
        await connection.execute(_KEEP.format(segment=segment), *where, first, end, data)
        first = end + 1
    await connection.execute(_MOVE_HEAD, *where, last)
    await connection.execute(_MOVE_PUBLISHED, *where, last)
    await connection.execute(_CUT, *where, head, last)
    lines = [(fact_of(record), record) for record in records]
    facts = [(*f[2:4], f.key, f.type, f.cause, _json(r.value), fact_mark(r)) for f, r in lines]
    await connection.execute(_REMEMBER, *columns([(id_, *where, n, *rest) for n, id_, *rest in facts], 9))
    return last


def _json(value: bytes | None) -> str | None:
    """The data of an event as PostgreSQL takes it; None for what is no JSON, or has what it cannot keep."""
    try:
        msgspec.json.decode(value or b"")
        text = (value or b"").decode()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return None if "\\u0000" in text else text


async def left(connection: Connection) -> list[Fact]:
    """Recovered facts that nothing decided again so far, or decided otherwise, in order of their numbers."""
    return [Fact(*row) for row in await connection.fetch(_LEFT)]


async def close(connection: Connection) -> int:
    """Take what is left as handled by people; returns how many facts."""
    return len(await connection.fetch(_CLOSE))
