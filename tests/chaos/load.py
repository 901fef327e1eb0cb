"""Steady load: companies go through the doors at a bounded rate, whatever is down; none of them may be lost."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from croissance.api import Doors
from croissance.campaign import Campaign
from croissance.directors import Participant, contact, participant
from croissance.directory import connecteurs
from croissance.flow import Flow
from croissance.population import Population, communes

RATE = 25
"""Companies a second: enough to be always under way in every service, little enough for a busy machine of two cores."""

BATCH = 30
"""Companies of one batch; each travels from registration to its applications."""

AT_ONCE = 40
"""Batches under way at most: while the system is down for long, new companies wait."""

LOOK_EVERY = 0.25
"""Seconds between two looks at a system: looking more often would cost its processes more than the load does."""

MOST = 5_000_000
CONTACTS = 60
DIRECTORY = 20_000
"""Size of the population that the directory of connecteurs is made for."""


class Reachable(Protocol):
    """A running system, as far as a load needs it."""

    @property
    def dsn(self) -> str:
        """Of its database."""
        ...

    def doors(self) -> dict[str, tuple[str, ...]]:
        """Service → addresses of its processes."""
        ...


@dataclass(slots=True)
class Load:
    """Sends companies batch by batch.

    Attributes:
        campaign: what they do, and what came of it.
        flow: where the chain stands, from the database itself.
        companies: those that have not come yet.
        room: for batches under way.
    """

    campaign: Campaign
    flow: Flow
    companies: Iterator[Participant]
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def prepare(self, population: Population) -> None:
        """The directory of connecteurs, and the contacts of the first companies."""
        desks = connecteurs(DIRECTORY, communes(), population.seed)
        contacts = [contact(population.siren(rank)) for rank in range(CONTACTS)]
        await self.campaign.seed_door("matching", "/v1/connecteurs:batch", desks)
        await self.campaign.seed_door("notifications", "/v1/contacts:batch", contacts)

    async def flow_steadily(self, over: asyncio.Event) -> None:
        """Send a batch at each beat until `over`, then wait for those under way."""
        async with asyncio.TaskGroup() as group:
            while not over.is_set():
                await self.room.acquire()
                task = group.create_task(self.one_batch())
                task.add_done_callback(lambda _: self.room.release())
                await asyncio.sleep(BATCH / RATE)

    @asynccontextmanager
    async def paused(self) -> AsyncGenerator[None]:
        """No company is on its way through the doors; what they led to may be."""
        taken = 0
        try:
            for _ in range(AT_ONCE):
                await self.room.acquire()
                taken += 1
            yield
        finally:
            for _ in range(taken):
                self.room.release()

    async def one_batch(self) -> None:
        """Companies that nobody knows yet, through every door; ends when the last one has its answers."""
        await self.campaign.run(list(islice(self.companies, BATCH)))


@asynccontextmanager
async def load(system: Reachable, seed: int) -> AsyncGenerator[Load]:
    """A load on a running system, with nothing sent yet but what it needs beforehand."""
    population = Population(seed)
    companies = map(participant, population.draw(0, MOST))
    async with Doors(system.doors) as doors, Flow(system.dsn, counting=False, every=LOOK_EVERY) as flow:
        made = Load(Campaign(doors, flow, seed), flow, companies)
        await made.prepare(population)
        await flow.at_rest(ignoring=frozenset({"notifications"}))
        yield made
