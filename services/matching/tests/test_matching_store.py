"""The SQL on a real PostgreSQL: statements fit the schema, caches follow, capacity holds between transactions."""

import asyncio
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from common.core import clock
from common.core.commands import Ask
from common.core.requests import apply_commands
from common.core.unit_of_work import Changes
from common.declare.errors import Conflict
from common.postgres.connections import Connection
from common.process.context import Context
from common.testing.rules import message_of
from matching.basis import DIRECTORY, Basis, load_of, with_room
from matching.criteria.filters import Absence, Filters
from matching.directory.inputs import PutConnector
from matching.directory.model import ConnectorAnswer, Line
from matching.directory.table import LINES
from matching.needs.inputs import AcceptMatch, DiagnosticCompleted
from matching.needs.model import LoadsMoved
from matching.needs.table import NEEDS, no_needs
from matching.places.territory import Zone
from matching.search.connector import Connector, Quality
from matching.search.loads import Loads
from matching.store import directory, loads
from matching.store.loads import read_loads
from matching.store.project import project

pytestmark = pytest.mark.stack


class Loaded(NamedTuple):
    """What a batch would read."""

    basis: Basis
    loads: Loads

    def of(self, connector_id: str) -> int:
        """The load of a connecteur."""
        return load_of(self.loads, self.basis, connector_id)


async def put(context: Context, *connectors: Connector) -> None:
    states = {(LINES.kind, connector.id): Line(connector) for connector in connectors}
    async with context.pool.acquire() as connection, connection.transaction():
        await project(connection, Changes(states, {}, {}, {}, ()))


async def save(connection: Connection, *rows: LoadsMoved) -> None:
    await project(connection, Changes({}, {}, {}, {}, rows))


async def move(context: Context, *moves: tuple[str, int]) -> None:
    async with context.pool.acquire() as connection, connection.transaction():
        await save(connection, *[LoadsMoved((connector_id,), by) for connector_id, by in moves])


async def loaded(context: Context) -> Loaded:
    async with context.reading() as connection:
        found = await read_loads(connection)
    basis = await context.view(DIRECTORY)
    return Loaded(basis, with_room(found, basis))


async def loads_of(context: Context) -> dict[str, tuple[int, int]]:
    rows = await context.pool.fetch("select connector_id, load, capacity from loads")
    return {row[0]: (row[1], row[2]) for row in rows}


async def test_every_statement_fits_the_schema(context: Context) -> None:
    named = [pair for module in (directory, loads) for pair in vars(module).items()]
    statements = [text for name, text in named if name.startswith("_") and name.isupper() and isinstance(text, str)]
    assert len(statements) >= 8
    async with context.pool.acquire() as connection:
        for statement in statements:
            await connection.prepare(statement)


async def test_a_line_comes_back_as_it_was_written(context: Context, make: Any) -> None:
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
        assert await directory.find_connector(connection, "c1") == directory.Listed(full, 0)
        assert await directory.find_connector(connection, "c2") is None
        assert await directory.find_connectors(connection, ["c1", "c2"]) == {"c1": full}


async def test_the_index_is_kept_until_the_directory_changes(context: Context, make: Any) -> None:
    await put(context, make.connector(1), make.connector(2))
    first = await loaded(context)
    assert (await loaded(context)).basis.directory is first.basis.directory

    await put(context, make.connector(2, status="archived"), make.connector(3))
    second = await loaded(context)
    assert set(second.basis.directory.connectors) == {"c1", "c2", "c3"}
    assert second.basis.directory.connectors["c2"].status == "archived"
    assert first.basis.directory.connectors["c2"].status == "active"


async def test_loads_are_read_again_when_they_move(context: Context, make: Any) -> None:
    await put(context, make.connector(1), make.connector(2))
    untouched = await loaded(context)
    assert (untouched.of("c1"), untouched.of("c2")) == (0, 0)
    await move(context, ("c1", 2), ("c2", 1))
    shared = await loaded(context)
    assert (shared.of("c1"), shared.of("c2")) == (2, 1)
    await move(context, ("c1", -1))
    assert (await loaded(context)).of("c1") == 1


async def test_what_a_rolled_back_transaction_wrote_is_never_remembered(context: Context, make: Any) -> None:
    await put(context, make.connector(1))
    async with context.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await save(connection, LoadsMoved(("c1",), 3))
        await transaction.rollback()
    assert (await loaded(context)).of("c1") == 0


async def test_a_move_beyond_capacity_is_a_conflict_and_writes_nothing(context: Context, make: Any) -> None:
    await put(context, make.connector(1, capacity_30d=2), make.connector(2))
    await move(context, ("c1", 2))
    with pytest.raises(Conflict):
        await move(context, ("c2", 1), ("c1", 1))
    assert await loads_of(context) == {"c1": (2, 2), "c2": (0, 10)}


async def test_moves_of_one_batch_are_netted(context: Context, make: Any) -> None:
    await put(context, make.connector(1, capacity_30d=2))
    await move(context, ("c1", 2))
    await move(context, ("c1", 1), ("c1", -1))
    assert await loads_of(context) == {"c1": (2, 2)}


async def test_a_lowered_capacity_throws_nobody_out(context: Context, make: Any) -> None:
    await put(context, make.connector(1, capacity_30d=5))
    await move(context, ("c1", 4))
    await put(context, make.connector(1, capacity_30d=2))
    assert await loads_of(context) == {"c1": (4, 4)}
    with pytest.raises(Conflict):
        await move(context, ("c1", 1))
    await move(context, ("c1", -3))
    assert await loads_of(context) == {"c1": (1, 2)}


async def test_two_transactions_never_share_the_last_place(context: Context, make: Any) -> None:
    await put(context, make.connector(1, capacity_30d=1))
    async with context.pool.acquire() as one, context.pool.acquire() as two:
        first, second = one.transaction(), two.transaction()
        await first.start()
        await second.start()
        for connection in (one, two):
            assert [block[0] for block in await read_loads(connection)] == [0]
        await save(one, LoadsMoved(("c1",), 1))
        waiting = asyncio.create_task(save(two, LoadsMoved(("c1",), 1)))
        await asyncio.sleep(0)
        await first.commit()
        with pytest.raises(Conflict):
            await waiting
        await second.rollback()
    assert await loads_of(context) == {"c1": (1, 1)}
    assert (await loaded(context)).of("c1") == 1


async def test_two_transactions_on_many_connecteurs_wait_in_one_order(context: Context, make: Any) -> None:
    await put(context, *[make.connector(n) for n in range(50)])
    there = [(f"c{n}", 1) for n in range(50)]

    async def repeat(moves: list[tuple[str, int]]) -> None:
        for _ in range(4):
            await move(context, *moves)

    await asyncio.gather(repeat(there), repeat(there[::-1]))
    assert set((await loads_of(context)).values()) == {(8, 10)}


async def test_concurrent_companies_fill_a_directory_and_never_more(context: Context, make: Any) -> None:
    await context.execute_all([make_put(make.connector(n, capacity_30d=3)) for n in range(1, 5)])
    sirens = [f"{n:09d}" for n in range(30)]

    async def diagnose(siren: str) -> None:
        event: DiagnosticCompleted = replace(make.diagnosis(), siren=siren, diagnostic_id=siren)
        await run(context, siren, event)

    await asyncio.gather(*[diagnose(siren) for siren in sirens])
    loads = await loads_of(context)
    assert all(load <= capacity for load, capacity in loads.values())
    assert sum(load for load, _ in loads.values()) == 12
    states = [await context.state(NEEDS, siren) for siren in sirens]
    offered = [len(state.needs[0].matches) for state in states if state is not None]
    assert sum(offered) == 12
    assert len(offered) == 30


def make_put(connector: Connector) -> Ask:
    return Ask(PutConnector(connector), connector.id)


async def run(context: Context, siren: str, item: Any) -> None:
    """One input in a transaction of its own, retaken on conflict, as the core does."""
    await apply_commands(context.codec, context.begin, [message_of(item, siren, clock.now(), id=clock.new_id())])


async def test_states_survive_the_round_trip(context: Context, make: Any) -> None:
    given = make.given(*[make.connector(n) for n in range(1, 4)])
    opened = make.decided(no_needs(make.siren), given, make.diagnosis(created_on=None))
    match = opened.state.needs[0].matches[1]
    taken = make.decided(opened.state, opened.given, AcceptMatch(match.match_id), 1)
    states = {NEEDS: (no_needs(make.siren), opened.state, taken.state), LINES: (Line(), Line(make.connector(1)))}
    for aggregate, kept in states.items():
        for state in kept:
            assert context.codec.decode_state[aggregate.kind](context.codec.encode(state)) == state


# --- the directory ---------------------------------------------------------------------------------------------------


async def test_a_line_put_back_in_the_same_batch_is_not_lost(context: Context, make: Any) -> None:
    before, meanwhile = make.connector(1), make.connector(1, capacity_30d=3)
    await context.execute_all([make_put(before)])
    answers = await context.execute_all([make_put(meanwhile), make_put(before)])
    assert answers == [ConnectorAnswer("c1", "active", changed=True)] * 2
    assert await context.state(LINES, "c1") == Line(before)
    assert (await loaded(context)).basis.directory.connectors == {"c1": before}
    assert await loads_of(context) == {"c1": (0, 10)}
    assert await context.execute_all([make_put(before)]) == [ConnectorAnswer("c1", "active", changed=False)]


async def test_a_line_and_a_company_never_share_a_state(context: Context, make: Any) -> None:
    await context.execute_all([make_put(make.connector(1, id="732829320"))])
    assert await context.state(NEEDS, "732829320") is None
    kinds = await context.pool.fetch("select kind, key from states")
    assert [tuple(row) for row in kinds] == [("directory", "732829320")]


async def test_connecteurs_are_numbered_as_they_come_without_a_hole(context: Context, make: Any) -> None:
    await put(context, make.connector(5), make.connector(3))
    early = await loaded(context)
    await put(context, make.connector(4), make.connector(3, status="archived"), make.connector(1))
    await put(context, make.connector(5, capacity_30d=2), make.connector(2))
    numbers = {row[0]: row[1] for row in await context.pool.fetch("select connector_id, number from loads")}
    assert numbers == {"c3": 0, "c5": 1, "c1": 2, "c4": 3, "c2": 4}
    assert early.basis.directory.numbers == {"c3": 0, "c5": 1}
    assert (await loaded(context)).basis.directory.numbers == numbers
    directory.DIRECTORY_READER.known.clear()
    assert (await loaded(context)).basis.directory.numbers == numbers


async def test_a_directory_numbered_by_hand_is_refused(context: Context, make: Any) -> None:
    await put(context, make.connector(1))
    await context.pool.execute("update loads set number = 7")
    with pytest.raises(LookupError, match="c1 is not the 7th"):
        await loaded(context)


async def test_a_batch_reads_loads_and_version_in_two_statements(context: Context, make: Any) -> None:
    await context.execute_all([make_put(make.connector(n)) for n in range(1, 4)])
    await run(context, make.siren, make.diagnosis())
    asked: list[str] = []

    def log(record: Any) -> None:
        asked.append(record.query)

    async with context.pool.acquire() as connection:
        with connection.query_logger(log):
            await read_loads(connection)
            await directory.DIRECTORY_READER.read(connection)
    assert len(asked) == 2
