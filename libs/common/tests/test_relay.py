"""What is published moves on with acknowledgements, back only for an operator, and is dropped only when it is sent."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from common.core.inbox import TopicPartition
from common.core.outbox import Batch
from common.core.relay import Relay
from common.postgres.outbox import PostgresOutbox
from common.testing.chain import COUNTER

from .conftest import OpenPostgres
from .places import OpenPlace, P, Place, count

HOUR = timedelta(hours=1)
LEASE = timedelta(minutes=1)


async def published(place: Place, events: int) -> TopicPartition:
    """A place that wrote events; returns where they are."""
    for n in range(events):
        await count(place.codec, place.begin, f"t{n}")
    return TopicPartition(place.codec.topic, P)


async def test_a_late_acknowledgement_does_not_undo_a_republish(open_place: OpenPlace) -> None:
    place = await open_place(COUNTER)
    where = await published(place, 6)
    await place.outbox.advance({where: (0, 4)})
    await place.republish(where, 1)

    await place.outbox.advance({where: (4, 6)})  # sent before the operator asked
    assert (await place.outbox.claim("me", LEASE))[where] == 1

    await place.outbox.advance({where: (1, 3)})
    await place.outbox.advance({where: (0, 2)})  # a repeat does not turn it back
    assert (await place.outbox.claim("me", LEASE))[where] == 3


async def test_what_is_read_starts_after_the_cursor_and_ends_at_the_limit(open_place: OpenPlace) -> None:
    place = await open_place(COUNTER)
    where = await published(place, 5)

    batches = await place.outbox.read({where: 2}, 2)

    assert [(batch.first, batch.last) for batch in batches] == [(3, 3), (4, 4)]
    assert await place.outbox.read({where: 5}, 2) == []
    assert await place.outbox.read({}, 2) == []


async def test_a_claim_leaves_leases_that_hold_to_their_owner(open_postgres: OpenPostgres) -> None:
    place = await open_postgres(COUNTER)
    where = await published(place, 1)

    mine = await place.outbox.claim("me", LEASE)
    theirs = await place.outbox.claim("them", LEASE)
    renewed = await place.outbox.claim("me", timedelta(seconds=-1))  # runs out at once
    taken = await place.outbox.claim("them", LEASE)
    lost = await place.outbox.claim("me", LEASE)
    await place.outbox.release("them")
    free = await place.outbox.claim("me", LEASE)

    assert where in mine
    assert mine == renewed == taken == free
    assert theirs == lost == {}


async def test_no_segment_is_dropped_before_all_of_it_is_published(open_postgres: OpenPostgres) -> None:
    place = await open_postgres(COUNTER)
    outbox, start = PostgresOutbox(place.pool), datetime.now(UTC)
    where = await published(place, 3)

    async def segments_after(hours: int) -> list[int]:
        await outbox.rotate(start + hours * HOUR, 2 * HOUR, 4 * HOUR)
        rows = await place.pool.fetch("select segment from outbox_segments order by segment")
        return [row["segment"] for row in rows]

    assert await segments_after(1) == [1]
    assert await segments_after(3) == [1, 2]
    await count(place.codec, place.begin, "in the second")
    await outbox.advance({where: (0, 2)})
    assert await segments_after(8) == [1, 2, 3]  # the third event is not published
    assert [batch.last for batch in await outbox.read({where: 0}, 9)] == [1, 2, 3, 4]
    await outbox.advance({where: (2, 3)})
    assert await segments_after(9) == [2, 3]  # the second was closed at the eighth hour, and holds the fourth event
    assert await segments_after(30) == [2, 3, 4]
    await outbox.advance({where: (3, 4)})
    assert await segments_after(31) == [3, 4]
    assert [batch.last for batch in await outbox.read({where: 0}, 9)] == []


class Publisher:
    """Keeps what it was given; fails when told so."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.away = False

    async def publish(self, batches: Sequence[Batch]) -> None:
        if self.away:
            raise ConnectionError
        self.sent += [number for batch in batches for number in range(batch.first, batch.last + 1)]


async def test_a_relay_sends_in_order_and_sends_again_what_was_not_acknowledged(open_place: OpenPlace) -> None:
    place = await open_place(COUNTER)
    relay, publisher = Relay(place.outbox, "me"), Publisher()
    assert await relay.step(publisher) == 0  # nothing claimed
    await published(place, 3)
    await relay.claim()

    publisher.away = True
    with pytest.raises(ConnectionError):
        await relay.step(publisher)
    publisher.away = False
    assert await relay.step(publisher) == 3
    assert await relay.step(publisher) == 0
    await published(place, 5)

    assert await relay.step(publisher) == 2
    assert publisher.sent == [1, 2, 3, 4, 5]


async def test_a_running_relay_sends_when_it_is_woken_and_forgets_its_cursors_at_the_end(open_place: OpenPlace) -> None:
    place = await open_place(COUNTER)
    await published(place, 1)
    publisher, told = Publisher(), asyncio.Event()

    def on_published(_: int) -> None:
        told.set()

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Publisher]:
        yield publisher

    relay = Relay(place.outbox, "me", poll=60, on_published=on_published)
    running = asyncio.create_task(relay.run(opened))
    await told.wait()
    told.clear()
    await published(place, 2)
    relay.wake.set()
    await told.wait()
    running.cancel()
    await asyncio.wait([running])

    assert publisher.sent == [1, 2]
    assert relay.cursors == {}
