"""The store on a real PostgreSQL: the cap under many writers, the waiting list in order, the register."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from msgspec.structs import replace

from common import clock
from common.codec import partition_of
from common.commands import Command
from common.errors import Conflict, Misconfigured
from common.message import Message
from common.processor import apply_commands, apply_due
from common.runtime import Context
from common.service import Changes
from common.testing.database import published
from labels import store
from labels.inputs import CompanyProfileUpdated, OfferPlace, SetCohortCap
from labels.model import LabelFile, Programme

from .builders import COMPANY, NOW, application, diagnosed, move_clock, sirens

Opened = Context[LabelFile, Programme]
pytestmark = pytest.mark.stack


async def receive(context: Opened, inputs: dict[str, object]) -> None:
    """What events of these companies do, in one batch."""
    messages: list[Message[object]] = []
    for siren, item in inputs.items():
        cause = clock.new_id()
        messages.append(Message(item, siren, partition_of(siren), cause, clock.now(), cause))
    await apply_commands(context.codec, context.begin, messages)


async def diagnose(context: Opened, companies: list[str], **changes: Any) -> None:
    await receive(context, dict.fromkeys(companies, diagnosed(**changes)))


async def apply(context: Opened, *companies: str) -> list[Any]:
    return await context.execute_all([Command(application(), siren) for siren in companies])


async def set_cap(context: Opened, cap: int, year: int = 2026) -> None:
    await context.execute_all([Command(SetCohortCap(year, cap), f"cohorte-{year}")])


async def check(context: Opened) -> None:
    """What must be true of the tables at any time."""
    cohorts = await context.pool.fetch("""select c.year, c.cap, c.granted, count(r.rank) labels, max(r.rank) last,
        (select coalesce(sum(value::int), 0) from jsonb_each_text(c.granted_by_region)) by_region
        from cohorts c left join register r on r.cohort_year = c.year group by c.year""")
    for cohort in cohorts:
        assert cohort["granted"] <= cohort["cap"]
        assert cohort["granted"] == cohort["labels"] == (cohort["last"] or 0) == cohort["by_region"]
    counted = await context.pool.fetchrow("""select (select count(*) from waiting_list) waiting,
        (select coalesce(sum(value::int), 0) from waiting_queue, jsonb_each_text(waiting)) counted,
        (select count(*) from states where doc::json->'application'->>'status' = 'liste_attente') files,
        (select count(*) from deadlines where name = 'place') reviews""")
    assert counted is not None
    assert len(set(counted.values())) == 1
    doubled = await context.pool.fetchval(
        "select count(*) from (select siren from register where status = 'actif' group by siren having count(*) > 1)"
    )
    assert doubled == 0


async def test_the_cap_holds_under_concurrent_batches(context: Opened) -> None:
    companies = sirens(240)
    await diagnose(context, companies)
    await set_cap(context, 50)
    answers = [
        answer
        for batch in await asyncio.gather(
            *(apply(context, *companies[start : start + 10]) for start in range(0, 200, 10)),
            *(apply(context, siren) for siren in companies[200:]),
        )
        for answer in batch
    ]
    states = [answer.state for answer in answers]
    assert (states.count("attribue"), states.count("liste_attente")) == (50, 190)
    positions = sorted(answer.position for answer in answers if answer.position)
    assert positions == list(range(1, 191))
    await check(context)


async def test_the_same_company_from_many_sides_has_one_application(context: Opened) -> None:
    (siren,) = sirens(1)
    await diagnose(context, [siren])
    answers = [
        answer for batch in await asyncio.gather(*(apply(context, siren) for _ in range(12))) for answer in batch
    ]
    assert len({answer.application_id for answer in answers}) == 1
    assert [event.type for event in await published(context.pool)] == ["LabelApplied", "LabelGranted"]
    await check(context)


async def test_releases_newcomers_and_caps_at_once_never_pass_the_cap(context: Opened) -> None:
    companies = sirens(120)
    await diagnose(context, companies)
    await set_cap(context, 10)
    await apply(context, *companies[:60])

    async def release() -> None:
        for siren in companies[:60]:
            await context.execute_all([Command(OfferPlace(), siren)])

    async def grow() -> None:
        for cap in range(11, 41):
            await set_cap(context, cap)

    await asyncio.gather(release(), grow(), release(), *(apply(context, siren) for siren in companies[60:]))
    await check(context)
    await release()
    await check(context)
    rows = await context.pool.fetch("select siren from register")
    assert len(rows) == 40
    assert {row["siren"] for row in rows} == set(companies[:40])


async def test_only_batches_with_applications_lock_the_cohort(context: Opened) -> None:
    companies = sirens(2)
    await diagnose(context, companies[:1])
    async with context.pool.acquire() as connection, connection.transaction():
        await connection.execute("select * from waiting_queue for update")
        await asyncio.wait_for(diagnose(context, companies[1:]), 5)
        waits = asyncio.create_task(apply(context, companies[0]))
        done, _ = await asyncio.wait([waits], timeout=0.2)
        assert not done
    await asyncio.wait_for(waits, 5)


async def test_the_database_itself_refuses_a_cohort_over_its_cap(context: Opened) -> None:
    await set_cap(context, 1)
    with pytest.raises(asyncpg.CheckViolationError, match="cohort_within_cap"):
        await context.pool.execute("update cohorts set granted = 2")


async def test_a_batch_decided_on_a_stale_programme_is_taken_again(context: Opened) -> None:
    await set_cap(context, 5)
    async with context.pool.acquire() as connection:
        (siren,) = sirens(1)
        cause = clock.new_id()
        wanted = Message[object](application(), siren, 0, cause, NOW, cause)
        before = await store.load(connection, [wanted])
        stale = replace(before, cohorts={2026: replace(before.cohorts[2026], granted=3)})
        after = replace(stale, cohorts={2026: replace(before.cohorts[2026], granted=4)})
        with pytest.raises(Conflict):
            await store.save(connection, Changes({}, stale, after, ()))


async def test_without_its_row_the_queue_says_what_is_wrong(context: Opened) -> None:
    await context.pool.execute("delete from waiting_queue")
    with pytest.raises(Misconfigured, match="waiting_queue"):
        await apply(context, "732829320")


async def test_a_new_year_serves_the_list_by_its_own_deadline(context: Opened) -> None:
    companies = sirens(30)
    await diagnose(context, companies)
    await set_cap(context, 0)
    await set_cap(context, 20, 2027)
    await apply(context, *companies)
    opening = datetime(2026, 12, 31, 23, 0, tzinfo=UTC)
    assert (await apply_due(context.codec, context.begin, opening - timedelta(seconds=1)))[0] == 0
    taken = [(await apply_due(context.codec, context.begin, opening, limit=7))[0] for _ in range(6)]
    assert taken == [7, 7, 7, 7, 2, 0]
    rows = await context.pool.fetch("select siren from register where cohort_year = 2027")
    assert {row["siren"] for row in rows} == set(companies[:20])
    await check(context)


async def test_the_register_follows_the_file(context: Opened) -> None:
    (siren,) = sirens(1)
    await diagnose(context, [siren])
    (answer,) = await apply(context, siren)
    moved = replace(COMPANY, name=None, region="11", naf="56.10A")
    await receive(context, {siren: CompanyProfileUpdated(moved, 1)})
    label_id = UUID(answer.label.label_id)
    async with context.reading() as connection:
        row = await store.read_label(connection, label_id)
    assert row is not None
    assert (row.name, row.region, row.naf, row.status) == (None, "11", "56.10A", "actif")
    term = answer.label.expires_at
    assert (await apply_due(context.codec, context.begin, term))[0] == 1
    async with context.reading() as connection:
        row = await store.read_label(connection, label_id)
    assert row is not None
    assert row.status == "expire"


async def test_an_older_label_loses_a_name_that_may_no_longer_be_shown(context: Opened) -> None:
    (siren,) = sirens(1)
    await diagnose(context, [siren])
    (first,) = await apply(context, siren)
    await apply_due(context.codec, context.begin, first.label.expires_at)
    move_clock(first.label.expires_at + timedelta(days=1))
    await diagnose(context, [siren], at=first.label.expires_at)
    await apply(context, siren)
    await receive(context, {siren: CompanyProfileUpdated(replace(COMPANY, name=None), 1)})
    assert await context.pool.fetchval("select count(*) from register where siren = $1", siren) == 2
    assert await context.pool.fetchval("select count(*) from register where name is not null") == 0
    await check(context)


def statements() -> list[str]:
    """Every SQL constant of the store."""
    return [
        value
        for name, value in vars(store).items()
        if re.fullmatch(r"_[A-Z_]+", name) and isinstance(value, str) and not name.startswith("__")
    ]


async def test_every_statement_is_valid_on_the_migrated_schema(context: Opened) -> None:
    assert len(statements()) == 15
    async with context.reading() as connection:
        for statement in statements():
            await connection.prepare(statement)


async def test_a_page_of_the_register_is_read_from_an_index(context: Opened) -> None:
    page: str = vars(store)["_PAGE"]
    async with context.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local enable_seqscan = off")
        for region, index in ((None, "register_by_grant"), ("84", "register_by_region")):
            plan = await connection.fetch(f"explain {page}", region, None, None, None, None, 50)
            assert index in "".join(row[0] for row in plan)
