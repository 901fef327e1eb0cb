"""Reading Kafka for the audit: every topic from its beginning to its end, with a consumer of its own."""

from collections.abc import Sequence
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from common.kafka.reading import tolerate
from croissance.login import broker_options
from croissance.proof.log import PartitionLog, Receiver

PARTITION_BYTES: Final = 4 << 20
"""Most that one fetch brings of a partition."""


class LogReader:
    """Reads every topic, partition number by partition number, from its beginning to its end when asked."""

    def __init__(self, bootstrap: str, receiver: Receiver) -> None:
        tolerate()
        self._receiver = receiver
        self._consumer = AIOKafkaConsumer(
            **broker_options(bootstrap),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_partition_fetch_bytes=PARTITION_BYTES,
            fetch_max_bytes=8 * PARTITION_BYTES,
            fetch_max_wait_ms=100,
        )

    async def __aenter__(self) -> Self:
        """Connect."""
        try:
            await self._consumer.start()
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def topics(self) -> set[str]:
        """The topics that exist."""
        return set(await self._consumer.topics())

    async def read(self, topics: Sequence[str], partition: int) -> dict[str, PartitionLog]:
        """The same partition number of every topic."""
        places = [TopicPartition(topic, partition) for topic in topics]
        logs = {topic: PartitionLog(topic, partition) for topic in topics}
        if not places:
            return logs
        self._consumer.assign(places)
        first = await self._consumer.beginning_offsets(places)
        ends = await self._consumer.end_offsets(places)
        open_places = {place for place in places if first[place] < ends[place]}
        while open_places:
            batches: dict[Any, list[Any]] = await self._consumer.getmany(*open_places, timeout_ms=1000)
            for place, records in batches.items():
                self._receiver.take(logs[place.topic], records, ends[place])
            for place in list(open_places):
                if await self._consumer.position(place) >= ends[place]:
                    open_places.discard(place)
        for log in logs.values():
            self._receiver.close(log)
        return logs
