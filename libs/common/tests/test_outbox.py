"""Numbers are given after the locked heads, partition by partition; nothing goes out without one."""

import pytest

from common.core.inbox import TopicPartition
from common.core.outbox import SMALL, Batch, Outgoing, heads_of, merged, number
from common.core.record_batch import unseal

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


def read(batches: list[Batch]) -> list[tuple[str, int, int, bytes | None]]:
    """Place, number and value of each event, held against the range its batch claims."""
    found: list[tuple[str, int, int, bytes | None]] = []
    for batch in batches:
        entries = list(unseal(batch.data))
        numbers = [int(dict(entry.headers)["ce_sequence"]) for entry in entries]
        assert numbers == list(range(batch.first, batch.last + 1))
        found += [(batch.topic, batch.partition, n, e.value) for n, e in zip(numbers, entries, strict=True)]
    return found


def test_small_neighbours_are_sent_as_one_batch() -> None:
    heads = {ONE: 4, TWO: 0}
    written: list[Batch] = []
    for value in (b"a", b"b", b"c"):
        batches, heads = number(heads, [event(ONE, value), event(TWO, value)])
        written += batches
    written.sort(key=lambda batch: batch[:3])
    together = merged(written, "zstd")
    assert [batch[:4] for batch in together] == [(*ONE, 5, 7), (*TWO, 1, 3)]
    assert read(together) == read(written)


def test_large_batches_and_holes_are_left_as_they_are() -> None:
    large = [number({ONE: n}, [event(ONE, bytes(range(256)) * 64)], "none")[0][0] for n in (0, 1)]
    assert all(len(batch.data) > SMALL for batch in large)
    assert merged(large, "zstd") == large
    apart = [number({ONE: n}, [event(ONE, b"x")])[0][0] for n in (0, 5)]
    assert merged(apart, "zstd") == apart
    assert merged([], "zstd") == []
