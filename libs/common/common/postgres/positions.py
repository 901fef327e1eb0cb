"""Where a consumer reads on: the positions, each with the log it belongs to."""

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from common.core.inbox import TopicPartition
from common.postgres.connections import ConnectionPool
from common.postgres.rows import columns

_READ: Final = """select topic, partition, next_offset from positions
    where (topic, partition) in (select * from unnest($1::text[], $2::int[]))"""
_BELONG: Final = """update positions p
    set topic_id = u.id, next_offset = case when p.topic_id is null then p.next_offset else 0 end
    from (select * from unnest($1::text[], $2::int[], $3::uuid[]) u (topic, partition, id)
        order by topic, partition) u, positions old
    where p.topic = u.topic and p.partition = u.partition and p.topic_id is distinct from u.id
        and old.topic = p.topic and old.partition = p.partition
    returning p.topic, p.partition, old.topic_id is not null as anew"""


async def belong(
    pool: ConnectionPool, partitions: Sequence[TopicPartition], ids: Mapping[str, UUID]
) -> list[TopicPartition]:
    """Tie the positions to the logs that the topics have now; returns those whose log is another one than it was.

    Guarantee: such a partition is read from the beginning; what was applied before is known by its number.
    """
    rows = [(*where, ids[where.topic]) for where in sorted(partitions) if where.topic in ids]
    found = await pool.fetch(_BELONG, *columns(rows, 3))
    return sorted(TopicPartition(row["topic"], row["partition"]) for row in found if row["anew"])


async def offsets(pool: ConnectionPool, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """Where these partitions are to be read on from; those never read, from their beginning."""
    known = {TopicPartition(row[0], row[1]): row[2] for row in await pool.fetch(_READ, *columns(partitions, 2))}
    return {where: known.get(where, 0) for where in partitions}
