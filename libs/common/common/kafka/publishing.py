"""The relay's publisher: sealed batches, idempotent, acknowledged by all in-sync replicas."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    BrokerResponseError,
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from common.core.inbox import TopicPartition
from common.core.outbox import Batch, merged
from common.core.record_batch import LARGEST, Compression, SealedBatch
from common.core.relay import Refused
from common.kafka.client import KafkaSettings, client_options

_HINTS: Final[tuple[tuple[type[KafkaError], str], ...]] = (
    (
        InvalidTimestampError,
        "message.timestamp.before.max.ms or message.timestamp.after.max.ms of the topic: the clock here says {now} UTC",
    ),
    (MessageSizeTooLargeError, "max.message.bytes of the topic"),
    (RecordListTooLargeError, "segment.bytes of the topic"),
    (TopicAuthorizationFailedError, "no permission to write the topic"),
    (UnknownTopicOrPartitionError, "there is no such topic"),
)
"""What an operator looks at, by what the broker said."""


def _reason(error: KafkaError) -> str:
    hint = next((hint for kind, hint in _HINTS if isinstance(error, kind)), str(error))
    return f"{type(error).__name__}: {hint.format(now=time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime()))}"


@dataclass(slots=True)
class KafkaPublisher:
    """Sends sealed batches, one partition after the other, and waits for every acknowledgement."""

    producer: AIOKafkaProducer
    compression: Compression

    async def publish(self, batches: Sequence[Batch]) -> None:
        """See `relay.Publisher.publish`."""
        now = int(time.time() * 1000)
        sent: list[tuple[TopicPartition, asyncio.Future[Any]]] = []
        refused: dict[TopicPartition, str] = {}
        unknown: dict[str, str] = {}
        for batch in merged(batches, self.compression):
            where = TopicPartition(batch.topic, batch.partition)
            if batch.topic in unknown:
                refused[where] = unknown[batch.topic]
                continue
            sealed = SealedBatch(batch.data, batch.last - batch.first + 1, now)
            try:
                sent.append((where, await self.producer.send_batch(sealed, batch.topic, partition=batch.partition)))
            except UnknownTopicOrPartitionError as error:  # asked for as long as a request may take: not for each again
                refused[where] = unknown[batch.topic] = _reason(error)
        told = await asyncio.gather(*(future for _, future in sent), return_exceptions=True)
        for (where, _), error in zip(sent, told, strict=True):
            if isinstance(error, BrokerResponseError) and not error.retriable:
                refused.setdefault(where, _reason(error))
            elif isinstance(error, BaseException):
                raise error
        if refused:
            raise Refused(refused)


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
