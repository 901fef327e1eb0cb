"""A bad release stops its consumer instead of emptying its topic into the dead letters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.core.dead_letter import DEAD_LETTER_FLOOR, WINDOW, Brake, Recent, TooManyDeadLetters, with_newest
from common.core.inbox import StoredRecord
from common.core.records import apply_records
from common.testing.breakable import Fault, Faults, breakable
from common.testing.chain import READER

from .places import NOW, OpenPlace, Place, record


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


@pytest.mark.parametrize(
    ("failed", "fresh", "brakes"), [(19, 19, False), (20, 39, True), (20, 40, False), (21, 41, True), (0, 0, False)]
)
def test_twenty_and_more_than_half_are_too_many(failed: int, fresh: int, brakes: bool) -> None:
    for recent in ((), ((0, 1000),)):
        brake = Brake(recent)
        if brakes:
            with pytest.raises(TooManyDeadLetters):
                brake.check(failed, fresh)
        else:
            brake.check(failed, fresh)


def test_what_was_long_ago_neither_brakes_nor_excuses() -> None:
    brake = Brake()
    brake.note(0, 10_000)
    for _ in range(WINDOW):
        brake.note(1, 1)
    with pytest.raises(TooManyDeadLetters):
        brake.check(1, 1)
    for _ in range(WINDOW):
        brake.note(0, 1)
    brake.note(0, 0)
    brake.check(1, 1)


@given(parts=st.lists(st.tuples(st.integers(0, 9), st.integers(1, 90)), max_size=60))
def test_the_newest_transactions_are_kept_as_far_as_the_window_reaches(parts: list[tuple[int, int]]) -> None:
    recent: Recent = ()
    for part in parts:
        recent = with_newest(recent, *part)

    assert list(recent) == parts[len(parts) - len(recent) :]
    assert sum(fresh for _, fresh in recent[1:]) < WINDOW
    assert len(recent) == len(parts) or sum(fresh for _, fresh in recent) >= WINDOW
