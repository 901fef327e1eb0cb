"""Kafka with safe settings: topics, the batch subscriber on FastStream, the publisher of the relay."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, ConsumerRecord
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import ConsumerStoppedError, KafkaError
from aiokafka.helpers import create_ssl_context
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage, KafkaMessage
from faststream.middlewares import AckPolicy
from faststream.security import BaseSecurity, SASLScram512

from common.errors import Misconfigured
from common.inbox import TopicPartition
from common.outbox import Batch, merged
from common.record_batch import LARGEST, Compression, SealedBatch
from common.service import PARTITIONS
from common.settings import KafkaSettings

Records = tuple[ConsumerRecord[bytes | None, bytes | None], ...]
OnBatch = Callable[[Records], Awaitable[None]]
ReadPositions = Callable[[Sequence[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]]

LINGER = 0.02
"""Seconds between two batches: what arrives meanwhile is applied in one transaction instead of several."""

TOP_UP_MS = 5
"""Longest wait for what came to the broker since a batch was fetched."""

RETRY_BACKOFF_MS = 300
"""Pause before a client asks a broker again that does not answer: asking three times as often costs each process a
twentieth of a core while the broker is down, which the broker needs to come back."""


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """The connection arguments of a raw aiokafka client."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap_servers,
        "retry_backoff_ms": RETRY_BACKOFF_MS,
    }
    if settings.security_protocol != "PLAINTEXT":
        options |= {
            "security_protocol": settings.security_protocol,
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": settings.sasl_password.get_secret_value(),
        }
    if settings.security_protocol == "SASL_SSL":
        options["ssl_context"] = _trust(settings)
    return options


def _trust(settings: KafkaSettings) -> ssl.SSLContext:
    """Which certificates are believed: those of `ca_file`, or the machine's."""
    return create_ssl_context(cafile=settings.ca_file or None)


def _security(settings: KafkaSettings) -> BaseSecurity | None:
    if settings.security_protocol == "PLAINTEXT":
        return None
    encrypted = settings.security_protocol == "SASL_SSL"
    return SASLScram512(
        username=settings.sasl_username,
        password=settings.sasl_password.get_secret_value(),
        use_ssl=encrypted,
        ssl_context=_trust(settings) if encrypted else None,
    )


async def declare_topics(settings: KafkaSettings, topics: Sequence[str]) -> list[str]:
    """Create the topics that do not exist; returns those created.

    Raises:
        Misconfigured: an existing topic has another number of partitions: keys would move.
    """
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    try:
        known = {
            t["topic"]: len(t["partitions"]) for t in await admin.describe_topics(list(topics)) if not t["error_code"]
        }
        wrong = {topic: count for topic, count in known.items() if count != PARTITIONS}
        if wrong:
            raise Misconfigured(f"topics must have {PARTITIONS} partitions: {wrong}")
        missing = [topic for topic in topics if topic not in known]
        if missing:
            new = [NewTopic(topic, PARTITIONS, settings.replication_factor) for topic in missing]
            answer = await admin.create_topics(new)
            failed = [f"{error[0]}: {error[2]}" for error in answer.topic_errors if error[1] not in (0, 36)]
            if failed:
                raise Misconfigured(f"topics could not be created: {failed}")
        return missing
    finally:
        await admin.close()


# --- consuming -------------------------------------------------------------------------------------------------------


class _RawCodec:
    """Hands the records over untouched: our codec reads the envelope, the framework does nothing per message."""

    async def decode(self, msg: Any) -> Any:
        return msg.raw_message

    async def encode(self, msg: Any, serializer: Any = None) -> Any:  # noqa: ARG002
        return msg, None

    async def decode_batch(self, msg: Any) -> Any:
        return msg.raw_message

    async def encode_batch(self, msgs: Any, serializer: Any = None) -> Any:  # noqa: ARG002
        return [(msg, None) for msg in msgs]


class _Applied(KafkaAckableMessage):
    """A batch whose end PostgreSQL knows: Kafka is told by `Subscription.mirror`, not after each batch."""

    async def ack(self) -> None:
        """Settle the message without a round trip."""
        await KafkaMessage.ack(self)


@dataclass(eq=False)
class Subscription(ConsumerRebalanceListener):
    """The consumer group membership of one process.

    Batches come one at a time, per partition in order, and again after an exception (the subscriber seeks back).
    On assignment it reads from the position in PostgreSQL; `mirror` commits Kafka's own offset for lag monitors only.
    """

    broker: KafkaBroker
    read_positions: ReadPositions
    on_batch: OnBatch
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    assigned: frozenset[TopicPartition] = frozenset()
    reached: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])
    mirrored: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])
    _subscriber: Any = None

    def subscribe(self, topics: Sequence[str], group: str, settings: KafkaSettings) -> None:
        """Register the batch subscriber on the broker; consuming begins when the broker starts."""

        async def parser(records: Any) -> _Applied:  # FastStream's own dies of a header without a value
            records = await self.topped_up(records, settings.batch_records)
            return _Applied(body=b"", headers={}, raw_message=records, consumer=self._subscriber.consumer)

        async def handle(records: Any) -> None:
            async with self.busy:
                await self.on_batch(records)
                last = {(record.topic, record.partition): record.offset for record in records}
                self.reached.update({TopicPartition(*where): offset + 1 for where, offset in last.items()})
            await asyncio.sleep(LINGER)

        subscriber: Any = self.broker.subscriber(
            *topics,
            batch=True,
            group_id=group,
            ack_policy=AckPolicy.NACK_ON_ERROR,
            auto_offset_reset="earliest",
            batch_timeout_ms=20,
            max_records=settings.batch_records,
            fetch_min_bytes=settings.fetch_min_bytes,
            fetch_max_wait_ms=settings.fetch_max_wait_ms,
            max_partition_fetch_bytes=settings.partition_fetch_bytes,
            session_timeout_ms=settings.session_timeout_ms,
            heartbeat_interval_ms=settings.session_timeout_ms // 4,
            listener=self,
            parser=parser,
            codec=_RawCodec(),
        )
        subscriber(handle)
        self._subscriber = subscriber

    async def topped_up(self, records: Records, most: int) -> Records:
        """The records with those that came to the broker since they were fetched, up to half a batch.

        aiokafka fetches nothing from a broker while anything it fetched waits to be taken: what it hands over at once
        is what was there when the batch before was taken, and what came since would wait for the next one.
        """
        consumer = self.consumer
        if consumer is None or len(records) > most // 2:
            return records
        with suppress(KafkaError, ConsumerStoppedError):  # it stops, or says so again at the next fetch
            latest = await consumer.getmany(timeout_ms=TOP_UP_MS, max_records=most - len(records))
            records += tuple(chain.from_iterable(latest.values()))
        return records

    @property
    def consumer(self) -> AIOKafkaConsumer | None:
        """The aiokafka consumer underneath, once started."""
        return None if self._subscriber is None else self._subscriber.consumer

    async def on_partitions_revoked(self, revoked: set[KafkaPartition]) -> None:
        """Finish the batch in hand before the partitions go to another process."""
        async with self.busy:
            gone = {TopicPartition(tp.topic, tp.partition) for tp in revoked}
            self.assigned = frozenset(self.assigned - gone)
            self.reached = {where: at for where, at in self.reached.items() if where in self.assigned}

    async def on_partitions_assigned(self, assigned: set[KafkaPartition]) -> None:
        """Read on from where PostgreSQL says the partitions are applied."""
        self.assigned = frozenset(TopicPartition(tp.topic, tp.partition) for tp in assigned)
        self.mirrored = {}
        await self.seek(self.assigned)

    async def seek(self, partitions: frozenset[TopicPartition], *, from_start: bool = False) -> None:
        """Move the consumer to the applied positions of `partitions`, or to the beginning of their logs."""
        consumer = self.consumer
        if consumer is None or not partitions:
            return
        offsets = dict.fromkeys(partitions, 0) if from_start else await self.read_positions(sorted(partitions))
        for where, offset in offsets.items():
            self.reached[where] = offset
            consumer.seek(KafkaPartition(*where), offset)

    async def mirror(self) -> None:
        """Commit to Kafka what moved since the last time; what cannot be said now is said the next time."""
        moved = {where: at for where, at in self.reached.items() if self.mirrored.get(where) != at}
        if self.consumer is not None and moved:
            with suppress(KafkaError):  # the broker is away, or the partitions have gone to another process
                await self.consumer.commit({KafkaPartition(*where): at for where, at in moved.items()})
                self.mirrored |= moved

    def ends(self) -> dict[TopicPartition, int]:
        """The end of each assigned partition's log, as far as fetches tell."""
        consumer = self.consumer
        if consumer is None:
            return {}
        held = consumer.assignment()
        highs = {w: consumer.highwater(KafkaPartition(*w)) for w in self.reached if KafkaPartition(*w) in held}
        return {where: high for where, high in highs.items() if high is not None}

    def lag(self) -> dict[TopicPartition, int]:
        """Records of each assigned partition that the broker has and that are not handled."""
        return {where: max(0, end - self.reached[where]) for where, end in self.ends().items()}

    def cut_short(self) -> dict[TopicPartition, tuple[int, int]]:
        """Partitions whose log ends before what was read of it, with both offsets: the broker lost records."""
        return {where: (end, self.reached[where]) for where, end in self.ends().items() if end < self.reached[where]}


def make_broker(settings: KafkaSettings, client_id: str, logger: Any = None) -> KafkaBroker:
    """A FastStream broker that creates no topics and does no work per message."""
    return KafkaBroker(
        settings.bootstrap_servers,
        security=_security(settings),
        client_id=client_id,
        retry_backoff_ms=RETRY_BACKOFF_MS,
        allow_auto_create_topics=False,
        consumer_only=True,
        apply_types=False,
        logger=logger,
    )


# --- publishing ------------------------------------------------------------------------------------------------------


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
