"""What is published moves on with acknowledgements, back only for an operator, and is dropped only when it is sent."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from common.core.codec import partition_of
from common.core.inbox import TopicPartition
from common.core.outbox import Batch
from common.core.relay import REFUSED_FOR, Refused, Relay
from common.declare.errors import Transient
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


async def test_rotation_keeps_nobody_waiting_behind_a_long_reader(open_postgres: OpenPostgres) -> None:
    """A dump holds every table for an hour: a new segment is opened beside it, an old one is dropped after it."""
    place = await open_postgres(COUNTER)
    outbox, start = PostgresOutbox(place.pool), datetime.now(UTC)
    where = await published(place, 3)
    await outbox.advance({where: (0, 3)})

    async def segments() -> list[int]:
        return [row["segment"] for row in await place.pool.fetch("select segment from outbox_segments order by 1")]

    async with place.pool.acquire() as dump, dump.transaction():
        await dump.execute("lock table outbox, outbox_1, outbox_segments in access share mode")
        await outbox.rotate(start + 3 * HOUR, 2 * HOUR, 4 * HOUR)
        assert await segments() == [1, 2]
        with pytest.raises(Transient, match="LockNotAvailableError"):
            await outbox.rotate(start + 8 * HOUR, 2 * HOUR, 4 * HOUR)
        assert await segments() == [1, 2, 3]  # opened all the same
        await count(place.codec, place.begin, "meanwhile")
        assert [batch.last for batch in await outbox.read({where: 3}, 9)] == [4]
    await outbox.rotate(start + 8 * HOUR, 2 * HOUR, 4 * HOUR)
    assert await segments() == [2, 3]


class Publisher:
    """Keeps what it was given; fails when told so."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.away = False
        self.refused: set[TopicPartition] = set()

    async def publish(self, batches: Sequence[Batch]) -> None:
        if self.away:
            raise ConnectionError
        reasons = dict.fromkeys(self.refused & {TopicPartition(b.topic, b.partition) for b in batches}, "no")
        batches = [batch for batch in batches if (batch.topic, batch.partition) not in self.refused]
        self.sent += [number for batch in batches for number in range(batch.first, batch.last + 1)]
        if reasons:
            raise Refused(reasons)


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


async def test_a_partition_that_is_refused_pauses_and_the_others_go_on(open_place: OpenPlace) -> None:
    place = await open_place(COUNTER)
    relay, publisher = Relay(place.outbox, "me"), Publisher()
    keys = {partition_of(key): key for key in ("k", "a", "b", "c")}
    number, *others = keys
    bad = TopicPartition(place.codec.topic, number)
    told: list[TopicPartition] = []
    relay.on_refused = told.extend
    for key in keys.values():
        await count(place.codec, place.begin, key, key=key)
    await relay.claim()
    publisher.refused = {bad}

    with pytest.raises(Refused, match=f"{bad.topic}/{bad.partition}: no"):
        await relay.step(publisher)
    assert publisher.sent == [1] * len(others)
    assert (told, relay.held[bad].pause) == ([bad], REFUSED_FOR)

    for key in keys.values():
        await count(place.codec, place.begin, f"{key} again", key=key)
    assert await relay.step(publisher) == len(others)  # it is not even tried while it pauses
    relay.held[bad] = relay.held[bad]._replace(until=0)
    with pytest.raises(Refused):
        await relay.step(publisher)
    assert relay.held[bad].pause == 2 * REFUSED_FOR

    publisher.refused, publisher.sent = set(), []
    relay.held[bad] = relay.held[bad]._replace(until=0)
    assert await relay.step(publisher) == 2
    assert (publisher.sent, relay.held) == ([1, 2], {})


async def test_a_relay_goes_on_by_itself_once_nothing_is_refused_any_more(open_place: OpenPlace) -> None:
    place = await open_place(COUNTER)
    relay, publisher = Relay(place.outbox, "me"), Publisher()
    await published(place, 1)
    publisher.refused = {TopicPartition(place.codec.topic, P)}
    opened: list[int] = []
    done = asyncio.Event()
    relay.on_published = lambda count: done.set() if count else None

    @asynccontextmanager
    async def open_publisher() -> AsyncGenerator[Publisher]:
        opened.append(len(opened))
        yield publisher

    def heal(_: object) -> None:
        publisher.refused = set()
        relay.held = {where: held._replace(until=0) for where, held in relay.held.items()}

    relay.on_refused = heal
    running = asyncio.create_task(relay.run(open_publisher))
    await asyncio.wait_for(done.wait(), 10)
    running.cancel()

    assert publisher.sent == [1]
    assert opened == [0, 1]  # an idempotent producer that was refused does not recover


async def test_a_partition_that_another_process_has_is_no_problem_here(open_postgres: OpenPostgres) -> None:
    place = await open_postgres(COUNTER)
    relay, publisher = Relay(place.outbox, "me"), Publisher()
    where = await published(place, 1)
    publisher.refused = {where}
    await relay.claim()
    with pytest.raises(Refused):
        await relay.step(publisher)

    await place.outbox.release("me")
    await place.outbox.claim("them", LEASE)
    await relay.claim()

    assert relay.held == {}
