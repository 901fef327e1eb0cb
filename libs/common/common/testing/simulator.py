"""The toy world of the simulator: a counter, a budget that its counts draw on, a reader of both."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from common.core.codec import partition_of
from common.core.commands import Ask, to_message
from common.core.inbox import TopicPartition
from common.core.record_batch import unseal
from common.core.requests import apply_commands
from common.declare.decision import Refusal
from common.declare.errors import Transient
from common.declare.service import topic_of
from common.testing.chain import BUDGET, COUNTER, GRANTER, NEIGHBOUR, READER, Count, Seen, Total
from common.testing.engine import Engine, InvariantError, Part
from common.testing.proof import check_logs

__all__ = ["InvariantError", "World", "simulate"]

LATER = datetime(2100, 1, 1, tzinfo=UTC)
"""What time it is: every deadline is due."""
KEYS = ("k0", "k1", "k2", "k12")
"""Two pairs of keys, each pair in one partition, so that transactions meet on positions, states, heads, the budget."""


@dataclass(slots=True)
class World:
    """Three services and three clients."""

    seed: int
    commands: int = 40
    budget: int = 15
    engine: Engine = field(init=False)
    waiting: list[int] = field(init=False)

    def __post_init__(self) -> None:
        """Start everything."""
        self.waiting = list(range(self.commands))
        self.engine = Engine(self.seed, KEYS, LATER)
        counter, granter = self.engine.add(COUNTER), self.engine.add(GRANTER)
        self.engine.add(READER)
        granter.database.pools[BUDGET.at("all")] = str(self.budget)
        for number in range(3):
            self.engine.client(f"client-{number}", lambda: self._client(counter))

    async def _client(self, part: Part) -> None:
        """Send commands until each is answered, sometimes one that another client sends too: tokens make it safe."""
        draw = self.engine.random
        while self.waiting:
            number = draw.choice(self.waiting)
            if self.engine.faults and draw.random() < 0.05:
                self._write_strangely()
            message = to_message(Ask(Count(f"t{number}"), KEYS[number % len(KEYS)]), 0, f"request-{number}", "")
            try:
                decided = await apply_commands(part.codec, part.begin, [message])
            except Transient:
                continue
            if number in self.waiting and not isinstance(decided.answers[0], Refusal):
                self.waiting.remove(number)

    def _write_strangely(self) -> None:
        """A record in the log that no relay wrote."""
        draw = self.engine.random
        key = draw.choice(KEYS)
        where = TopicPartition(topic_of(draw.choice(("counter", "granter"))), partition_of(key))
        self.engine.log.write(where, key.encode(), b"?", (("ce_type", b"Counted"),))

    # --- the proof

    def check(self) -> None:
        """Nothing lost, nothing doubled, nothing out of order, nothing over budget."""
        check_logs(self.engine)
        self._check_effects()

    def _check_effects(self) -> None:
        """What was told and not dropped took effect once and in order; the budget is spent to the unit."""
        expected = {key: len(range(k, self.commands, len(KEYS))) for k, key in enumerate(KEYS)}
        self._check_neighbour(expected.values())
        granted = applied = 0
        for key, count in expected.items():
            self._check_reminders(key, count)
            told, spent = self._seen("granter", key), self._seen("reader", key)
            for name, seen in (("granter", told), ("reader", spent)):
                dropped = self._dropped(name, "counter", key)
                if seen.counted != tuple(n for n in range(1, count + 1) if n not in dropped):
                    self.engine.fail(f"{key}: the {name} was told {seen.counted}, dropped are {dropped}")
            if list(spent.granted) != sorted(set(spent.granted)):
                self.engine.fail(f"{key}: grants doubled or out of order {spent.granted}")
            applied += len(told.counted)
            granted += len(spent.granted) + len(self._dropped("reader", "granter", key))
        left = int(self.engine.parts["granter"].database.pools[BUDGET.at("all")])
        if granted != min(self.budget, applied) or left != self.budget - granted:
            self.engine.fail(f"granted {granted} of {self.budget}, {left} left")

    def _check_neighbour(self, counts: Iterable[int]) -> None:
        """The neighbour was told of every tenth count, once."""
        row = self.engine.parts["counter"].database.states.get(("totals", NEIGHBOUR))
        told = msgspec.json.decode(row[0], type=Total).told if row else ()
        if sorted(told) != sorted(10 * (n + 1) for count in counts for n in range(count // 10)):
            self.engine.fail(f"the neighbour was told {told}")

    def _seen(self, name: str, key: str) -> Seen:
        kind = {"granter": "grants", "reader": "readings"}[name]
        row = self.engine.parts[name].database.states.get((kind, key))
        return msgspec.json.decode(row[0], type=Seen) if row else Seen()

    def _dropped(self, name: str, producer: str, key: str) -> set[int]:
        """The counts of a key whose letters were dropped."""
        buried = self.engine.parts[name].database.letters.values()
        letters = [each.letter for each in buried if each.status == "dropped"]
        topic = topic_of(producer)
        values = [x.record.value for x in letters if x.sequence and x.key == key and x.record.topic == topic]
        return {msgspec.json.decode(value or b"")["n"] for value in values}

    def _check_reminders(self, key: str, count: int) -> None:
        """No deadline is decided twice, and the last one is decided."""
        outbox = self.engine.parts["counter"].database.outbox
        reminded: list[int] = [
            msgspec.json.decode(entry.value or b"")["n"]
            for batch in outbox[TopicPartition(topic_of("counter"), partition_of(key))]
            for entry in unseal(batch.data)
            if entry.key == key.encode() and dict(entry.headers)["ce_type"].endswith(b".Reminded")
        ]
        if len(set(reminded)) != len(reminded) or count not in reminded:
            self.engine.fail(f"{key}: reminded of {reminded}, counted are {count}")


def simulate(seed: int, steps: int = 4000) -> None:
    """One schedule: break things, let it settle, prove.

    Raises:
        InvariantError: an effect was lost, doubled or reordered.
    """
    world = World(seed)
    try:
        world.engine.run(steps)
        world.engine.settle()
        world.check()
    finally:
        world.engine.close()
