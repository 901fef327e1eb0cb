"""The declaration on the memory unit of work: loads are a document there, the index is made of the lines."""

import asyncio
from typing import Any

from msgspec.structs import replace

from common.core import clock
from common.core.codec import Codec
from common.core.requests import apply_commands
from common.testing.memory import MemoryDatabase, MemoryStorage, memory
from common.testing.rules import message_of
from matching import settings
from matching.basis import ALL, DIRECTORY, LOADS, Basis, load_of
from matching.directory.inputs import PutConnector
from matching.directory.table import LINES
from matching.needs.table import NEEDS
from matching.search.index import build_directory
from matching.service import SERVICE

CODEC = Codec(SERVICE)


def states_of(database: MemoryDatabase, kind: str) -> dict[str, Any]:
    decode = CODEC.decode_state[kind]
    return {key: decode(doc) for (of, key), (doc, _) in database.states.items() if of == kind}


def index(database: MemoryDatabase) -> Basis:
    """Lines stand in the order they came, which is how connecteurs are numbered."""
    connectors = [line.connector for line in states_of(database, LINES.kind).values()]
    return settings.basis(build_directory(connectors, settings.ruleset(), settings.territories()))


async def test_companies_that_meet_share_the_places_of_connecteurs(make: Any) -> None:
    database = MemoryDatabase()
    begin = memory(CODEC, database, MemoryStorage(views={DIRECTORY.name: index}))

    async def run(key: str, item: Any) -> None:
        await apply_commands(CODEC, begin, [message_of(item, key, clock.now(), id=clock.new_id())])

    for number in range(1, 5):
        connector = make.connector(number, capacity_30d=3)
        await run(connector.id, PutConnector(connector))
    sirens = [f"{n:09d}" for n in range(12)]
    await asyncio.gather(*[run(siren, replace(make.diagnosis(), siren=siren)) for siren in sirens])

    basis, loads = index(database), CODEC.decode_pool[LOADS.name](database.pools[LOADS.at(ALL)])
    assert {desk: load_of(loads, basis, desk) for desk in basis.directory.numbers} == {f"c{n}": 3 for n in range(1, 5)}
    needs = [state.needs[0] for state in states_of(database, NEEDS.kind).values()]
    assert len(needs) == 12
    assert sum(len(need.matches) for need in needs) == 12
