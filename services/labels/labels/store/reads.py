"""What the doors read: the register page by page, a cohort, a place in the waiting list."""

from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from common.postgres.connections import Connection
from labels.applications.model import LabelStatus
from labels.places.cohort import Cohort, first_cohort

_PAGE: Final = """select label_id, siren, name, region, naf, granted_at, expires_at, status from register
    where ($1::text is null or region = $1)
        and ($2::text is null or starts_with(naf, $2))
        and ($3::text is null or siren = $3)
        and ($4::timestamptz is null or (granted_at, label_id) < ($4, $5::uuid))
    order by granted_at desc, label_id desc limit $6"""
_ONE: Final = """select label_id, siren, name, region, naf, granted_at, expires_at, status from register
    where label_id = $1"""
_COHORT: Final = "select year, cap, granted from cohorts where year = $1"
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
    status: LabelStatus


class Filters(NamedTuple):
    """What a reader of the register asks for; None asks for everything."""

    region: str | None = None
    naf: str | None = None
    siren: str | None = None


async def read_register(
    connection: Connection, filters: Filters, after: tuple[datetime, UUID] | None, limit: int
) -> list[PublicLabel]:
    """A page of the register, the newest labels first, after a row given by (granted_at, label_id)."""
    rows = await connection.fetch(_PAGE, *filters, *(after or (None, None)), limit)
    return [PublicLabel(*row) for row in rows]


async def read_label(connection: Connection, label_id: UUID) -> PublicLabel | None:
    """The public row of a label, or None."""
    row = await connection.fetchrow(_ONE, label_id)
    return None if row is None else PublicLabel(*row)


async def read_cohort(connection: Connection, year: int) -> Cohort | None:
    """The cohort of a year as it is, or as it will begin; None for a year before the programme."""
    row = await connection.fetchrow(_COHORT, year)
    return first_cohort(str(year)) if row is None else Cohort(*row)


async def count_waiting(connection: Connection) -> int:
    """Files in the waiting list."""
    return await connection.fetchval(_WAITING)


async def position_of(connection: Connection, ticket: int) -> int:
    """The place in the waiting list of the file that holds a ticket; 1 is the next to be served."""
    return await connection.fetchval(_AHEAD, ticket)
