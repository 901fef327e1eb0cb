"""The batch subscriber on FastStream: no work per message, positions in PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage, KafkaMessage
from faststream.middlewares import AckPolicy

from common.core.inbox import TopicPartition
from common.kafka.client import RETRY_BACKOFF_MS, KafkaSettings, security_of
from common.kafka.reading import tolerate

Records = tuple[ConsumerRecord[bytes | None, bytes | None], ...]
OnBatch = Callable[[Records], Awaitable[None]]
ReadPositions = Callable[[Sequence[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]]

LINGER = 0.02
"""Seconds between two batches: what arrives meanwhile is applied in one transaction instead of several."""

METADATA_AGE_MS = 10_000
"""Age at which a consumer asks anew which topics there are: one that is made again gets its readers back this soon."""

SETTLE_WITHIN = 1.0
"""Seconds to find out where the consumer stands: it may be looking for the beginning of a log."""

TOP_UP_MS = 5
"""Longest wait for what came to the broker since a batch was fetched."""


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

    def __init__(self, subscription: "Subscription", records: Records) -> None:
        super().__init__(body=b"", headers={}, raw_message=records, consumer=subscription.consumer)
        self.subscription = subscription

    async def ack(self) -> None:
        """Settle the message without a round trip."""
        await KafkaMessage.ack(self)
        self.subscription.in_hand = False

    async def nack(self) -> None:
        """Go back to where it begins."""
        await super().nack()
        self.subscription.in_hand = False


@dataclass(eq=False)
class Subscription(ConsumerRebalanceListener):
    """The consumer group membership of one process.

    Batches come one at a time, per partition in order, and again after an exception (the subscriber seeks back).
    On assignment it reads from the position in PostgreSQL; `mirror` commits Kafka's own offset for lag monitors only.
    Of transactions, which none of our writers uses, it reads what was committed.

    Attributes:
        reached: offset up to which an assigned partition is dealt with.
        mirrored: the same as Kafka was told.
        in_hand: records were fetched and are not dealt with.
    """

    broker: KafkaBroker
    read_positions: ReadPositions
    on_batch: OnBatch
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    assigned: frozenset[TopicPartition] = frozenset()
    reached: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])
    mirrored: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])
    in_hand: bool = False
    _subscriber: Any = None

    def subscribe(self, topics: Sequence[str], group: str, settings: KafkaSettings) -> None:
        """Register the batch subscriber on the broker; consuming begins when the broker starts."""

        async def parser(records: Any) -> _Applied:  # FastStream's own dies of a header without a value
            self.in_hand = True
            return _Applied(self, await self.topped_up(records, settings.batch_records))

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
            isolation_level="read_committed",
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

    async def settle(self) -> None:
        """Count as dealt with what is no record: ends of transactions, and what was deleted before it was read."""
        with suppress(KafkaError, TimeoutError):  # its partitions are being moved, or it looks for where to begin
            async with asyncio.timeout(SETTLE_WITHIN):
                for where, reached in list(self.reached.items()):
                    position = 0 if self.consumer is None else await self.consumer.position(KafkaPartition(*where))
                    if self.in_hand:
                        return
                    if where in self.reached:
                        self.reached[where] = max(self.reached[where], reached, position)

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
        return {} if consumer is None else self._told(consumer.highwater)

    def stable(self) -> dict[TopicPartition, int]:
        """The same, before what transactions that are still open hold back."""
        consumer = self.consumer
        return {} if consumer is None else self._told(consumer.last_stable_offset)

    def _told(self, of: Callable[[KafkaPartition], int | None]) -> dict[TopicPartition, int]:
        consumer = self.consumer
        held = set[KafkaPartition]() if consumer is None else consumer.assignment()
        offsets = {where: of(KafkaPartition(*where)) for where in self.reached if KafkaPartition(*where) in held}
        return {where: offset for where, offset in offsets.items() if offset is not None}

    def lag(self) -> dict[TopicPartition, int]:
        """Records of each assigned partition that the broker has, that may be read and that are not handled."""
        return {where: max(0, end - self.reached[where]) for where, end in self.stable().items()}

    def held(self) -> set[TopicPartition]:
        """Partitions that an open transaction holds back."""
        ends = self.ends()
        return {where for where, stable in self.stable().items() if stable < ends[where]}

    def cut_short(self) -> dict[TopicPartition, tuple[int, int]]:
        """Partitions whose log ends before what was read of it, with both offsets: the broker lost records."""
        return {where: (end, self.reached[where]) for where, end in self.ends().items() if end < self.reached[where]}


def make_broker(settings: KafkaSettings, client_id: str, logger: Any = None) -> KafkaBroker:
    """A FastStream broker that creates no topics, does no work per message and reads whatever bytes there are."""
    tolerate()
    return KafkaBroker(
        settings.bootstrap_servers,
        security=security_of(settings),
        client_id=client_id,
        metadata_max_age_ms=METADATA_AGE_MS,
        retry_backoff_ms=RETRY_BACKOFF_MS,
        allow_auto_create_topics=False,
        consumer_only=True,
        apply_types=False,
        logger=logger,
    )
