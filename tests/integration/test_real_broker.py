"""Two services on the real broker and database: rebalance, garbage on a topic, replay, a frozen relay, a lost range."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from common.core import clock
from common.core.codec import partition_of
from common.core.inbox import sequence_of
from common.core.record_batch import seal, unseal
from common.postgres.outbox import PostgresOutbox
from common.testing.chain import COUNTER, READER
from common.testing.database import published

from .world import KEYS, World, until

pytestmark = pytest.mark.stack


async def test_partitions_move_between_processes_without_loss(world: World) -> None:
    async with world.process(COUNTER, "counter-1"), world.process(READER, "reader-1"):
        await world.count(5)
        async with world.process(READER, "reader-2"), world.process(COUNTER, "counter-2"):
            await world.count(10)
            await until(world.caught_up)
        await world.count(5)
        await until(world.caught_up)
    await world.assert_exactly_once()


async def test_garbage_stops_nobody_and_a_dead_letter_is_replayed_in_order(world: World) -> None:
    key, reader = KEYS[0], world.pools["reader"]
    partition = partition_of(key)

    async def letters() -> int:
        return await reader.fetchval("select count(*) from dead_letters")

    async with world.process(READER, "reader-1"):
        async with world.process(COUNTER, "counter-1"):
            await world.count(1)
            await until(world.caught_up)
            await world.write(partition, key.encode(), b"\xff not json", [])
            await world.write(partition, None, b"x", [("ce_sequence", None)])
            await world.write(partition, key.encode(), b"{}", [("ce_sequence", b"-4"), ("ce_type", None)])
            await world.count(2)
            await until(world.caught_up)
        assert {row["reason"] for row in await reader.fetch("select reason from dead_letters")} == {
            "header ce_sequence is missing or is not a positive number"
        }
        assert await letters() == 3
        # the fault of a producer: a numbered event whose data breaks the schema, then a good one behind it
        await world.count(2)
        broken = await break_first_unpublished(world.pools["counter"], key)
        async with world.process(COUNTER, "counter-2"):
            await until(lambda: letters_are(letters, 4))
            await until(lambda: parked_are(reader, 1))
        assert await world.seen(key) == (1, 2, 3)
        mended = b'{"key": "%s", "n": 4}' % key.encode()
        await reader.execute("update dead_letters set status = 'replay', value = $1 where sequence is not null", mended)
        await until(world.caught_up)
    assert await world.seen(key) == (1, 2, 3, 4, 5)
    assert broken == await reader.fetchval("select sequence from dead_letters where sequence is not null")
    assert await parked_are(reader, 0)


UNPUBLISHED = """select o.topic, o.partition, o.last, o.data
    from outbox o join outbox_published p using (topic, partition)
    where o.last > p.published order by o.last"""
REPLACE = "update outbox set data = $4 where topic = $1 and partition = $2 and last = $3"


async def break_first_unpublished(pool: Any, key: str) -> int:
    """Give the first event of a key that still waits data that break its schema; returns its number."""
    for *place, data in await pool.fetch(UNPUBLISHED):
        entries = list(unseal(data))
        for index, entry in enumerate(entries):
            if entry.key == key.encode():
                entries[index] = entry._replace(value=b'{"key": 5}', headers=list(entry.headers))
                await pool.execute(REPLACE, *place, seal(entries))
                return int(dict(entry.headers)["ce_sequence"])
    raise AssertionError("nothing waits")


async def letters_are(count: Callable[[], Awaitable[int]], wanted: int) -> bool:
    return await count() == wanted


async def parked_are(pool: Any, wanted: int) -> bool:
    return await pool.fetchval("select count(*) from parked") == wanted


async def test_a_frozen_relay_is_replaced_and_a_range_is_sent_again(world: World) -> None:
    counter = world.pools["counter"]
    frozen = PostgresOutbox(counter)
    assert await frozen.claim("frozen", timedelta(seconds=2))
    async with world.process(COUNTER, "counter-1"), world.process(READER, "reader-1"):
        await world.count(3)
        await until(world.caught_up)
        before = await log_length(world)
        await counter.execute("update outbox_published set published = 0")
        await until(lambda: log_is_longer(world, before))
        await world.count(1)
        await until(world.caught_up)
    await world.assert_exactly_once()


async def log_length(world: World) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=world.bootstrap)
    await consumer.start()
    ends = await consumer.end_offsets([TopicPartition(world.counter.topic, number) for number in range(12)])
    await consumer.stop()
    return sum(ends.values())


async def log_is_longer(world: World, before: int) -> bool:
    return await log_length(world) >= 2 * before


async def test_a_consumer_nobody_here_wrote_sees_numbers_without_a_hole(world: World) -> None:
    async with world.process(COUNTER, "counter-1"):
        await world.count(20)
        consumer = AIOKafkaConsumer(
            world.counter.topic, bootstrap_servers=world.bootstrap, auto_offset_reset="earliest", group_id=None
        )
        await consumer.start()
        numbers: dict[int, list[int]] = {}
        async with asyncio.timeout(60):
            while sum(map(len, numbers.values())) < 20 * len(KEYS):
                record = await consumer.getone()
                numbers.setdefault(record.partition, []).append(sequence_of(record) or 0)
        await consumer.stop()
    assert all(seen == list(range(1, len(seen) + 1)) for seen in numbers.values())


async def test_kafka_is_told_how_far_a_process_is(world: World) -> None:
    async with world.process(COUNTER, "counter-1"), world.process(READER, "reader-1"):
        await world.count(3)
        await until(world.caught_up)
        await until(partial(told, world))


async def told(world: World) -> bool:
    """Whether the offsets of the consumer group are the positions in the database."""
    rows = await world.pools["reader"].fetch("select partition, next_offset from positions where next_offset > 0")
    consumer = AIOKafkaConsumer(
        bootstrap_servers=world.bootstrap, group_id=world.reader.group, enable_auto_commit=False
    )
    await consumer.start()
    places = {row["partition"]: TopicPartition(world.counter.topic, row["partition"]) for row in rows}
    committed = {number: await consumer.committed(place) for number, place in places.items()}
    await consumer.stop()
    return bool(rows) and committed == {row["partition"]: row["next_offset"] for row in rows}


async def test_a_deadline_fires_when_the_clock_moves(world: World) -> None:
    async def reminded() -> bool:
        return any(event.type == "Reminded" for event in await published(world.pools["counter"]))

    async with world.process(COUNTER, "counter-1"):
        await world.count(1)
        clock.shift(timedelta(minutes=2))
        try:
            await until(reminded)
        finally:
            clock.shift(timedelta(0))
