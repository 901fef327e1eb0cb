"""The seeded simulator: real processor, relay and rules on memory storage, under crashes, zombies and repeats.

Every actor is a coroutine that the simulator advances one step at a time in an order drawn from the seed, so a failure
is replayed by its seed alone. Faults: crash at any step, duplicate delivery, rewind, frozen actors that wake up later
(with their session killed or not), several consumers of one partition, several relays, lost acknowledgements.
"""

from collections.abc import Coroutine, Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from common import processor
from common.codec import Codec
from common.commands import Command, to_message
from common.errors import Transient
from common.inbox import TopicPartition, sequence_of
from common.outbox import Batch
from common.record_batch import unseal
from common.relay import Relay
from common.testing.chain import COUNTER, GRANTER, READER, Count, Seen
from common.testing.memory import LogRecord, MemoryDatabase, MemoryLog, MemoryOutbox, memory

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
KEYS = ("k0", "k1", "k2", "k12")
"""Two pairs of keys, each pair in one partition."""
Steps = Coroutine[Any, Any, None]


class InvariantError(AssertionError):
    """An effect was lost, doubled or reordered; the text names the seed."""


class LostAcknowledgementError(Exception):
    """The broker has the records, the relay does not know."""


@dataclass(slots=True)
class UnreliablePublisher:
    """Writes to the log; may lose the first or the last part of a round, or only the acknowledgement."""

    log: MemoryLog
    random: Random
    faults: bool = True

    async def publish(self, batches: Sequence[Batch]) -> None:
        """See `relay.Publisher.publish`."""
        cut = self.random.randrange(len(batches) + 1) if self.faults and self.random.random() < 0.1 else None
        skip = self.faults and self.random.random() < 0.3  # a later batch got through, the first one did not
        for index, batch in enumerate(batches):
            if cut is not None and (index < cut) == skip:
                continue
            self.log.append(batch)
            if self.random.random() < 0.3:
                await _pause()
        if cut is not None:
            raise LostAcknowledgementError


class _Pause:
    def __await__(self) -> Generator[None]:
        yield


async def _pause() -> None:
    await _Pause()


@dataclass(slots=True)
class Actor:
    """One process: how to start it again, and where it stands."""

    name: str
    start: Any
    steps: Steps | None = None
    frozen_until: int = 0


@dataclass(slots=True)
class World:
    """Three services, their databases, one log, and the actors that move them.

    Keys share partitions two by two, so that transactions meet on positions, states, heads and the budget.
    """

    seed: int
    commands: int = 40
    budget: int = 15
    faults: bool = True
    random: Random = field(init=False)
    log: MemoryLog = field(default_factory=MemoryLog)
    databases: dict[str, MemoryDatabase] = field(init=False)
    actors: list[Actor] = field(default_factory=list[Actor])
    waiting: list[int] = field(init=False)
    clock: int = 0

    def __post_init__(self) -> None:
        """Start two processes of each service, each with a relay, and one sender of commands."""
        self.random = Random(self.seed)  # noqa: S311  a seeded schedule
        self.waiting = list(range(self.commands))
        services = (COUNTER, GRANTER, READER)
        self.databases = {service.name: MemoryDatabase() for service in services}
        self.databases["granter"].shared["budget"] = self.budget
        self.actors += [Actor(f"client-{number}", self._client) for number in range(3)]
        for service in services:
            for instance in range(2):
                if service.consumes:
                    self.actors.append(Actor(f"{service.name}-{instance}", lambda s=service: self._consume(s)))
                if service.publishes:
                    self.actors.append(Actor(f"{service.name}-relay-{instance}", lambda s=service: self._relay(s)))

    # --- the actors

    async def _client(self) -> None:
        """Send commands until each is answered, sometimes one that another client sends too: tokens make it safe."""
        codec = Codec(COUNTER)
        begin = memory(codec, self.databases["counter"])
        while self.waiting:
            number = self.random.choice(self.waiting)
            message = to_message(Command(Count(f"t{number}"), KEYS[number % len(KEYS)]), 0, f"request-{number}", "")
            try:
                await processor.apply_commands(codec, begin, [message])
            except Transient:
                continue
            if number in self.waiting:
                self.waiting.remove(number)

    async def _consume(self, service: Any) -> None:
        """Take batches from where the database says, sometimes from further back, sometimes twice."""
        codec: Codec[Any, Any] = Codec(service)
        database = self.databases[service.name]
        begin = memory(codec, database)
        offsets: dict[TopicPartition, int] = {}
        while True:
            await _pause()
            batch: list[LogRecord] = []
            for where, records in self.log.partitions.items():
                if where.topic in codec.topics and self.random.random() < 0.5:
                    position = database.positions.get(where)
                    at = offsets.setdefault(where, position.next_offset if position else 0)
                    if self.faults and self.random.random() < 0.05:
                        at = self.random.randrange(at + 1)
                    taken = records[at : at + self.random.randrange(1, 8)]
                    offsets[where] = at + len(taken)
                    batch += taken
            if not batch:
                continue
            try:
                await processor.apply_records(codec, begin, batch, NOON)
            except Transient:
                offsets.clear()

    async def _relay(self, service: Any) -> None:
        """Relay rounds; after any failure start over with a new publisher, as the process does."""
        relay = Relay(MemoryOutbox(self.databases[service.name]), "relay")
        publisher = UnreliablePublisher(self.log, self.random, self.faults)
        while True:
            await _pause()
            try:
                await relay.claim()
                for _ in range(self.random.randrange(1, 4)):
                    await relay.step(publisher)
            except LostAcknowledgementError:
                publisher = UnreliablePublisher(self.log, self.random, self.faults)

    # --- the schedule

    def run(self, steps: int) -> None:
        """Advance actors in a random order, breaking things on the way."""
        for _ in range(steps):
            self.clock += 1
            awake = [actor for actor in self.actors if actor.frozen_until <= self.clock]
            if not awake:
                continue
            actor = self.random.choice(awake)
            if self.faults:
                self._break(actor)
            self._advance(actor)

    def _break(self, actor: Actor) -> None:
        luck = self.random.random()
        if luck < 0.004 and actor.steps is not None:
            actor.steps.close()
            actor.steps = None
        elif luck < 0.008:
            actor.frozen_until = self.clock + self.random.randrange(20, 600)
            if self.random.random() < 0.5:
                self.random.choice(list(self.databases.values())).kill_sessions()

    def _advance(self, actor: Actor) -> None:
        steps: Steps = actor.start() if actor.steps is None else actor.steps
        actor.steps = steps
        try:
            steps.send(None)
        except StopIteration:
            actor.steps = None
            actor.frozen_until = 1 << 60

    def settle(self, limit: int = 200_000) -> None:
        """Stop breaking things and run until nothing is left to do."""
        self.faults = False
        for actor in self.actors:
            if actor.frozen_until < 1 << 60:
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
        """Everything sent is published and everything published is applied."""
        if self.waiting:
            return False
        for name, database in self.databases.items():
            if any(database.published.get(where, 0) < head for where, head in database.heads.items()):
                return False
            for producer in ("counter", "granter"):
                for where, head in self.databases[producer].heads.items():
                    reads = name == "reader" or (name == "granter" and producer == "counter")
                    if reads and (p := database.positions.get(where)) is not None and p.sequence < head:
                        return False
                    if reads and where not in database.positions and head:
                        return False
        return True

    # --- the proof

    def fail(self, what: str) -> None:
        """Say what broke and how to see it again."""
        raise InvariantError(f"seed {self.seed}: {what}")

    def check(self) -> None:
        """Nothing lost, nothing doubled, nothing out of order, nothing over budget."""
        self._check_logs()
        self._check_effects()

    def _check_logs(self) -> None:
        """Outboxes are numbered without a hole, the log can be read as they say, positions count what was applied."""
        for name, database in self.databases.items():
            for where, batches in database.outbox.items():
                ends = [0, *(batch.last for batch in batches)]
                if [batch.first for batch in batches] != [end + 1 for end in ends[:-1]]:
                    self.fail(f"{name}: outbox of {where} is numbered {[batch[2:4] for batch in batches]}")
                rows = [entry for batch in batches for entry in unseal(batch.data)]
                last, ids = 0, [dict(row.headers)["ce_id"] for row in rows]
                for record in self.log.partitions[where]:
                    sequence = sequence_of(record) or 0
                    if dict(record.headers)["ce_id"] != ids[sequence - 1]:
                        self.fail(f"{name}: {where} number {sequence} is another event than in the outbox")
                    last += sequence == last + 1
                if last != len(rows):
                    self.fail(f"{name}: {where} can be read up to {last}, the outbox has {len(rows)}")
            for where, position in database.positions.items():
                if position.applied != position.sequence:
                    self.fail(f"{name}: applied {position.applied} records of {where}, the last is {position.sequence}")

    def _check_effects(self) -> None:
        """The reader was told every count once and in order; the budget is spent to the unit."""
        expected = {key: len(range(k, self.commands, len(KEYS))) for k, key in enumerate(KEYS)}
        reader, granter = Codec(READER), self.databases["granter"]
        granted = 0
        for key, count in expected.items():
            seen: Seen = reader.decode_state(self.databases["reader"].states[key][0])
            if seen.counted != tuple(range(1, count + 1)):
                self.fail(f"{key}: the reader was told {seen.counted}")
            if list(seen.granted) != sorted(set(seen.granted)):
                self.fail(f"{key}: grants doubled or out of order {seen.granted}")
            granted += len(seen.granted)
        left = granter.shared["budget"]
        if granted != min(self.budget, self.commands) or left != self.budget - granted:
            self.fail(f"granted {granted} of {self.budget}, {left} left")


def simulate(seed: int, steps: int = 4000) -> None:
    """One schedule: break things, let it settle, prove.

    Raises:
        InvariantError: an effect was lost, doubled or reordered.
    """
    world = World(seed)
    world.run(steps)
    world.settle()
    world.check()
    for actor in world.actors:
        if actor.steps is not None:
            actor.steps.close()
