"""SQL of the cohorts, the waiting list and the register: one lock, one read and one write of each a batch."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

import msgspec

from common.errors import Conflict, Misconfigured
from common.message import Message
from common.service import Changes
from france.days import paris_day
from labels.inputs import ApplyForLabel, OfferPlace, PlaceReviewDue, SetCohortCap
from labels.model import Cohort, LabelFile, Programme, Queued, Unqueued
from labels.rules import cohort as places
from labels.rules.calendar import programme_year
from labels.settings import rulesets

if TYPE_CHECKING:
    from common.postgres import Connection

_FILES: Final = (ApplyForLabel, OfferPlace, PlaceReviewDue)
_TURNS: Final = (OfferPlace, PlaceReviewDue)
_counts: Final = msgspec.json.Decoder(dict[str, int]).decode

# --- the unit of work ------------------------------------------------------------------------------------------------

_LOCK_QUEUE: Final = "select next_ticket, waiting from waiting_queue for update"
_OPEN_COHORTS: Final = """insert into cohorts (year, cap)
    select * from unnest($1::int[], $2::int[]) on conflict (year) do nothing"""
_LOCK_COHORTS: Final = """select year, cap, granted, granted_by_region from cohorts
    where year = any($1::int[]) order by year for update"""
_QUEUE: Final = "select siren, region from waiting_list order by ticket limit $1"
_SAVE_QUEUE: Final = "update waiting_queue set next_ticket = $1, waiting = $2 where next_ticket = $3"
_SAVE_COHORTS: Final = """update cohorts c set cap = u.cap, granted = u.granted, granted_by_region = u.by_region
    from unnest($1::int[], $2::int[], $3::int[], $4::jsonb[], $5::int[]) u (year, cap, granted, by_region, before)
    where c.year = u.year and c.granted = u.before"""
_LEAVE: Final = "delete from waiting_list where siren = any($1::text[])"
_ENTER: Final = """insert into waiting_list (siren, ticket, region, cohort_year, since)
    select * from unnest($1::text[], $2::bigint[], $3::text[], $4::int[], $5::timestamptz[])"""
_REGISTER: Final = """insert into register as r
        (label_id, siren, name, region, naf, cohort_year, rank, granted_at, expires_at, status)
    select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::int[],
        $8::timestamptz[], $9::timestamptz[], $10::text[])
    on conflict (label_id) do update set status = excluded.status where r.status <> excluded.status"""
_REFRESH: Final = """update register r set name = u.name, region = u.region, naf = u.naf
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) u (siren, name, region, naf)
    where r.siren = u.siren and (r.name, r.region, r.naf) is distinct from (u.name, u.region, u.naf)"""


async def load(connection: "Connection", messages: Sequence[Message[Any]]) -> Programme:
    """Lock and read the waiting list's head and the cohorts that this batch may change; nothing for other batches."""
    programme = Programme(rulesets())
    years = {programme_year(message.time) for message in messages if isinstance(message.input, _FILES)}
    years |= {message.input.year for message in messages if isinstance(message.input, SetCohortCap)}
    if not years:
        return programme
    row = await connection.fetchrow(_LOCK_QUEUE)
    if row is None:
        raise Misconfigured("waiting_queue has lost its row: the waiting list cannot be locked")
    cohorts = await _open_cohorts(connection, programme, years)
    turns: dict[int, frozenset[str]] = {}
    for instant in {paris_day(m.time): m.time for m in messages if isinstance(m.input, _TURNS)}.values():
        cohort = cohorts.get(programme_year(instant))
        if cohort is not None:
            turn = await whose_turn(connection, programme, cohort, instant)
            turns[cohort.year] = turns.get(cohort.year, frozenset()).union(turn)
    return Programme(programme.rulesets, cohorts, _counts(row["waiting"]), row["next_ticket"], turns)


async def _open_cohorts(connection: "Connection", programme: Programme, years: set[int]) -> dict[int, Cohort]:
    """The cohorts of these years, locked; a year of the programme seen for the first time gets its initial cap."""
    caps = {year: cap for year in sorted(years) if (cap := places.initial_cap(programme, year)) is not None}
    rows = await connection.fetch(_LOCK_COHORTS, list(caps))
    if len(rows) < len(caps):
        await connection.execute(_OPEN_COHORTS, list(caps), list(caps.values()))
        rows = await connection.fetch(_LOCK_COHORTS, list(caps))
    return {year: Cohort(year, cap, granted, _counts(by_region)) for year, cap, granted, by_region in rows}


async def whose_turn(
    connection: "Connection", programme: Programme, cohort: Cohort, instant: datetime
) -> Sequence[str]:
    """The SIRENs that the free places of a cohort serve at `instant`, in the order of the waiting list."""
    kept = places.quotas(cohort.cap, programme.ruleset_at(instant).programme.reserve, paris_day(instant))
    if cohort.free <= 0:
        return ()
    queue = await connection.fetch(_QUEUE, None if kept else cohort.free)
    return places.entitled(cohort, ((siren, region) for siren, region in queue), kept)


async def save(connection: "Connection", changes: Changes[LabelFile, Programme]) -> None:
    """Write the programme, the waiting list and the register, each in one statement.

    Raises:
        Conflict: a cohort or the waiting list is not as it was read.
    """
    if changes.after is not changes.before:
        await _save_programme(connection, changes.before, changes.after)
    moves = {row.siren: row for row in changes.rows if isinstance(row, Queued | Unqueued)}
    if moves:
        await _save_queue(connection, moves)
    labelled = [file for file in changes.states.values() if file.label is not None]
    if labelled:
        await _save_register(connection, labelled)


async def _save_programme(connection: "Connection", before: Programme, after: Programme) -> None:
    if (after.next_ticket, after.waiting) != (before.next_ticket, before.waiting):
        waiting = _text({region: count for region, count in after.waiting.items() if count})
        tag = await connection.execute(_SAVE_QUEUE, after.next_ticket, waiting, before.next_ticket)
        _expect(tag, 1)
    changed = [cohort for year, cohort in after.cohorts.items() if cohort is not before.cohorts[year]]
    if changed:
        tag = await connection.execute(
            _SAVE_COHORTS,
            [cohort.year for cohort in changed],
            [cohort.cap for cohort in changed],
            [cohort.granted for cohort in changed],
            [_text(dict(cohort.by_region)) for cohort in changed],
            [before.cohorts[cohort.year].granted for cohort in changed],
        )
        _expect(tag, len(changed))


async def _save_queue(connection: "Connection", moves: Mapping[str, Queued | Unqueued]) -> None:
    """Where each file that moved stands at the end of the batch: in the list, or not."""
    await connection.execute(_LEAVE, list(moves))
    entered = [move for move in moves.values() if isinstance(move, Queued)]
    if entered:
        await connection.execute(
            _ENTER,
            [move.siren for move in entered],
            [move.ticket for move in entered],
            [move.region for move in entered],
            [move.cohort_year for move in entered],
            [move.since for move in entered],
        )


async def _save_register(connection: "Connection", files: Sequence[LabelFile]) -> None:
    """Public rows of the labels whose file changed, and the company's public fields on its older labels too."""
    pairs = [(file, file.label, file.company) for file in files]
    rows = [(file.siren, label, company) for file, label, company in pairs if label is not None and company is not None]
    public = (
        [siren for siren, _, _ in rows],
        [company.name for _, _, company in rows],
        [company.region for _, _, company in rows],
        [company.naf for _, _, company in rows],
    )
    await connection.execute(
        _REGISTER,
        [label.label_id for _, label, _ in rows],
        *public,
        [label.cohort_year for _, label, _ in rows],
        [label.rank for _, label, _ in rows],
        [label.granted_at for _, label, _ in rows],
        [label.expires_at for _, label, _ in rows],
        [label.status for _, label, _ in rows],
    )
    await connection.execute(_REFRESH, *public)


def _text(counts: Mapping[str, int]) -> str:
    return msgspec.json.encode(counts).decode()


def _expect(tag: str, rows: int) -> None:
    if int(tag.rpartition(" ")[2]) != rows:
        raise Conflict("the programme was changed by another transaction")


# --- reads -----------------------------------------------------------------------------------------------------------

_PAGE: Final = """select label_id, siren, name, region, naf, granted_at, expires_at, status from register
    where ($1::text is null or region = $1)
        and ($2::text is null or starts_with(naf, $2))
        and ($3::text is null or siren = $3)
        and ($4::timestamptz is null or (granted_at, label_id) < ($4, $5::uuid))
    order by granted_at desc, label_id desc limit $6"""
_ONE: Final = """select label_id, siren, name, region, naf, granted_at, expires_at, status from register
    where label_id = $1"""
_COHORT: Final = "select year, cap, granted, granted_by_region from cohorts where year = $1"
_WAITING: Final = "select count(*) from waiting_list"
_AHEAD: Final = "select count(*) from waiting_list where ticket <= $1"


class PublicLabel(NamedTuple):
    """A row of the public register."""

    label_id: UUID
    siren: str
    name: str | None
    region: str
    naf: str
    granted_at: datetime
    expires_at: datetime
    status: str


class Filters(NamedTuple):
    """What a reader of the register asks for; None asks for everything."""

    region: str | None = None
    naf: str | None = None
    siren: str | None = None


async def read_register(
    connection: "Connection", filters: Filters, after: tuple[datetime, UUID] | None, limit: int
) -> list[PublicLabel]:
    """A page of the register, the newest labels first, after a row given by (granted_at, label_id)."""
    rows = await connection.fetch(_PAGE, *filters, *(after or (None, None)), limit)
    return [PublicLabel(*row) for row in rows]


async def read_label(connection: "Connection", label_id: UUID) -> PublicLabel | None:
    """The public row of a label, or None."""
    row = await connection.fetchrow(_ONE, label_id)
    return None if row is None else PublicLabel(*row)


async def read_cohort(connection: "Connection", year: int) -> Cohort | None:
    """The cohort of a year as it is, or as it will begin; None for a year before the programme."""
    row = await connection.fetchrow(_COHORT, year)
    if row is not None:
        return Cohort(row["year"], row["cap"], row["granted"], _counts(row["granted_by_region"]))
    cap = places.initial_cap(Programme(rulesets()), year)
    return None if cap is None else Cohort(year, cap)


async def count_waiting(connection: "Connection") -> int:
    """Files in the waiting list."""
    return await connection.fetchval(_WAITING)


async def position_of(connection: "Connection", ticket: int) -> int:
    """The place in the waiting list of the file that holds a ticket; 1 is the next to be served."""
    return await connection.fetchval(_AHEAD, ticket)
