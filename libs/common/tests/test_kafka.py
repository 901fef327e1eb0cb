"""What a batch is made of before it is handed over."""

from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaConnectionError

from common.core.inbox import TopicPartition as Here
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


class Told:
    """A consumer that stands somewhere: offsets by partition."""

    def __init__(self, positions: dict[int, int], ends: dict[int, int | None], stable: dict[int, int | None]) -> None:
        self.positions, self.ends, self.stable = positions, ends, stable
        self.on_position: Any = lambda: None

    def assignment(self) -> set[TopicPartition]:
        return {TopicPartition("t", number) for number in self.positions}

    async def position(self, place: TopicPartition) -> int:
        self.on_position()
        if place.partition not in self.positions:
            raise IllegalStateError
        return self.positions[place.partition]

    def highwater(self, place: TopicPartition) -> int | None:
        return self.ends[place.partition]

    def last_stable_offset(self, place: TopicPartition) -> int | None:
        return self.stable[place.partition]


def standing(told: Told, reached: dict[int, int]) -> Any:
    made = subscription(told)  # type: ignore[arg-type]
    made.reached = {Here("t", number): offset for number, offset in reached.items()}
    return made


async def test_the_end_of_a_transaction_is_no_record_that_waits() -> None:
    """One aborted behind the last record: the log ends at 12, the last record is at 10."""
    made = standing(Told({1: 12, 2: 5}, {1: 12, 2: 7}, {1: 12, 2: 7}), {1: 11, 2: 5})
    assert made.lag() == {Here("t", 1): 1, Here("t", 2): 2}

    await made.settle()

    assert made.lag() == {Here("t", 1): 0, Here("t", 2): 2}


async def test_what_is_in_hand_waits_however_far_the_consumer_read() -> None:
    told = Told({1: 12}, {1: 12}, {1: 12})
    made = standing(told, {1: 9})
    made.in_hand = True
    await made.settle()
    assert made.lag() == {Here("t", 1): 3}

    made.in_hand = False
    told.on_position = lambda: setattr(made, "in_hand", True)  # records come while it is asked
    await made.settle()
    assert made.lag() == {Here("t", 1): 3}


async def test_a_log_that_begins_anew_does_not_hide_what_was_lost() -> None:
    made = standing(Told({1: 0}, {1: 0}, {1: 0}), {1: 9})
    await made.settle()
    assert made.cut_short() == {Here("t", 1): (0, 9)}


async def test_partitions_that_move_meanwhile_are_not_asked_again() -> None:
    told = Told({1: 12}, {1: 12}, {1: 12})
    made = standing(told, {1: 9})
    told.on_position = made.reached.clear
    await made.settle()
    assert made.reached == {}

    made = standing(Told({}, {}, {}), {1: 9})
    await made.settle()
    assert (made.reached, made.lag()) == ({Here("t", 1): 9}, {})


def test_an_open_transaction_holds_its_partition_and_is_no_lag() -> None:
    made = standing(Told({1: 9, 2: 0, 3: 0}, {1: 12, 2: None, 3: 4}, {1: 9, 2: None, 3: 4}), {1: 9, 2: 0, 3: 4})
    assert (made.held(), made.lag()) == ({Here("t", 1)}, {Here("t", 1): 0, Here("t", 3): 0})


def test_before_it_consumes_nothing_is_told() -> None:
    made = subscription(None)  # type: ignore[arg-type]
    assert (made.ends(), made.stable(), made.held()) == ({}, {}, set())
