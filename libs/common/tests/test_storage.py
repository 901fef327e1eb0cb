"""What the two implementations of the unit of work refuse, wait for and give back, beside what the rules lead to."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from common.core import clock
from common.core.codec import partition_of
from common.core.commands import Ask, body_hash, to_message
from common.core.deadlines import apply_due
from common.core.requests import apply_commands
from common.core.unit_of_work import Begin, Changes, Remembered, Timer
from common.declare.aggregate import Aggregate, on
from common.declare.decision import Cancel, Decision, Schedule
from common.declare.errors import Conflict, Misconfigured, Transient
from common.declare.message import Message
from common.declare.pool import Pool, Pools
from common.declare.service import Service
from common.testing.chain import COUNTER, GRANTER, TOTALS, Count, Remind, Total

from .conftest import Open
from .places import NOW, OpenPlace

STRANGE: Pool[int] = Pool("strange", int, lambda _: 0)


def timer(name: str, change: Schedule | Cancel) -> Timer:
    message: Message[object] = to_message(Ask(Count(), "k"), 0, name, "")
    return Timer(message, "totals", "k", partition_of("k"), "84", change, UUID(int=len(name)))


async def set_timers(begin: Begin, *timers: Timer) -> None:
    async with begin() as transaction:
        await transaction.set_timers(timers)


async def test_a_deadline_is_withdrawn_and_the_last_word_of_a_transaction_holds(open_place: OpenPlace) -> None:
    place = await open_place(COUNTER)
    first, second = Schedule("a", NOW, Remind(1)), Schedule("a", NOW + timedelta(hours=1), Remind(2))

    await set_timers(place.begin, timer("a", Cancel("a")), timer("a", first), timer("a", second))
    assert [(due.due, due.region) for due in await place.deadlines()] == [(second.due, "84")]

    await set_timers(place.begin, timer("a", second), timer("a", Cancel("a")), timer("b", Cancel("b")))
    assert await place.deadlines() == []


async def test_an_answer_is_remembered_by_one_of_two(open_service: Open) -> None:
    _, begin = await open_service(COUNTER)

    async def remember(status: int) -> None:
        async with begin() as transaction:
            await transaction.remember({"key": Remembered(b"hash", status, b"{}")})

    await remember(201)
    with pytest.raises(Conflict):
        await remember(202)
    async with begin() as transaction:
        assert (await transaction.recall(["key", "other"])) == {"key": Remembered(b"hash", 201, b"{}")}


async def test_a_foreign_record_is_admitted_by_one_of_two(open_service: Open) -> None:
    _, begin = await open_service(COUNTER)

    async def admit() -> None:
        async with begin() as transaction:
            await transaction.admit({("cci", "1"): b"content"})

    await admit()
    with pytest.raises(Conflict):
        await admit()
    async with begin() as transaction:
        assert await transaction.arrived([("cci", "1"), ("cci", "2")]) == {("cci", "1"): b"content"}


async def test_a_state_that_another_saved_is_not_saved_over(open_service: Open) -> None:
    _, begin = await open_service(COUNTER)
    places = [("totals", f"k{n}") for n in range(120)]  # as many as are copied in

    async def save(n: int, many: int) -> None:
        async with begin() as transaction:
            await transaction.save(Changes(dict.fromkeys(places[:many], Total(n)), {}, {}, {}, ()))

    await save(1, 2)
    for many in (2, 120):
        with pytest.raises(Conflict):
            await save(2, many)
    async with begin() as transaction:
        found = await transaction.load({*places})
    assert {key: (each.state.n, each.version) for (_, key), each in found.items()} == {"k0": (1, 1), "k1": (1, 1)}


async def test_who_closes_a_circle_of_those_that_wait_loses(open_service: Open) -> None:
    codec, begin = await open_service(GRANTER)
    (pool,) = codec.service.pools
    one, two = pool.at("a"), pool.at("b")
    both = asyncio.Barrier(2)

    async def lock(first: Any, second: Any) -> None:
        async with begin() as transaction:
            await transaction.lock_pools([first])
            await both.wait()
            await transaction.lock_pools([second])

    told = await asyncio.gather(lock(one, two), lock(two, one), return_exceptions=True)

    assert sorted(type(error).__name__ for error in told) == ["Conflict", "NoneType"]


@pytest.mark.parametrize("others", [(), (Pool("other", int, lambda _: 0),)])
async def test_a_pool_that_is_not_declared_is_told(open_service: Open, others: tuple[Pool[int], ...]) -> None:
    """It is no reason to try again: nobody would notice a batch that waits for ever."""

    def count(state: Total, pools: Pools, _: Message[Count]) -> Decision[Total]:
        return Decision(state, answer=pools.get(STRANGE, "k"))

    table = Aggregate("totals", Total, TOTALS.initial, (on(Count, count),))
    codec, begin = await open_service(Service(name="counter", title="", aggregates=(table,), pools=others))

    with pytest.raises(Misconfigured, match="pool strange is not declared by counter"):
        await apply_commands(codec, begin, [to_message(Ask(Count(), "k"), 0, "", "")])


async def test_a_draw_on_a_pool_that_was_not_read_locks_it_first(open_service: Open) -> None:
    def count(state: Total, _: Pools, __: Message[Count]) -> Decision[Total]:
        return Decision(state, draws=(STRANGE.drawn("k", 7),))

    table = Aggregate("totals", Total, TOTALS.initial, (on(Count, count),))
    codec, begin = await open_service(Service(name="counter", title="", aggregates=(table,), pools=(STRANGE,)))

    await apply_commands(codec, begin, [to_message(Ask(Count(), "k"), 0, "", "")])

    async with begin() as transaction:
        assert await transaction.lock_pools([STRANGE.at("k")]) == {STRANGE.at("k"): 7}


async def test_a_session_that_the_server_ended_is_for_now(open_postgres: Any) -> None:
    place = await open_postgres(COUNTER)

    async def end() -> None:
        async with place.begin() as transaction:
            await transaction.connection.execute("select pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(Transient):
        await end()


async def test_nothing_due_is_nothing_taken(open_service: Open) -> None:
    codec, begin = await open_service(COUNTER)

    assert (await apply_due(codec, begin, NOW)).count == 0


def test_changes_are_told_by_aggregate() -> None:
    changes = Changes({("a", "k"): 1, ("b", "k"): 2}, {}, {}, {}, ())

    assert (changes.states_of("a"), changes.states_of("c")) == ({"k": 1}, {})


def test_the_clock_is_moved_in_one_place() -> None:
    before = clock.now()
    clock.shift(timedelta(days=1))
    try:
        assert timedelta(days=1) <= clock.now() - before < timedelta(days=2)
    finally:
        clock.shift(timedelta(0))


def test_two_requests_are_the_same_only_if_all_of_them_is() -> None:
    same = [body_hash("POST", "/a", b"{}") for _ in range(2)]
    others = [body_hash("PUT", "/a", b"{}"), body_hash("POST", "/b", b"{}"), body_hash("POST", "/a", b"")]

    assert len({*same}) == 1
    assert len({*same, *others}) == 4
