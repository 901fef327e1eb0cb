"""Numbers are given after the locked heads, partition by partition; nothing goes out without one."""

import pytest

from common.inbox import TopicPartition
from common.outbox import Outgoing, heads_of, number
from common.record_batch import unseal

ONE, TWO = TopicPartition("t", 1), TopicPartition("t", 2)


def event(where: TopicPartition, value: bytes) -> Outgoing:
    return Outgoing(*where, b"key", value, (("ce_id", value),))


def test_events_are_numbered_after_their_heads_in_order() -> None:
    events = [event(TWO, b"a"), event(ONE, b"b"), event(TWO, b"c")]
    batches, after = number({ONE: 4, TWO: 0}, events)
    assert heads_of(events) == [ONE, TWO]
    assert after == {ONE: 5, TWO: 2}
    told = {
        batch[:4]: [(entry.value, dict(entry.headers)["ce_sequence"]) for entry in unseal(batch.data)]
        for batch in batches
    }
    assert told == {(*ONE, 5, 5): [(b"b", b"5")], (*TWO, 1, 2): [(b"a", b"1"), (b"c", b"2")]}


def test_a_locked_head_without_events_stays() -> None:
    assert number({ONE: 4}, []) == ([], {ONE: 4})


def test_an_event_whose_head_is_not_locked_is_an_error() -> None:
    with pytest.raises(KeyError):
        number({ONE: 4}, [event(ONE, b"a"), event(TWO, b"b")])
