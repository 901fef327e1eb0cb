"""The SQL on a real PostgreSQL: statements fit the schema, caches follow, capacity holds between transactions."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from common.commands import Command, to_message
from common.errors import Conflict
from common.processor import apply_commands
from common.runtime import Context
from common.service import Changes
from matching import store
from matching.decide import decide, initial
from matching.inputs import AcceptMatch, DiagnosticCompleted, PutConnector
from matching.model import Absence, CompanyNeeds, Connector, ConnectorSaved, Filters, LoadsMoved, Quality, Zone
from matching.rules.shared import Shared, load_of

pytestmark = pytest.mark.stack

MatchingContext = Context[CompanyNeeds, Shared]


def changes(*rows: object) -> Changes[CompanyNeeds, Shared]:
    nothing: Any = None
    return Changes({}, nothing, nothing, rows)


async def put(context: MatchingContext, *connectors: Connector) -> None:
    async with context.pool.acquire() as connection, connection.transaction():
        await store.save(connection, changes(*[ConnectorSaved(connector) for connector in connectors]))


async def move(context: MatchingContext, *moves: tuple[str, int]) -> None:
    async with context.pool.acquire() as connection, connection.transaction():
        await store.save(connection, changes(*[LoadsMoved((connector_id,), by) for connector_id, by in moves]))


async def loaded(context: MatchingContext) -> Shared:
    async with context.reading() as connection:
        return await store.load(connection, ())


async def loads_of(context: MatchingContext) -> dict[str, tuple[int, int]]:
    rows = await context.pool.fetch("select connector_id, load, capacity from loads")
    return {row[0]: (row[1], row[2]) for row in rows}


async def test_every_statement_fits_the_schema(context: MatchingContext) -> None:
    statements = [
        text for name, text in vars(store).items() if name.startswith("_") and name.isupper() and isinstance(text, str)
    ]
    assert len(statements) >= 8
    async with context.pool.acquire() as connection:
        for statement in statements:
            await connection.prepare(statement)


async def test_a_line_comes_back_as_it_was_written(context: MatchingContext, make: Any) -> None:
    full = make.connector(
        1,
        sujets=("cybersecurite", "donnees"),
        zones=(Zone("epci", "200046977"), Zone("national")),
        secteurs=("J", "47"),
        filters=Filters(1, 249, 6, 120, ("62",), ("01",), ("57",), ("9",), ("69001",)),
        absences=(Absence(make.now.date(), make.now.date()),),
        quality=Quality(3, 4, 1.5),
        languages=("fr", "en"),
        siren="732829320",
    )
    await put(context, full)
    assert (await loaded(context)).basis.directory.connectors == {"c1": full}
    async with context.reading() as connection:
        assert await store.find_connector(connection, "c1") == store.Listed(full, 0)
        assert await store.find_connector(connection, "c2") is None
        assert await store.find_connectors(connection, ["c1", "c2"]) == {"c1": full}


async def test_the_index_is_kept_until_the_directory_changes(context: MatchingContext, make: Any) -> None:
    await put(context, make.connector(1), make.connector(2))
    first = await loaded(context)
    assert (await loaded(context)).basis.directory is first.basis.directory

    await put(context, make.connector(2, status="archived"), make.connector(3))
    second = await loaded(context)
    assert set(second.basis.directory.connectors) == {"c1", "c2", "c3"}
    assert second.basis.directory.connectors["c2"].status == "archived"
    assert first.basis.directory.connectors["c2"].status == "active"


async def test_loads_are_read_again_when_they_move(context: MatchingContext, make: Any) -> None:
    await put(context, make.connector(1), make.connector(2))
    untouched = await loaded(context)
    assert (load_of(untouched, "c1"), load_of(untouched, "c2")) == (0, 0)
    await move(context, ("c1", 2), ("c2", 1))
    shared = await loaded(context)
    assert (load_of(shared, "c1"), load_of(shared, "c2")) == (2, 1)
    await move(context, ("c1", -1))
    assert load_of(await loaded(context), "c1") == 1


async def test_what_a_rolled_back_transaction_wrote_is_never_remembered(context: MatchingContext, make: Any) -> None:
    await put(context, make.connector(1))
    async with context.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await store.save(connection, changes(LoadsMoved(("c1",), 3)))
        await transaction.rollback()
    assert load_of(await loaded(context), "c1") == 0


async def test_a_move_beyond_capacity_is_a_conflict_and_writes_nothing(context: MatchingContext, make: Any) -> None:
    await put(context, make.connector(1, capacity_30d=2), make.connector(2))
    await move(context, ("c1", 2))
    with pytest.raises(Conflict):
        await move(context, ("c2", 1), ("c1", 1))
    assert await loads_of(context) == {"c1": (2, 2), "c2": (0, 10)}


async def test_moves_of_one_batch_are_netted(context: MatchingContext, make: Any) -> None:
    await put(context, make.connector(1, capacity_30d=2))
    await move(context, ("c1", 2))
    await move(context, ("c1", 1), ("c1", -1))
    assert await loads_of(context) == {"c1": (2, 2)}


async def test_a_lowered_capacity_throws_nobody_out(context: MatchingContext, make: Any) -> None:
    await put(context, make.connector(1, capacity_30d=5))
    await move(context, ("c1", 4))
    await put(context, make.connector(1, capacity_30d=2))
    assert await loads_of(context) == {"c1": (4, 4)}
    with pytest.raises(Conflict):
        await move(context, ("c1", 1))
    await move(context, ("c1", -3))
    assert await loads_of(context) == {"c1": (1, 2)}


async def test_two_transactions_never_share_the_last_place(context: MatchingContext, make: Any) -> None:
    await put(context, make.connector(1, capacity_30d=1))
    async with context.pool.acquire() as one, context.pool.acquire() as two:
        first, second = one.transaction(), two.transaction()
        await first.start()
        await second.start()
        for connection in (one, two):
            assert load_of(await store.load(connection, ()), "c1") == 0
        await store.save(one, changes(LoadsMoved(("c1",), 1)))
        waiting = asyncio.create_task(store.save(two, changes(LoadsMoved(("c1",), 1))))
        await asyncio.sleep(0)
        await first.commit()
        with pytest.raises(Conflict):
            await waiting
        await second.rollback()
    assert await loads_of(context) == {"c1": (1, 1)}
    assert load_of(await loaded(context), "c1") == 1


async def test_two_transactions_on_many_connecteurs_wait_in_one_order(context: MatchingContext, make: Any) -> None:
    await put(context, *[make.connector(n) for n in range(50)])
    there = [(f"c{n}", 1) for n in range(50)]

    async def repeat(moves: list[tuple[str, int]]) -> None:
        for _ in range(4):
            await move(context, *moves)

    await asyncio.gather(repeat(there), repeat(there[::-1]))
    assert set((await loads_of(context)).values()) == {(8, 10)}


async def test_concurrent_companies_fill_a_directory_and_never_more(context: MatchingContext, make: Any) -> None:
    await context.execute_all([make_put(make.connector(n, capacity_30d=3)) for n in range(1, 5)])
    sirens = [f"{n:09d}" for n in range(30)]

    async def diagnose(siren: str) -> None:
        event: DiagnosticCompleted = replace(make.diagnosis(), siren=siren, diagnostic_id=siren)
        await run(context, siren, event)

    await asyncio.gather(*[diagnose(siren) for siren in sirens])
    loads = await loads_of(context)
    assert all(load <= capacity for load, capacity in loads.values())
    assert sum(load for load, _ in loads.values()) == 12
    states = [await context.state(siren) for siren in sirens]
    offered = [len(state.needs[0].matches) for state in states if state is not None]
    assert sum(offered) == 12
    assert len(offered) == 30


def make_put(connector: Connector) -> Command:
    return Command(PutConnector(connector), connector.id)


async def run(context: MatchingContext, siren: str, item: object) -> None:
    """One input in a transaction of its own, retaken on conflict, as the core does."""
    await apply_commands(context.codec, context.begin, [to_message(Command(item, siren), 0, siren, "")])


async def test_a_state_survives_the_round_trip(context: MatchingContext, make: Any) -> None:
    shared = make.shared(*[make.connector(n) for n in range(1, 4)])
    opened = decide(initial(make.siren), shared, make.message(make.diagnosis(created_on=None)))
    match = opened.state.needs[0].matches[1]
    taken = decide(opened.state, opened.shared, make.message(AcceptMatch(match.match_id), 1))
    for state in (initial(make.siren), opened.state, taken.state):
        assert context.codec.decode_state(context.codec.encode_state(state)) == state
