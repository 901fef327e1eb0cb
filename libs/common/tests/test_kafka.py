"""What a batch is made of before it is handed over."""

from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaConnectionError

from common.kafka.consuming import Subscription

FETCHED = ("a3", "b7")


class Consumer:
    """Hands over what came since, once, or fails."""

    def __init__(self, latest: dict[TopicPartition, list[str]], failure: Exception | None = None) -> None:
        self.latest, self.failure, self.asked = latest, failure, 0

    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[str]]:
        assert timeout_ms > 0
        self.asked = max_records
        if self.failure is not None:
            raise self.failure
        return self.latest


def subscription(consumer: Consumer) -> Any:
    made: Any = Subscription(None, None, None)  # type: ignore[arg-type]
    made._subscriber = type("Subscriber", (), {"consumer": consumer})
    return made


async def test_what_came_since_the_fetch_joins_the_batch_after_it() -> None:
    consumer = Consumer({TopicPartition("a", 0): ["a4", "a5"], TopicPartition("c", 1): ["c1"]})
    assert await subscription(consumer).topped_up(FETCHED, 10) == ("a3", "b7", "a4", "a5", "c1")
    assert consumer.asked == 8


async def test_half_a_batch_is_enough() -> None:
    consumer = Consumer({TopicPartition("a", 0): ["a4"]})
    assert await subscription(consumer).topped_up(FETCHED, 3) == FETCHED
    assert consumer.asked == 0


@pytest.mark.parametrize("failure", [ConsumerStoppedError(), KafkaConnectionError()])
async def test_what_is_in_hand_is_never_dropped(failure: Exception) -> None:
    assert await subscription(Consumer({}, failure)).topped_up(FETCHED, 10) == FETCHED
