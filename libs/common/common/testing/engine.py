"""The seeded simulator: real core, relay and rules on memory storage, under crashes, zombies and repeats.

Every actor is a coroutine that the engine advances one step at a time in an order drawn from the seed, so a failure
is replayed by its seed alone. Faults: crash at any step, duplicate delivery, rewind, frozen actors that wake up later,
with their session killed or not, several consumers of one partition, several relays, lost acknowledgements; strangers
in the log; rules that raise or decide what no database takes, until a release mends them; operators who replay or
drop what was set aside meanwhile.
"""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from common.core.codec import Codec
from common.core.deadlines import RETRY_DEADLINE, apply_due
from common.core.inbox import StoredRecord, TopicPartition
from common.core.records import apply_records
from common.core.relay import Relay
from common.core.replays import apply_replay
from common.core.unit_of_work import Begin
from common.declare.errors import Transient
from common.declare.service import Service, topic_of
from common.testing.breakable import FAULTS, Faults, breakable
from common.testing.memory import MemoryDatabase, MemoryLog, MemoryOutbox, MemoryStorage, memory
from common.testing.memory_database import NO_STORAGE, PENDING
from common.testing.memory_operators import drop, replay
from common.testing.unreliable import LostAcknowledgementError, UnreliablePublisher, pause

Steps = Coroutine[Any, Any, None]
FOR_EVER = 1 << 60


class InvariantError(AssertionError):
    """An effect was lost, doubled or reordered, or a rule of the domain was broken; the text names the seed."""


@dataclass(slots=True)
class Actor:
    """One process: how to start it again, and where it stands."""

    name: str
    start: Callable[[], Steps]
    steps: Steps | None = None
    frozen_until: int = 0


@dataclass(slots=True)
class Part:
    """One service: its codec, its tables, what breaks its rules, what must hold after each of its commits."""

    codec: Codec
    database: MemoryDatabase
    begin: Begin
    broken: Faults
    check: Callable[[MemoryDatabase], None]
    commits: int = 0


@dataclass(slots=True)
class Engine:
    """Services, one log, and the actors that move them.

    Attributes:
        seed: of the schedule.
        keys: those whose rules break now and then.
        now: what time it is; a world moves it.
        drops: operators may drop letters; else they replay them only.
        parts: service name → what runs of it.
    """

    seed: int
    keys: Sequence[str]
    now: datetime
    drops: bool = True
    faults: bool = True
    random: Random = field(init=False)
    log: MemoryLog = field(default_factory=MemoryLog)
    parts: dict[str, Part] = field(default_factory=dict[str, Part])
    actors: list[Actor] = field(default_factory=list[Actor])
    clock: int = 0

    def __post_init__(self) -> None:
        """Draw from the seed."""
        self.random = Random(self.seed)  # noqa: S311  a seeded schedule

    def add(
        self,
        service: Service,
        storage: MemoryStorage = NO_STORAGE,
        check: Callable[[MemoryDatabase], None] = lambda _: None,
    ) -> Part:
        """Start two processes of a service, each with a relay and timers, and one operator."""
        broken: Faults = {}
        codec, database = Codec(breakable(service, broken)), MemoryDatabase()
        part = Part(codec, database, memory(codec, database, storage), broken, check)
        name = service.name
        self.parts[name] = part
        for instance in range(2):
            if service.consumes:
                self.actors.append(Actor(f"{name}-{instance}", lambda: self._consume(part)))
            self.actors.append(Actor(f"{name}-relay-{instance}", lambda: self._relay(part)))
            self.actors.append(Actor(f"{name}-timers-{instance}", lambda: self._timers(part)))
        if service.consumes:
            self.actors.append(Actor(f"{name}-operator", lambda: self._operate(part)))
        return part

    def client(self, name: str, start: Callable[[], Steps]) -> None:
        """Add a client: it is done when its coroutine ends."""
        self.actors.append(Actor(name, start))

    # --- the actors

    async def _timers(self, part: Part) -> None:
        """Decide deadlines and follow-ups and replay letters, as the process does."""
        while True:
            await pause()
            try:
                await apply_due(part.codec, part.begin, self.now, self.random.randrange(1, 5))
                await apply_replay(part.codec, part.begin, self.now)
            except Transient:
                continue

    async def _operate(self, part: Part) -> None:
        """Replay or drop letters, in whatever order."""
        while True:
            await pause()
            pending = [buried.id for buried in part.database.letters.values() if buried.status in PENDING]
            if not pending or self.random.random() < 0.9:
                continue
            ids = self.random.sample(pending, self.random.randrange(1, len(pending) + 1))
            try:
                await (drop if self.drops and self.random.random() < 0.2 else replay)(part.begin, ids)
            except Transient:
                continue

    async def _consume(self, part: Part) -> None:
        """Take batches from where the database says, sometimes from further back, sometimes twice."""
        offsets: dict[TopicPartition, int] = {}
        while True:
            await pause()
            batch: list[StoredRecord] = []
            for where, records in self.log.partitions.items():
                if where.topic in part.codec.topics and self.random.random() < 0.5:
                    position = part.database.positions.get(where)
                    at = offsets.setdefault(where, position.next_offset if position else 0)
                    if self.faults and self.random.random() < 0.05:
                        at = self.random.randrange(at + 1)
                    taken = records[at : at + self.random.randrange(1, 8)]
                    offsets[where] = at + len(taken)
                    batch += taken
            if not batch:
                continue
            try:
                await apply_records(part.codec, part.begin, batch, self.now)
            except Transient:
                offsets.clear()

    async def _relay(self, part: Part) -> None:
        """Relay rounds; after any failure start over with a new publisher, as the process does."""
        relay = Relay(MemoryOutbox(part.database), "relay")
        publisher = UnreliablePublisher(self.log, self.random, self.faults)
        while True:
            await pause()
            try:
                await relay.claim()
                for _ in range(self.random.randrange(1, 4)):
                    await relay.step(publisher)
            except LostAcknowledgementError:
                publisher = UnreliablePublisher(self.log, self.random, self.faults)

    # --- the schedule

    def run(self, steps: int) -> None:
        """Advance actors in a random order, breaking things on the way; what must hold is looked at after each step."""
        for _ in range(steps):
            self.clock += 1
            awake = [actor for actor in self.actors if actor.frozen_until <= self.clock]
            if not awake:
                continue
            actor = self.random.choice(awake)
            if self.faults:
                self._break(actor)
            self._advance(actor)
            for part in self.parts.values():
                if part.commits != part.database.commits:
                    part.commits = part.database.commits
                    part.check(part.database)

    def _break(self, actor: Actor) -> None:
        luck = self.random.random()
        if luck < 0.004 and actor.steps is not None:
            actor.steps.close()
            actor.steps = None
        elif luck < 0.006:
            part = self.random.choice(list(self.parts.values()))
            if part.broken:
                part.broken.clear()
            else:
                part.broken[self.random.choice(self.keys)] = self.random.choice(FAULTS)
        elif luck < 0.010:
            actor.frozen_until = self.clock + self.random.randrange(20, 600)
            if self.random.random() < 0.5:
                self.random.choice(list(self.parts.values())).database.kill_sessions()

    def _advance(self, actor: Actor) -> None:
        steps = actor.start() if actor.steps is None else actor.steps
        actor.steps = steps
        try:
            steps.send(None)
        except StopIteration:
            actor.steps = None
            actor.frozen_until = FOR_EVER

    def settle(self, limit: int = 200_000) -> None:
        """Stop breaking things and run until nothing is left to do; deadlines that failed are due again."""
        self.faults = False
        self.now += RETRY_DEADLINE
        for part in self.parts.values():
            part.broken.clear()
        for actor in self.actors:
            if actor.frozen_until < FOR_EVER:
                actor.frozen_until = 0
            if actor.steps is not None:
                actor.steps.close()
                actor.steps = None
        for _ in range(limit // 500):
            self.run(500)
            if self.quiet():
                return
        self.fail("work is left that nobody does")

    def quiet(self) -> bool:
        """Clients are done, everything sent is published and applied, nothing is parked or due."""
        named = [actor for actor in self.actors if actor.name.startswith("client")]
        return all(actor.frozen_until == FOR_EVER for actor in named) and all(map(self._done, self.parts.values()))

    def _done(self, part: Part) -> bool:
        database = part.database
        if any(database.published.get(where, 0) < head for where, head in database.heads.items()):
            return False
        if database.parked or any(b.status in PENDING for b in database.letters.values()):
            return False
        if any(due.due <= self.now for due in database.deadlines.values()):
            return False
        for producer in part.codec.service.consumes:
            for where, head in self.parts[producer].database.heads.items():
                position = database.positions.get(where)
                if where.topic == topic_of(producer) and head and (position is None or position.sequence < head):
                    return False
        return True

    def close(self) -> None:
        """Put every coroutine away."""
        for actor in self.actors:
            if actor.steps is not None:
                actor.steps.close()

    # --- the proof

    def fail(self, what: str) -> None:
        """Say what broke and how to see it again."""
        raise InvariantError(f"seed {self.seed}: {what}")
