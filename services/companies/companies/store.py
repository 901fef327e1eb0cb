"""The list of the register: one line a company, for the questions "which companies of this region, of this class?"."""

from collections.abc import Sequence
from typing import Final

from common.core.unit_of_work import Changes
from common.postgres.connections import Connection
from companies.register.model import Listed

LIST: Final = """insert into register as r (siren, region, sme_category)
    select * from unnest($1::text[], $2::text[], $3::text[])
    on conflict (siren) do update set region = excluded.region, sme_category = excluded.sme_category"""

# One ordered probe of the index a (region, class): any filter costs a few probes, never a scan.
PAGE: Final = """select s.key, s.doc
    from (
        select found.siren
        from unnest($1::text[]) as a (region) cross join unnest($2::text[]) as b (sme_category)
        cross join lateral (
            select r.siren from register r
            where r.region = a.region and r.sme_category = b.sme_category and r.siren > $3
            order by r.siren limit $4
        ) found
        order by found.siren limit $4
    ) page
    join states s on s.kind = 'register' and s.key = page.siren
    order by s.key"""


ADOPT: Final = """with told as (
        select key, max(coalesce((data->>'version')::int, 1)) as version from recovered
        where status = 'open' and type in ('CompanyRegistered', 'CompanyProfileUpdated') and data is not null
        group by key),
    known as (
        update states s set version = s.version + 1,
            doc = jsonb_set(s.doc::jsonb, '{version}', to_jsonb(t.version))::text
        from told t where s.kind = 'register' and s.key = t.key and (s.doc::jsonb->>'version')::int < t.version
        returning s.key)
    insert into states (kind, key, version, doc)
    select 'register', key, 1, json_build_object('siren', key, 'version', version)::text from told
    on conflict do nothing"""


async def adopt(connection: Connection) -> None:
    """Count on from the versions that our own topic carries: readers drop what is not newer than what they know.

    What the observations were is lost with the database; the next one of such a company is told whole.
    """
    await connection.execute(ADOPT)


async def project(connection: Connection, changes: Changes) -> None:
    """Write the lines that are new or moved; of several for one company the last counts."""
    lines = {row.siren: row for row in changes.rows if isinstance(row, Listed)}
    if lines:
        ordered = sorted(lines)
        regions = [lines[siren].region for siren in ordered]
        classes = [lines[siren].sme_category for siren in ordered]
        await connection.execute(LIST, ordered, regions, classes)


async def page(
    connection: Connection, regions: Sequence[str], classes: Sequence[str], after: str, limit: int
) -> list[tuple[str, str]]:
    """Up to `limit` companies with a SIREN above `after`, in order: SIREN and state as JSON."""
    records = await connection.fetch(PAGE, regions, classes, after, limit)
    return [(record["key"], record["doc"]) for record in records]
