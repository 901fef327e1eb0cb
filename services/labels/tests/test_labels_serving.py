"""The waiting list on a real PostgreSQL: a raised cap and a new year serve it, in order, and then it is quiet."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from common.core import clock
from common.core.deadlines import apply_due
from common.process.context import Context
from common.testing.database import published
from labels.applications.inputs import CompanyProfileUpdated
from labels.cohorts.inputs import ServeWaitingList
from labels.places.asking import OfferPlace
from labels.places.waiting import Turn
from labels.store.pools import TurnTable

from .builders import COMPANY, NOW, diagnosed, move_clock, sirens
from .test_labels_store import apply, check, diagnose, receive, set_cap
from .world import rules, with_reserve

pytestmark = pytest.mark.stack

NEW_YEAR = datetime(2026, 12, 31, 23, 0, tzinfo=UTC)


async def rounds(context: Context, until: datetime = NOW, limit: int = 500) -> int:
    """Transactions that decide what is due, until nothing is."""
    count = 0
    while (taken := await apply_due(context.codec, context.begin, until + timedelta(seconds=2), limit)).count:
        assert not taken.failures
        count += 1
    return count


async def labelled(context: Context, year: int = 2026) -> list[str]:
    """Who has a label of this year, by rank."""
    return [
        row["siren"]
        for row in await context.pool.fetch("select siren from register where cohort_year = $1 order by rank", year)
    ]


async def test_a_raised_cap_serves_the_list_in_the_order_of_tickets(context: Context) -> None:
    companies = sirens(40)[::-1]
    await diagnose(context, companies)
    await set_cap(context, 0)
    await apply(context, *companies)
    await rounds(context)
    for cap, transactions in ((1, 2), (25, 2), (25, 0)):
        await set_cap(context, cap)
        assert await rounds(context) == transactions
        assert set(await labelled(context)) == set(companies[:cap])
        await check(context)
    assert await context.pool.fetchval("select min(ticket) from waiting_list") == 26
    events = [event.key for event in await published(context.pool) if event.type == "LabelGranted"]
    assert sorted(events) == sorted(companies[:25])


async def test_places_are_offered_a_round_at_a_time_each_company_once(context: Context) -> None:
    companies = sirens(30)
    await diagnose(context, companies)
    await set_cap(context, 0)
    await apply(context, *companies)
    await rounds(context)
    with patch("labels.store.pools.ROUND", 7):
        await set_cap(context, 20)
        offers: list[int] = []
        while (taken := await apply_due(context.codec, context.begin, NOW + timedelta(seconds=2), 7)).count:
            offers.append(taken.follow_ups)
            assert set(await labelled(context)) <= set(companies[:20])
    assert [count for count in offers if count] == [7, 7, 6]
    assert set(await labelled(context)) == set(companies[:20])
    await check(context)


async def test_a_new_year_serves_the_list_by_its_own_deadline(context: Context) -> None:
    companies = sirens(30)
    await diagnose(context, companies)
    await set_cap(context, 0)
    await set_cap(context, 20, 2027)
    await apply(context, *companies)
    await rounds(context)
    assert await context.pool.fetchval("select count(*) from deadlines") == 1
    assert (await apply_due(context.codec, context.begin, NEW_YEAR - timedelta(seconds=1))).count == 0
    assert await rounds(context, NEW_YEAR) > 0
    assert set(await labelled(context, 2027)) == set(companies[:20])
    waiting = await context.pool.fetch("select key, due from deadlines where name = 'ouverture'")
    assert [tuple(row) for row in waiting] == [("2028", datetime(2027, 12, 31, 23, 0, tzinfo=UTC))]
    await check(context)


async def test_a_place_left_by_a_company_that_closed_goes_to_the_next(context: Context) -> None:
    companies = sirens(4)
    await diagnose(context, companies)
    await set_cap(context, 0)
    await apply(context, *companies)
    await receive(context, dict.fromkeys(companies[:2], CompanyProfileUpdated(replace(COMPANY, active=False), 2)))
    await set_cap(context, 2)
    await rounds(context)
    assert await labelled(context) == companies[2:]
    await check(context)


async def test_places_kept_for_regions_overtake_nobody_else_and_then_it_is_quiet(context: Context) -> None:
    companies = sirens(12)
    spring = NOW.replace(month=6)
    move_clock(spring)
    with rules(with_reserve(50.0, r84=3.0, r11=1.0)):
        for index, siren in enumerate(companies):
            company = replace(COMPANY, region="11" if index < 10 else "84")
            await receive(context, {siren: diagnosed(at=spring - timedelta(days=1), company=company)})
        await set_cap(context, 0)
        await apply(context, *companies, signed_on=spring.date())
        await rounds(context, spring)
        await set_cap(context, 8)  # kept: three places for region 84, one for 11; open: four
        assert await rounds(context, spring) == 3  # the last one looks whether the place left is anybody's
        assert set(await labelled(context)) == {*companies[:5], *companies[10:]}
        await check(context)
        async with context.pool.acquire() as connection, connection.transaction():
            assert await TurnTable().lock(connection, ["2026-06-12"]) == {"2026-06-12": Turn()}
            assert list((await TurnTable().lock(connection, ["2026-10-01"]))["2026-10-01"].regions) == companies[5:6]
        await rounds(context, datetime(2026, 9, 30, 22, 0, tzinfo=UTC))
        assert set(await labelled(context)) == {*companies[:6], *companies[10:]}


async def test_offers_newcomers_and_caps_from_many_sides_never_pass_the_cap(context: Context) -> None:
    companies = sirens(120)
    await diagnose(context, companies)
    await set_cap(context, 10)
    await apply(context, *companies[:60])

    async def decide() -> None:
        for _ in range(25):
            await apply_due(context.codec, context.begin, NOW + timedelta(seconds=60), 20)

    async def grow() -> None:
        for cap in range(11, 41):
            await set_cap(context, cap)

    await asyncio.gather(decide(), grow(), decide(), *(apply(context, siren) for siren in companies[60:]))
    await check(context)
    await rounds(context, NOW + timedelta(seconds=60))
    await check(context)
    assert set(await labelled(context)) == set(companies[:40])
    left: list[Any] = await context.pool.fetch("select type from deadlines where name not in ('terme', 'ouverture')")
    assert left == []


async def test_an_offer_that_keeps_failing_holds_up_nobody_and_does_not_multiply(context: Context) -> None:
    companies = sirens(3)
    await diagnose(context, companies)
    await set_cap(context, 0)
    await apply(context, *companies)
    await rounds(context)
    with patch("labels.applications.offering.company_reasons", side_effect=[ValueError("a bug"), ()]):
        await set_cap(context, 2)
        for _ in range(5):
            await apply_due(context.codec, context.begin, clock.now())
    assert await labelled(context) == companies[1:2]
    waiting = await context.pool.fetch("select type from deadlines where name not in ('terme', 'ouverture')")
    assert sorted(row["type"] for row in waiting) == [OfferPlace.__name__, ServeWaitingList.__name__]
    assert await context.pool.fetchval("select count(*) from deadlines where due <= $1", clock.now()) == 0
    assert await rounds(context, NOW + timedelta(minutes=6)) == 2
    assert set(await labelled(context)) == set(companies[:2])
    await check(context)
