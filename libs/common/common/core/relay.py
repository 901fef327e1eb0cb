"""The relay: outbox → Kafka, in order, from where it is published. Any process may relay; two at once break nothing."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple, Protocol

from common.core.inbox import TopicPartition
from common.core.outbox import Batch
from common.declare.errors import CroissanceError

LEASE = timedelta(seconds=3)
"""How long a claim holds without renewal: a frozen or dead relay is replaced after this."""

RENEW_EVERY = 1.0
"""Seconds between renewals of the claim; `published` is read again with it, so `republish` takes effect."""

READ_LIMIT = 64
"""Batches read of one partition in a round."""

GATHER = 0.005
"""Seconds a woken relay waits before it reads: what commits meanwhile goes out in the same round."""


REFUSED_FOR = 1.0
"""Seconds that a refused partition pauses the first time; each time twice as long, up to `REFUSED_AT_MOST`."""

REFUSED_AT_MOST = 30.0
"""It is tried again so often, whatever was wrong: it goes on by itself soon after that has ended."""


class Refused(CroissanceError):
    """The broker refused the batches of these partitions, each with its reason; all others are acknowledged."""

    def __init__(self, reasons: Mapping[TopicPartition, str]) -> None:
        super().__init__(
            f"refused by the broker: {'; '.join(f'{w.topic}/{w.partition}: {r}' for w, r in reasons.items())}"
        )
        self.reasons = reasons


class Held(NamedTuple):
    """A partition that pauses because the broker refused it.

    Attributes:
        reason: what the broker said, and the setting it speaks of.
        until: second of the monotonic clock when it is tried again.
        pause: seconds it pauses this time.
    """

    reason: str
    until: float
    pause: float


class Outbox(Protocol):
    """The outbox as the relay needs it."""

    async def claim(self, owner: str, lease: timedelta) -> dict[TopicPartition, int]:
        """Take or renew partitions nobody else holds; returns those held with the last number published."""
        ...

    async def release(self, owner: str) -> None:
        """Give up all partitions, so that another process takes them at once."""
        ...

    async def read(self, after: Mapping[TopicPartition, int], limit: int) -> list[Batch]:
        """Up to `limit` batches of each partition that end after its number, in order of number within a partition."""
        ...

    async def advance(self, ranges: Mapping[TopicPartition, tuple[int, int]]) -> None:
        """Move `published` to the end of each acknowledged range (after, last], unless set back before `after`."""
        ...


class Publisher(Protocol):
    """Writes sealed batches to Kafka."""

    async def publish(self, batches: Sequence[Batch]) -> None:
        """Return when every batch is acknowledged by all in-sync replicas; raise when any is not.

        Raises:
            Refused: all are, but those of the partitions it names.
        """
        ...


class OpenPublisher(Protocol):
    """Opens a publisher; after any failure a new one is opened (an idempotent producer does not recover)."""

    def __call__(self) -> AbstractAsyncContextManager[Publisher]: ...  # noqa: D102


async def always(leased: Collection[TopicPartition]) -> bool:  # noqa: ARG001
    """Publish whatever is leased."""
    return True


@dataclass(slots=True)
class Relay:
    """Publishes what the outbox holds.

    Guarantee: what is read from Kafka, without repeats, is the outbox in order: a repeat is sent only after its range
    was sent in order before. Does not guarantee that nothing is sent twice: receivers drop what they have.
    """

    outbox: Outbox
    owner: str
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    poll: float = 0.2
    cursors: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])
    may_publish: Callable[[Collection[TopicPartition]], Awaitable[bool]] = always
    held: dict[TopicPartition, Held] = field(default_factory=dict[TopicPartition, Held])
    on_published: Callable[[int], None] = lambda _: None
    on_refused: Callable[[Mapping[TopicPartition, str]], None] = lambda _: None

    async def run(self, open_publisher: OpenPublisher) -> None:
        """Relay until cancelled or until a step fails; the caller pauses and calls again.

        What the broker refuses of one partition stops no other: it pauses, they go on with a new publisher.
        """
        while True:
            with suppress(Refused):
                await self._run(open_publisher)

    async def _run(self, open_publisher: OpenPublisher) -> None:
        try:
            async with open_publisher() as publisher:
                loop = asyncio.get_running_loop()
                renew_at = 0.0
                while True:
                    if loop.time() >= renew_at:
                        await self.claim()
                        renew_at = loop.time() + RENEW_EVERY
                    if not await self.step(publisher):
                        await self._idle(renew_at - loop.time())
        finally:
            self.cursors = {}

    async def claim(self) -> None:
        """Take or renew partitions; cursors follow `published`, also back when an operator asked to republish.

        `may_publish` is asked with those that are new or went back; where it says no, nothing is published for now.
        """
        leased = await self.outbox.claim(self.owner, LEASE)
        other = [where for where, at in leased.items() if at < self.cursors.get(where, at + 1)]
        self.cursors = leased if await self.may_publish(other) else {}
        self.held = {where: held for where, held in self.held.items() if where in self.cursors}

    async def step(self, publisher: Publisher) -> int:
        """Publish one round of batches; returns how many events."""
        now = time.monotonic()
        after = {w: at for w, at in self.cursors.items() if w not in self.held or self.held[w].until <= now}
        batches = await self.outbox.read(after, READ_LIMIT) if after else []
        if not batches:
            return 0
        refused: Refused | None = None
        try:
            await publisher.publish(batches)
        except Refused as error:
            refused = error
        ranges: dict[TopicPartition, tuple[int, int]] = {}
        for batch in batches:
            where = TopicPartition(batch.topic, batch.partition)
            if refused is None or where not in refused.reasons:
                ranges[where] = (self.cursors[where], batch.last)
                self.held.pop(where, None)
        await self.outbox.advance(ranges)
        count = sum(last - after for after, last in ranges.values())
        self.cursors.update({where: last for where, (_, last) in ranges.items()})
        self.on_published(count)
        if refused is not None:
            self._hold(refused, now)
            raise refused
        return count

    def _hold(self, refused: Refused, now: float) -> None:
        """Let refused partitions pause, longer each time."""
        for where, reason in refused.reasons.items():
            known = self.held.get(where)
            pause = REFUSED_FOR if known is None else min(REFUSED_AT_MOST, 2 * known.pause)
            self.held[where] = Held(reason, now + pause, pause)
        self.on_refused(refused.reasons)

    async def _idle(self, longest: float) -> None:
        """Wait until this process writes something, or another one may have."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.wake.wait(), max(0.0, min(self.poll, longest)))
            await asyncio.sleep(GATHER)
        self.wake.clear()
