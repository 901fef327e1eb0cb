"""Where the chain stands, from the database: what is published, what each service has applied, events by type."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Self

import asyncpg

from common.core.envelope import event_name
from common.core.record_batch import unseal
from croissance.proof.wiring import CONSUMES, topic
from croissance.querying import connect

LOOK_EVERY: Final = 0.08
"""Seconds between two looks at the positions."""

STALL: Final = 240.0
"""Seconds without any movement of the chain after which waiting for it makes no sense."""

COUNT_EVERY: Final = 1.0
"""Seconds between two counts of the events by type."""

_HEADS: Final = """select '{name}' as service, topic, h.partition, h.sequence, p.published
    from "{schema}".outbox_heads h join "{schema}".outbox_published p using (topic, partition)"""
_POSITIONS: Final = """select '{name}' as service, topic, partition, sequence from "{schema}".positions"""
_BATCHES: Final = """select o.partition, o.last, o.data
    from unnest($1::text[], $2::int[], $3::bigint[]) c (topic, partition, after)
    join "{schema}".outbox o on o.topic = c.topic and o.partition = c.partition and o.last > c.after
    order by o.partition, o.last limit 200"""


@dataclass(slots=True)
class Look:
    """One look: (service, partition) → last number given, published; (consumer, producer, partition) → applied."""

    heads: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    published: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    applied: dict[tuple[str, str, int], int] = field(default_factory=dict[tuple[str, str, int], int])

    def behind(self, consumer: str, producer: str, target: "Look") -> int:
        """Events of `producer` in `target` that `consumer` has not applied in this look."""
        return sum(
            max(0, head - self.applied.get((consumer, producer, partition), 0))
            for (service, partition), head in target.heads.items()
            if service == producer
        )

    @property
    def unpublished(self) -> dict[str, int]:
        """Service → events numbered and not published."""
        waiting: Counter[str] = Counter()
        for place, head in self.heads.items():
            waiting[place[0]] += head - self.published[place]
        return dict(waiting)


class StalledError(Exception):
    """Nothing moved for a long time though work waits; the text says who is behind, in French."""


class Flow:
    """Looks at the chain all the time, and outlives a database that goes away for a while."""

    def __init__(
        self,
        dsn: str,
        namespace: str = "",
        *,
        consumes: Mapping[str, Collection[str]] = CONSUMES,
        counting: bool = True,
        every: float = LOOK_EVERY,
    ) -> None:
        """Look at the services of `consumes` (consumer → producers) in `dsn` every so many seconds.

        With `counting`, count events by type as they come.
        """
        self._every = every
        self._counting = counting
        self._dsn = dsn
        self._namespace = namespace
        self._consumes = consumes
        self._prefix = namespace.replace(".", "_").replace("-", "_")
        self._topics = {topic(namespace, name): name for name in consumes}
        self._looked = asyncio.Condition()
        self._turn = 0
        self._counted: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._moved_at = time.monotonic()
        self._loop_task: asyncio.Task[None] | None = None
        self.look = Look()
        self.events: Counter[str] = Counter()
        self.services: tuple[str, ...] = ()

    async def __aenter__(self) -> Self:
        """Start looking; what happened before is not counted."""
        connection = await connect(self._dsn)
        try:
            await self._discover(connection)
            await self._see(connection)
        finally:
            await connection.close()
        for place, head in self.look.heads.items():
            self._counted[place] = head
        self._loop_task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop looking."""
        if self._loop_task is not None:
            self._loop_task.cancel()
            await asyncio.gather(self._loop_task, return_exceptions=True)

    async def applied(self, consumer: str, producer: str) -> None:
        """Wait until `consumer` has applied everything that `producer` had decided when this was called.

        Raises:
            StalledError: nothing moves any more.
        """
        if consumer not in self.services or producer not in self.services:
            return
        target = await self._next()
        look = target
        while look.behind(consumer, producer, target):
            self._check_stall()
            look = await self._next()

    async def caught_up(self) -> None:
        """Wait until what was decided when this was called is published and applied by everybody, whatever comes after.

        Raises:
            StalledError: nothing moves any more.
        """
        target = look = await self._next()
        while any(look.published[place] < head for place, head in target.heads.items()) or self.lag(look, target):
            self._check_stall()
            look = await self._next()

    async def at_most(self, events: int) -> None:
        """Wait until consumers have no more than so many events before them.

        Raises:
            StalledError: nothing moves any more.
        """
        while self.lag() > events:
            self._check_stall()
            await self._next()

    async def at_rest(self, *, ignoring: frozenset[str] = frozenset()) -> None:
        """Wait until everything is published and applied; the services of `ignoring` may still have to publish.

        Raises:
            StalledError: nothing moves any more.
        """
        while True:
            look = await self._next()
            if not self.lag(look) and not any(n for name, n in look.unpublished.items() if name not in ignoring):
                return
            self._check_stall()

    @property
    def moved_at(self) -> float:
        """When the chain last moved, on the monotonic clock."""
        return self._moved_at

    def _check_stall(self) -> None:
        if time.monotonic() - self._moved_at < STALL:
            return
        waiting = {name: n for name, n in self.look.unpublished.items() if n}
        behind = {
            f"{consumer} ← {producer}": n
            for consumer, producers in self._consumes.items()
            for producer in producers
            if (n := self.look.behind(consumer, producer, self.look))
        }
        raise StalledError(f"plus rien n’avance depuis {STALL:.0f} s: retards {behind}, à publier {waiting}")

    def lag(self, look: Look | None = None, target: Look | None = None) -> int:
        """Events of `target` (what is decided by now, unless given) that a consumer still has to apply, summed."""
        look = look or self.look
        pairs = [(name, p) for name, producers in self._consumes.items() if name in self.services for p in producers]
        return sum(look.behind(consumer, producer, target or look) for consumer, producer in pairs)

    async def count(self) -> None:
        """Bring the counts by type up to the last look."""
        connection = await connect(self._dsn)
        try:
            await self._count(connection)
        finally:
            await connection.close()

    async def _next(self) -> Look:
        """A look begun after this call."""
        try:
            async with asyncio.timeout(STALL), self._looked:
                wanted = self._turn + 2
                await self._looked.wait_for(lambda: self._turn >= wanted)
                return self.look
        except TimeoutError:
            raise StalledError(f"la base ne répond plus depuis {STALL:.0f} s") from None

    async def _watch(self) -> None:
        """Look for ever; whatever goes wrong with a connection, take a new one when the database comes back."""
        while True:
            with suppress(Exception):
                connection: Any = await asyncpg.connect(self._dsn, timeout=5, command_timeout=10)
                try:
                    await self._look_on(connection)
                finally:
                    with suppress(Exception):
                        await connection.close(timeout=1)
            await asyncio.sleep(0.5)

    async def _look_on(self, connection: Any) -> None:
        count_at = 0.0
        while True:
            await self._see(connection)
            if self._counting and time.monotonic() >= count_at:
                await self._count(connection)
                count_at = time.monotonic() + COUNT_EVERY
            async with self._looked:
                self._turn += 1
                self._looked.notify_all()
            await asyncio.sleep(self._every)

    async def _discover(self, connection: Any) -> None:
        schemas = {name: f"{self._prefix}{name}.outbox_heads" for name in self._consumes}
        rows = await connection.fetch(
            "select name from unnest($1::text[], $2::text[]) t (name, place) where to_regclass(place) is not null",
            list(schemas),
            list(schemas.values()),
        )
        found = {row[0] for row in rows}
        self.services = tuple(name for name in self._consumes if name in found)

    async def _see(self, connection: Any) -> None:
        """Positions first: a head read later is never below what was applied."""
        look = Look()
        applied = " union all ".join(self._sql(_POSITIONS, name) for name in self.services)
        for service, producer, partition, sequence in await connection.fetch(applied):
            name = self._topics.get(producer)
            if name is not None:
                look.applied[service, name, partition] = sequence
        heads = " union all ".join(self._sql(_HEADS, name) for name in self.services)
        for service, where, partition, sequence, published in await connection.fetch(heads):
            if where in self._topics:
                look.heads[service, partition] = sequence
                look.published[service, partition] = published
        if look != self.look:
            self._moved_at = time.monotonic()
        self.look = look

    async def _count(self, connection: Any) -> None:
        for name in self.services:
            places = [place for place in self.look.heads if place[0] == name]
            while moved := [place for place in places if self.look.heads[place] > self._counted[place]]:
                after = [self._counted[place] for place in moved]
                where = [topic(self._namespace, name)] * len(moved)
                numbers = [partition for _, partition in moved]
                for partition, last, data in await connection.fetch(self._sql(_BATCHES, name), where, numbers, after):
                    self.events.update(event_name(dict(entry.headers)["ce_type"]) for entry in unseal(data))
                    self._counted[name, partition] = last

    def _sql(self, statement: str, name: str) -> str:
        return statement.format(name=name, schema=self._prefix + name)
