"""What KEDA makes of the offsets that a service commits, by KEDA's own arithmetic, on the live broker."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

pytestmark = pytest.mark.stack

ROOT = Path(__file__).resolve().parents[2]
SPEC: dict[str, Any] = yaml.safe_load((ROOT / "deploy/k8s/consumer/scaledobject.yaml").read_text("utf-8"))["spec"]
(TRIGGER,) = SPEC["triggers"]
BACKLOG = 9_000


class Keda:
    """The Kafka scaler of KEDA for one group: who asks it, and what it answers (getLagForPartition, getTotalLag).

    The lag of a partition counts as persistent, and for nothing, when its offset is that of the look before; both of
    KEDA's loops look through the same scaler.
    """

    def __init__(self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, where: TopicPartition) -> None:
        self.admin, self.consumer, self.where = admin, consumer, where
        self.before: dict[TopicPartition, int] = {}
        self.cached: int | None = None

    async def look(self) -> int:
        """The lag that counts, as the broker has it now."""
        committed = (await self.admin.list_consumer_group_offsets(self.where.topic))[self.where].offset
        lag = (await self.consumer.end_offsets([self.where]))[self.where] - committed
        if TRIGGER["metadata"].get("excludePersistentLag") == "true":
            if self.before.get(self.where) == committed:
                lag = 0
            self.before[self.where] = committed
        return lag

    async def polled(self) -> int:
        """The loop of KEDA's operator, every `pollingInterval`."""
        self.cached = await self.look()
        return self.cached

    async def asked_by_autoscaler(self) -> int:
        """The loop of Kubernetes' autoscaler, at a time of its own; with cached metrics it gets what the other saw."""
        if TRIGGER.get("useCachedMetrics") and self.cached is not None:
            return self.cached
        return await self.look()


@asynccontextmanager
async def backlog() -> AsyncGenerator[tuple[Keda, AIOKafkaConsumer, TopicPartition]]:
    """A topic with records that wait, a group that reads it, and KEDA."""
    bootstrap = os.environ["CROISSANCE_KAFKA__BOOTSTRAP_SERVERS"]
    name = f"scaling-{uuid4().hex[:8]}"
    where = TopicPartition(name, 0)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=name, enable_auto_commit=False)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
        await producer.start()
        await consumer.start()
        consumer.assign([where])
        for number in range(BACKLOG):
            await producer.send(name, b"%d" % number)
        await producer.flush()
        yield Keda(admin, consumer, where), consumer, where
    finally:
        await consumer.stop()
        await producer.stop()
        await admin.delete_topics([name])
        await admin.close()


async def test_both_loops_see_the_lag_of_a_group_that_moves() -> None:
    async with backlog() as (keda, consumer, where):
        for committed in (1_000, 2_000, 3_000):
            await consumer.commit({where: committed})
            # Both look before the next commit, as they do now and then when a service commits once a second.
            assert await keda.polled() == BACKLOG - committed
            assert await keda.asked_by_autoscaler() == BACKLOG - committed


async def test_a_partition_that_waits_is_no_reason_for_more_processes() -> None:
    async with backlog() as (keda, consumer, where):
        await consumer.commit({where: 1_000})
        assert await keda.polled() == BACKLOG - 1_000
        for _ in range(2):
            assert await keda.polled() == 0
            assert await keda.asked_by_autoscaler() == 0
        await consumer.commit({where: 2_000})
        assert await keda.polled() == BACKLOG - 2_000
