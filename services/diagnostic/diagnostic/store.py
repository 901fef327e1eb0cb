"""The benchmark's read model: all SQL of this service beside its migrations."""

from itertools import product
from typing import Final, NamedTuple

from common.core.unit_of_work import Changes
from common.postgres.connections import Connection
from diagnostic.diagnostics.model import BenchmarkChange
from diagnostic.scoring.peers import Bucket, Cell

THOUSANDTHS: Final = 1000

_COLUMNS: Final = ("size", "section", "region", "bucket", "count", "total")
_FOLD_LOCK: Final = "select pg_try_advisory_xact_lock(hashtext(current_schema() || ' benchmark'))"
_FOLD: Final = """with taken as (
        delete from benchmark_changes where ctid = any(array(select ctid from benchmark_changes limit $1))
        returning size, section, region, bucket, count, total),
    added as (
        insert into benchmark_cells as c (size, section, region, bucket, count, total)
        select size, section, region, bucket, sum(count), sum(total) from taken
        group by size, section, region, bucket order by size, section, region, bucket
        on conflict (size, section, region, bucket)
            do update set count = c.count + excluded.count, total = c.total + excluded.total)
    select count(*) from taken"""


def _histogram(*, size: bool, section: bool, region: bool) -> str:
    """The histogram of a cell, by those of its three parts that count; what is not folded yet is added."""
    parts = {"size": size, "section": section, "region": region}
    # All three arguments always are bound, so that each statement takes the same ones.
    where = " and ".join(
        f"{name} = ${number}" if used else f"${number}::text is not null"
        for number, (name, used) in enumerate(parts.items(), start=1)
    )
    return f"""select bucket, sum(count)::bigint, sum(total)::bigint from (
            select bucket, count, total from benchmark_cells where {where}
            union all select bucket, count, total from benchmark_changes where {where}) rows
        group by bucket having sum(count) > 0 order by bucket"""


HISTOGRAMS: Final = {
    parts: _histogram(size=parts[0], section=parts[1], region=parts[2]) for parts in product((True, False), repeat=3)
}


class Fold(NamedTuple):
    """What one fold did; `done` is False when changes may be left."""

    rows: int
    done: bool


async def project(connection: Connection, changes: Changes) -> None:
    """Append what the batch changes in the benchmark."""
    rows = [
        (cell.size, cell.section, cell.region, int(score), count, count * round(score * THOUSANDTHS))
        for cell, count, score in (
            (row.cell, row.count, row.global_score) for row in changes.rows if isinstance(row, BenchmarkChange)
        )
    ]
    if rows:
        await connection.copy_records_to_table("benchmark_changes", records=rows, columns=_COLUMNS)


async def fold(connection: Connection, limit: int) -> Fold:
    """Move up to `limit` changes into the cells, in one transaction; one process at a time does it."""
    async with connection.transaction():
        if not await connection.fetchval(_FOLD_LOCK):
            return Fold(0, done=True)
        rows: int = await connection.fetchval(_FOLD, limit)
    return Fold(rows, done=rows < limit)


async def histogram(connection: Connection, cell: Cell) -> list[Bucket]:
    """The scores of a cell, sorted; an empty part of the cell stands for all."""
    statement = HISTOGRAMS[cell.size != "", cell.section != "", cell.region != ""]
    rows = await connection.fetch(statement, cell.size, cell.section, cell.region)
    return [Bucket(bucket, count, total / THOUSANDTHS) for bucket, count, total in rows]
