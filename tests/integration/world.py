"""Two services on the real broker and database, under a namespace of their own."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from common.core.codec import Codec
from common.core.commands import Ask, to_message
from common.core.record_batch import SealedBatch
from common.core.requests import apply_commands
from common.postgres.connections import connect_pool
from common.postgres.storage import Storage
from common.postgres.transaction import postgres
from common.process.main import run
from common.process.provision import provision
from common.process.settings import Settings
from common.testing.apps import app_of
from common.testing.chain import COUNTER, READER, Count

KEYS = [f"k{number}" for number in range(24)]


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    """Wait for something the system does by itself; fails when it does not."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  nobody here can signal it
            await asyncio.sleep(0.05)


class World:
    """A counter and its readers under a namespace of their own."""

    def __init__(self) -> None:
        self.namespace = f"i{uuid4().hex[:8]}."
        self.bootstrap = os.environ["CROISSANCE_KAFKA__BOOTSTRAP_SERVERS"]
        self.dsn = os.environ["CROISSANCE_DATABASE__DSN"]
        self.counter = Codec(COUNTER, self.namespace)
        self.reader = Codec(READER, self.namespace)
        self.pools: dict[str, Any] = {}
        self.sent = dict.fromkeys(KEYS, 0)

    def settings(self, instance: str) -> Settings:
        return Settings(namespace=self.namespace, instance=instance)

    async def open(self) -> None:
        await provision([app_of(COUNTER), app_of(READER)], self.settings("setup"))
        for codec in (self.counter, self.reader):
            self.pools[codec.service.name] = await connect_pool(self.dsn, codec.schema)

    async def close(self) -> None:
        for pool in self.pools.values():
            await pool.close()
        connection: Any = await asyncpg.connect(self.dsn)
        for codec in (self.counter, self.reader):
            await connection.execute(f'drop schema "{codec.schema}" cascade')
        await connection.close()

    @asynccontextmanager
    async def process(self, service: Any, instance: str) -> AsyncGenerator[None]:
        """One process of a service, in a task."""
        stop = asyncio.Event()
        task = asyncio.create_task(run(app_of(service), self.settings(instance), stop))
        try:
            yield
        finally:
            stop.set()
            assert await asyncio.wait_for(task, 40) == 0

    async def count(self, times: int) -> None:
        """`times` commands on every key."""
        begin = postgres(self.counter, Storage(), self.pools["counter"])
        for _ in range(times):
            commands = [Ask(Count(), key) for key in KEYS]
            await apply_commands(self.counter, begin, [to_message(c, 0, "", "") for c in commands])
            for key in KEYS:
                self.sent[key] += 1

    async def seen(self, key: str) -> tuple[int, ...]:
        doc = await self.pools["reader"].fetchval("select doc from states where kind = 'readings' and key = $1", key)
        return () if doc is None else self.reader.decode_state["readings"](doc).counted

    async def caught_up(self) -> bool:
        return all([len(await self.seen(key)) >= self.sent[key] for key in KEYS])

    async def assert_exactly_once(self) -> None:
        for key in KEYS:
            assert await self.seen(key) == tuple(range(1, self.sent[key] + 1))
        rows = await self.pools["reader"].fetch("select sequence, applied from positions")
        assert all(row["sequence"] == row["applied"] for row in rows)

    async def write(self, partition: int, key: bytes | None, value: bytes | None, headers: Any) -> None:
        """Anybody's record on the counter's topic."""
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap) as producer:
            await producer.send_and_wait(self.counter.topic, value, key, partition, headers=headers)

    async def write_batches(self, batches: Sequence[tuple[int, bytes]]) -> None:
        """Anybody's record batches on the counter's topic, as bytes, each with its partition."""
        now = int(time.time() * 1000)
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap, enable_idempotence=True) as producer:
            for partition, data in batches:
                placed = bytes(8) + data[8:]  # which offset it gets is for the broker to say
                batch = SealedBatch(placed, int.from_bytes(data[57:61]), now)
                await (await producer.send_batch(batch, self.counter.topic, partition=partition))

    async def all_dealt_with(self) -> bool:
        """Whether Kafka is told that the reader is at the end of every partition of the counter."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, group_id=self.reader.group, enable_auto_commit=False
        )
        await consumer.start()
        places = [TopicPartition(self.counter.topic, number) for number in range(12)]
        ends = await consumer.end_offsets(places)
        told = {place: await consumer.committed(place) for place in places}
        await consumer.stop()
        return all((told[place] or 0) == ends[place] for place in places)


@asynccontextmanager
async def opened() -> AsyncGenerator[World]:
    """A world, taken away at the end."""
    made = World()
    await made.open()
    yield made
    await made.close()
