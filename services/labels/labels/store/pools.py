"""SQL of the pools: one lock and one write of each a batch, in the order of their names."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import msgspec

from common.declare.errors import Conflict, Misconfigured
from common.postgres.connections import Connection
from common.postgres.rows import affected
from france.days import start_of_day
from labels.places.cohort import Cohort, entitled, initial_cap, quotas
from labels.places.waiting import ROUND, Turn, Waiting
from labels.ruleset import ruleset_at

_OPEN_COHORTS: Final = """insert into cohorts (year, cap)
    select * from unnest($1::int[], $2::int[]) on conflict (year) do nothing"""
_LOCK_COHORTS: Final = """select year, cap, granted, granted_by_region from cohorts
    where year = any($1::int[]) order by year for update"""
_SAVE_COHORTS: Final = """update cohorts c set cap = u.cap, granted = u.granted, granted_by_region = u.by_region
    from unnest($1::int[], $2::int[], $3::int[], $4::jsonb[], $5::int[]) u (year, cap, granted, by_region, before)
    where c.year = u.year and c.granted = u.before"""
_LOCK_QUEUE: Final = "select next_ticket, waiting, last_at from waiting_queue for update"
_SAVE_QUEUE: Final = "update waiting_queue set next_ticket = $1, waiting = $2, last_at = $3 where next_ticket = $4"
_COHORT: Final = "select year, cap, granted, granted_by_region from cohorts where year = $1"
_FIRST: Final = "select siren, region from waiting_list order by ticket limit $1"
_FIRST_OF_REGIONS: Final = """select first.siren, first.region
    from waiting_queue, jsonb_object_keys(waiting) held (region) cross join lateral (
        select siren, region, ticket from waiting_list where region = held.region order by ticket limit $1) first
    order by first.ticket"""

_counts: Final = msgspec.json.Decoder(dict[str, int]).decode


class CohortTable:
    """The places of programme years; a year of the programme that is seen first gets its initial cap."""

    async def lock(self, connection: Connection, keys: Sequence[str]) -> dict[str, Cohort | None]:
        """See `PoolTable.lock`; years before the programme are left out."""
        caps = {year: cap for year in sorted(map(int, keys)) if (cap := initial_cap(year)) is not None}
        rows = await connection.fetch(_LOCK_COHORTS, list(caps))
        if len(rows) < len(caps):
            await connection.execute(_OPEN_COHORTS, list(caps), list(caps.values()))
            rows = await connection.fetch(_LOCK_COHORTS, list(caps))
        return {str(row[0]): _cohort(*row) for row in rows}

    async def save(
        self, connection: Connection, before: Mapping[str, Cohort | None], after: Mapping[str, Cohort | None]
    ) -> None:
        """See `PoolTable.save`."""
        pairs = [(cohort, read) for key, cohort in after.items() if cohort is not None and (read := before[key])]
        tag = await connection.execute(
            _SAVE_COHORTS,
            [cohort.year for cohort, _ in pairs],
            [cohort.cap for cohort, _ in pairs],
            [cohort.granted for cohort, _ in pairs],
            [_text(cohort.by_region) for cohort, _ in pairs],
            [read.granted for _, read in pairs],
        )
        _expect(tag, len(after))


class WaitingTable:
    """The head of the waiting list: one row."""

    async def lock(self, connection: Connection, keys: Sequence[str]) -> dict[str, Waiting]:
        """See `PoolTable.lock`.

        Raises:
            Misconfigured: the row is gone.
        """
        row = await connection.fetchrow(_LOCK_QUEUE)
        if row is None:
            raise Misconfigured("waiting_queue has lost its row: the waiting list cannot be locked")
        return dict.fromkeys(keys, Waiting(row["next_ticket"], _counts(row["waiting"]), row["last_at"]))

    async def save(self, connection: Connection, before: Mapping[str, Waiting], after: Mapping[str, Waiting]) -> None:
        """See `PoolTable.save`."""
        for key, waiting in after.items():
            counts = _text({region: count for region, count in waiting.by_region.items() if count})
            stands = (waiting.next_ticket, counts, waiting.last_at)
            tag = await connection.execute(_SAVE_QUEUE, *stands, before[key].next_ticket)
            _expect(tag, 1)


class TurnTable:
    """Whose turn it is: read of the list as it stands under the locks of the cohort and of the head of the list."""

    async def lock(self, connection: Connection, keys: Sequence[str]) -> dict[str, Turn]:
        """See `PoolTable.lock`. Key: a day of Paris. At most `ROUND` rows are read, with quotas as many a region."""
        return {key: await _turn_of(connection, date.fromisoformat(key)) for key in keys}

    async def save(self, connection: Connection, before: Mapping[str, Turn], after: Mapping[str, Turn]) -> None:
        """See `PoolTable.save`: nothing of it is kept, the list itself is written from its rows."""


async def _turn_of(connection: Connection, day: date) -> Turn:
    row = await connection.fetchrow(_COHORT, day.year)
    if row is None:
        return Turn()
    cohort = _cohort(*row)
    if cohort.free <= 0:
        return Turn()
    kept = quotas(cohort.cap, ruleset_at(start_of_day(day)).programme.reserve, day)
    first = await connection.fetch(_FIRST_OF_REGIONS if kept else _FIRST, min(cohort.free, ROUND))
    return Turn(entitled(cohort, ((siren, region) for siren, region in first), kept, ROUND))


def _cohort(year: int, cap: int, granted: int, by_region: str) -> Cohort:
    return Cohort(year, cap, granted, _counts(by_region))


def _text(counts: Mapping[str, int]) -> str:
    return msgspec.json.encode(dict(counts)).decode()


def _expect(tag: str, rows: int) -> None:
    if affected(tag) != rows:
        raise Conflict("the programme was changed by another transaction")
