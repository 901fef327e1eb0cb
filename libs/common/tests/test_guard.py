"""Nothing is written on a database whose numbers are not known to be as far as Kafka's."""

import pytest

from common.core.guard import NOT_COMPARED, SET_BACK, Behind, Guard, behind, told
from common.core.inbox import TopicPartition
from common.declare.errors import Transient

A, B, C, D = (TopicPartition("a", n) for n in range(4))


def test_a_database_is_behind_where_kafka_carries_higher_numbers() -> None:
    assert behind({A: 3, B: 5, C: 9}, {C: 8, B: 6, A: 3, D: 1}) == {B: Behind(5, 6), D: Behind(0, 1)}


def test_the_reason_says_where_by_how_much_and_what_to_do() -> None:
    assert told({A: Behind(3, 10)}) == (
        "database behind Kafka: a/0 by 7 (given 3, in Kafka 10): nothing is written until `croissance recover`"
    )
    assert told({A: Behind(0, 1), B: Behind(0, 1), C: Behind(0, 1), D: Behind(0, 1)}).endswith(
        "a/2 by 1 (given 0, in Kafka 1), 1 partitions more: nothing is written until `croissance recover`"
    )


def test_a_closed_guard_lets_nothing_through_and_asks_for_a_comparison() -> None:
    guard = Guard()
    guard.check()
    assert guard.opened.is_set()
    guard.close()
    assert (guard.opened.is_set(), guard.asked.is_set()) == (False, True)
    with pytest.raises(Transient, match=NOT_COMPARED):
        guard.check()
    assert not Guard("said").opened.is_set()


def test_a_comparison_opens_it_only_for_the_server_that_was_compared() -> None:
    guard = Guard()
    guard.note_server("monday")
    guard.note_server("monday")
    guard.check()
    guard.note_server("tuesday")
    with pytest.raises(Transient):
        guard.check()

    assert guard.settle("monday", {A: 1}, {A: 1}, recovering=False) == {}
    assert guard.reason == NOT_COMPARED, "meanwhile it became another one"
    assert guard.settle("tuesday", {A: 1}, {A: 2}, recovering=False) == {A: Behind(1, 2)}
    assert guard.reason == told({A: Behind(1, 2)})
    assert guard.settle("tuesday", {A: 2}, {A: 2}, recovering=True) == {}
    assert (guard.reason, guard.recovering, guard.opened.is_set()) == ("", True, True)


def test_a_head_lower_than_seen_closes_it() -> None:
    guard = Guard()
    guard.settle(None, {A: 4}, {}, recovering=False)
    assert guard.note_heads({A: 5, B: 1}) == {A: 5, B: 1}
    guard.note_heads({A: 5})
    with pytest.raises(Transient, match=SET_BACK):
        guard.note_heads({A: 4})
    with pytest.raises(Transient, match=SET_BACK):
        guard.check()
