"""The store on a real PostgreSQL: the cap under many writers, the waiting list in order, the register."""

import asyncio
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from common.core import clock
from common.core.codec import partition_of
from common.core.commands import Ask
from common.core.deadlines import apply_due
from common.core.requests import apply_commands
from common.declare.errors import Conflict, Misconfigured, Unstorable
from common.declare.message import Message
from common.process.context import Context
from common.testing.database import published
from labels.applications.inputs import CompanyProfileUpdated
from labels.cohorts.inputs import SetCohortCap
from labels.store import pools, projection, reads
from labels.store.pools import CohortTable, WaitingTable

from .builders import COMPANY, application, diagnosed, move_clock, sirens

pytestmark = pytest.mark.stack


async def receive(context: Context, inputs: dict[str, Any]) -> None:
    """What events of these companies do, in one batch."""
    messages: list[Message[Any]] = []
    for siren, item in inputs.items():
        cause = clock.new_id()
        messages.append(Message(item, siren, partition_of(siren), cause, clock.now(), cause))
    await apply_commands(context.codec, context.begin, messages)


async def diagnose(context: Context, companies: list[str], **changes: Any) -> None:
    await receive(context, dict.fromkeys(companies, diagnosed(**changes)))


async def apply(context: Context, *companies: str, **changes: Any) -> list[Any]:
    return await context.execute_all([Ask(application(**changes), siren) for siren in companies])


async def set_cap(context: Context, cap: int, year: int = 2026) -> None:
    await context.execute_all([Ask(SetCohortCap(cap), str(year))])


async def check(context: Context) -> None:
    """What must be true of the tables at any time."""
    cohorts = await context.pool.fetch("""select c.year, c.cap, c.granted, count(r.rank) labels, max(r.rank) last,
        (select coalesce(sum(value::int), 0) from jsonb_each_text(c.granted_by_region)) by_region
        from cohorts c left join register r on r.cohort_year = c.year group by c.year""")
    for cohort in cohorts:
        assert cohort["granted"] <= cohort["cap"]
        assert cohort["granted"] == cohort["labels"] == (cohort["last"] or 0) == cohort["by_region"]
    counted = await context.pool.fetchrow("""select (select count(*) from waiting_list) waiting,
        (select coalesce(sum(value::int), 0) from waiting_queue, jsonb_each_text(waiting)) counted,
        (select count(*) from states where doc::json->'application'->>'status' = 'liste_attente') files""")
    assert counted is not None
    assert len(set(counted.values())) == 1
    if counted["waiting"]:
        assert await context.pool.fetchval(
            "select count(*) from deadlines where name = 'ouverture' or type = 'AwaitOpening'"
        )
    doubled = await context.pool.fetchval(
        "select count(*) from (select siren from register where status = 'actif' group by siren having count(*) > 1)"
    )
    assert doubled == 0


async def test_the_cap_holds_under_concurrent_batches(context: Context) -> None:
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


async def test_the_same_company_from_many_sides_has_one_application(context: Context) -> None:
    (siren,) = sirens(1)
    await diagnose(context, [siren])
    answers = [
        answer for batch in await asyncio.gather(*(apply(context, siren) for _ in range(12))) for answer in batch
    ]
    assert len({answer.application_id for answer in answers}) == 1
    assert [event.type for event in await published(context.pool)] == ["LabelApplied", "LabelGranted"]
    await check(context)


async def test_only_batches_with_applications_lock_the_cohort(context: Context) -> None:
    companies = sirens(2)
    await diagnose(context, companies[:1])
    async with context.pool.acquire() as connection, connection.transaction():
        await connection.execute("select * from waiting_queue for update")
        await asyncio.wait_for(diagnose(context, companies[1:]), 5)
        waits = asyncio.create_task(apply(context, companies[0]))
        done, _ = await asyncio.wait([waits], timeout=0.2)
        assert not done
    await asyncio.wait_for(waits, 5)


async def test_the_database_itself_refuses_a_cohort_over_its_cap(context: Context) -> None:
    await set_cap(context, 1)
    with pytest.raises(Unstorable, match="cohort_within_cap"):
        await context.pool.execute("update cohorts set granted = 2")


async def test_a_batch_decided_on_stale_pools_is_taken_again(context: Context) -> None:
    await set_cap(context, 5)
    async with context.pool.acquire() as connection:
        async with connection.transaction():
            cohort = (await CohortTable().lock(connection, ["2026"]))["2026"]
            waiting = (await WaitingTable().lock(connection, ["all"]))["all"]
        assert cohort is not None
        stale, after = replace(cohort, granted=3), replace(cohort, granted=4)
        with pytest.raises(Conflict):
            await CohortTable().save(connection, {"2026": stale}, {"2026": after})
        with pytest.raises(Conflict):
            await WaitingTable().save(
                connection, {"all": replace(waiting, next_ticket=7)}, {"all": replace(waiting, next_ticket=8)}
            )


async def test_without_its_row_the_queue_says_what_is_wrong(context: Context) -> None:
    await context.pool.execute("delete from waiting_queue")
    with pytest.raises(Misconfigured, match="waiting_queue"):
        await apply(context, "732829320")


async def test_the_register_follows_the_file(context: Context) -> None:
    (siren,) = sirens(1)
    await diagnose(context, [siren])
    (answer,) = await apply(context, siren)
    moved = replace(COMPANY, name=None, region="11", naf="56.10A")
    await receive(context, {siren: CompanyProfileUpdated(moved, 2)})
    label_id = UUID(answer.label.label_id)
    async with context.reading() as connection:
        row = await reads.read_label(connection, label_id)
    assert row is not None
    assert (row.name, row.region, row.naf, row.status) == (None, "11", "56.10A", "actif")
    term = answer.label.expires_at
    assert (await apply_due(context.codec, context.begin, term)).count == 1
    async with context.reading() as connection:
        row = await reads.read_label(connection, label_id)
    assert row is not None
    assert row.status == "expire"


async def test_an_older_label_loses_a_name_that_may_no_longer_be_shown(context: Context) -> None:
    (siren,) = sirens(1)
    await diagnose(context, [siren])
    (first,) = await apply(context, siren)
    await apply_due(context.codec, context.begin, first.label.expires_at)
    move_clock(first.label.expires_at + timedelta(days=1))
    await diagnose(context, [siren], at=first.label.expires_at)
    await apply(context, siren)
    await receive(context, {siren: CompanyProfileUpdated(replace(COMPANY, name=None), 2)})
    assert await context.pool.fetchval("select count(*) from register where siren = $1", siren) == 2
    assert await context.pool.fetchval("select count(*) from register where name is not null") == 0
    await check(context)


def statements() -> list[str]:
    """Every SQL constant of the store."""
    return [
        value
        for module in (pools, projection, reads)
        for name, value in vars(module).items()
        if re.fullmatch(r"_[A-Z_]+", name) and isinstance(value, str) and not name.startswith("__")
    ]


async def test_every_statement_is_valid_on_the_migrated_schema(context: Context) -> None:
    assert len(statements()) == 17
    async with context.reading() as connection:
        for statement in statements():
            await connection.prepare(statement)


async def test_the_first_of_each_region_are_read_from_an_index(context: Context) -> None:
    statement: str = vars(pools)["_FIRST_OF_REGIONS"]
    async with context.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local enable_seqscan = off")
        plan = "".join(row[0] for row in await connection.fetch(f"explain {statement}", 5))
    assert "waiting_list_by_region" in plan
    assert "Limit" in plan


async def test_a_page_of_the_register_is_read_from_an_index(context: Context) -> None:
    page: str = vars(reads)["_PAGE"]
    async with context.pool.acquire() as connection, connection.transaction():
        await connection.execute("set local enable_seqscan = off")
        for region, index in ((None, "register_by_grant"), ("84", "register_by_region")):
            plan = await connection.fetch(f"explain {page}", region, None, None, None, None, 50)
            assert index in "".join(row[0] for row in plan)
