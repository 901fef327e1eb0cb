"""The relay's publisher: sealed batches, idempotent, acknowledged by all in-sync replicas."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer

from common.core.outbox import Batch, merged
from common.core.record_batch import LARGEST, Compression, SealedBatch
from common.kafka.client import KafkaSettings, client_options


@dataclass(slots=True)
class KafkaPublisher:
    """Sends sealed batches, one partition after the other, and waits for every acknowledgement."""

    producer: AIOKafkaProducer
    compression: Compression

    async def publish(self, batches: Sequence[Batch]) -> None:
        """See `relay.Publisher.publish`."""
        sent = [
            await self.producer.send_batch(
                SealedBatch(batch.data, batch.last - batch.first + 1), batch.topic, partition=batch.partition
            )
            for batch in merged(batches, self.compression)
        ]
        await asyncio.gather(*sent)


def publisher_opener(settings: KafkaSettings, client_id: str) -> Callable[[], Any]:
    """Opens publishers with acks=all and idempotence; each is thrown away after a failure."""

    @asynccontextmanager
    async def open_publisher() -> AsyncGenerator[KafkaPublisher]:
        producer = AIOKafkaProducer(
            **client_options(settings),
            client_id=client_id,
            acks="all",
            enable_idempotence=True,
            max_batch_size=LARGEST,
            max_request_size=1048576,
            request_timeout_ms=10000,
        )
        await producer.start()
        try:
            yield KafkaPublisher(producer, settings.compression)
        finally:
            await asyncio.wait_for(producer.stop(), 5)

    return open_publisher
