"""A bad release stops its consumer instead of emptying its topic into the dead letters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.core.codec import partition_of
from common.core.dead_letter import (
    DEAD_LETTER_FLOOR,
    PATIENCE,
    REMEMBERED,
    WINDOW,
    Brake,
    Recent,
    TooManyDeadLetters,
    with_newest,
)
from common.core.inbox import StoredRecord, TopicPartition
from common.core.records import apply_records
from common.testing.breakable import Fault, Faults, breakable
from common.testing.chain import READER

from .places import NOW, OpenPlace, P, Place, record


def faulty(numbers: range, fault: Fault) -> Faults:
    return {number: fault for number in numbers}  # noqa: C420  a literal keeps its type


def records(place: Place, numbers: range) -> list[StoredRecord]:
    """Each of a key of its own, so that none waits behind another."""
    return [record(place.codec, n, key=f"k{n}") for n in numbers]


@pytest.mark.parametrize("fault", ["raises", "unstorable"])
@pytest.mark.parametrize("size", [1, 7, 100])
async def test_where_all_fail_few_are_set_aside_whatever_the_size_of_batches(
    open_place: OpenPlace, size: int, fault: Fault
) -> None:
    faults = faulty(range(1, 101), fault)
    place, brake = await open_place(breakable(READER, faults)), Brake()

    async def apply_all() -> None:
        for first in range(1, 101, size):
            batch = records(place, range(first, min(first + size, 101)))
            await apply_records(place.codec, place.begin, batch, NOW, brake)

    for _ in range(3):  # taken again and again, as the process does
        with pytest.raises(TooManyDeadLetters):
            await apply_all()
    assert len(await place.letters()) < DEAD_LETTER_FLOOR

    faults.clear()
    await apply_all()


async def test_few_bad_ones_among_many_good_ones_are_set_aside(open_place: OpenPlace) -> None:
    place, brake = await open_place(breakable(READER, faulty(range(1, 101, 3), "raises"))), Brake()

    for first in range(1, 101, 10):
        await apply_records(place.codec, place.begin, records(place, range(first, first + 10)), NOW, brake)

    assert len(await place.letters()) == 34


async def test_what_others_sent_broken_does_not_brake(open_place: OpenPlace) -> None:
    place, brake = await open_place(READER), Brake()
    batch = [each._replace(value=b"?") for each in records(place, range(1, 51))]

    report = await apply_records(place.codec, place.begin, batch, NOW, brake)

    assert len(report.dead) == 50


async def test_a_broken_partition_is_not_hidden_by_good_ones(open_place: OpenPlace) -> None:
    """Live, a batch brings a few records of each partition: those of one that all fail are never half of a batch."""
    faults: Faults = {f"k{n}": "raises" for n in range(1, 60)}
    place, brake = await open_place(breakable(READER, faults)), Brake()
    other = partition_of("other")

    async def apply(n: int) -> None:
        good = [record(place.codec, m, key="other")._replace(partition=other) for m in range(4 * n - 3, 4 * n + 1)]
        await apply_records(place.codec, place.begin, [record(place.codec, n, key=f"k{n}"), *good], NOW, brake)

    for n in range(1, DEAD_LETTER_FLOOR):
        await apply(n)
    for _ in range(3):
        with pytest.raises(TooManyDeadLetters, match=f"20 of 20 records of .*/{P} failed"):
            await apply(DEAD_LETTER_FLOOR)
    assert len(await place.letters()) == DEAD_LETTER_FLOOR - 1

    faults.clear()
    for n in range(DEAD_LETTER_FLOOR, 60):
        await apply(n)
    assert brake.recent == {}


HERE = TopicPartition("t", 3)


@pytest.mark.parametrize(
    ("failed", "fresh", "brakes"), [(19, 19, False), (20, 39, True), (20, 40, False), (21, 41, True), (0, 0, False)]
)
def test_twenty_and_more_than_half_are_too_many(failed: int, fresh: int, brakes: bool) -> None:
    for before in (0, 1000):
        brake = Brake()
        brake.note({HERE: 1}, {HERE: 1 + before})
        if brakes:
            with pytest.raises(TooManyDeadLetters):
                brake.check({HERE: failed}, {HERE: fresh})
        else:
            Brake().check({HERE: failed}, {HERE: fresh})


def test_what_was_long_ago_neither_brakes_nor_excuses() -> None:
    brake = Brake()
    brake.note({HERE: 1}, {HERE: 10_000})
    for _ in range(WINDOW):
        brake.note({HERE: 1}, {HERE: 1})
    with pytest.raises(TooManyDeadLetters):
        brake.check({HERE: 1}, {HERE: 1})
    for _ in range(WINDOW):
        brake.note({}, {HERE: 1})
    brake.note({}, {})
    brake.check({HERE: 1}, {HERE: 1})
    assert brake.recent == {}


def test_partitions_are_counted_apart_and_together() -> None:
    brake = Brake()
    places = [TopicPartition("t", n) for n in range(DEAD_LETTER_FLOOR)]
    for where in places[1:]:
        brake.note({where: 1}, {where: 1})
    with pytest.raises(TooManyDeadLetters, match="20 of 20 records failed"):
        brake.check({places[0]: 1}, {places[0]: 1})


def test_a_record_is_hopeless_after_five_failures_of_its_own() -> None:
    brake, one, two = Brake(), StoredRecord("t", 1, 7, None, None, ()), StoredRecord("t", 2, 7, None, None, ())

    told = [brake.hopeless(each) for _ in range(PATIENCE) for each in (one, two)]

    assert told == [False] * 8 + [True] * 2
    for n in range(REMEMBERED):
        assert not brake.hopeless(one._replace(offset=100 + n))
    assert (brake.hopeless(one), brake.bugs) == (False, 1)


@given(parts=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 90)), max_size=60))
def test_the_newest_transactions_are_kept_as_far_as_the_window_reaches(parts: list[tuple[int, int]]) -> None:
    recent: Recent = ()
    for part in parts:
        recent = with_newest(recent, *part)

    assert list(recent) == parts[len(parts) - len(recent) :]
    assert sum(fresh for _, fresh in recent[1:]) < WINDOW
    assert len(recent) == len(parts) or sum(fresh for _, fresh in recent) >= WINDOW
