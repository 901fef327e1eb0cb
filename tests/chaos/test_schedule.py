"""The schedule is drawn from its seed alone, fills its time, and leaves out no kind of fault."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from chaos.faults import FAULTS
from chaos.schedule import SELDOM, SHAPES, Kind, schedule

SEEDS = st.integers(0, 2**32)
MINUTES = st.floats(0, 60)


@given(SEEDS, MINUTES)
def test_the_same_seed_gives_the_same_faults(seed: int, minutes: float) -> None:
    assert schedule(seed, minutes) == schedule(seed, minutes)


@given(SEEDS, MINUTES)
def test_every_kind_comes_however_short_the_run(seed: int, minutes: float) -> None:
    assert {fault.kind for fault in schedule(seed, minutes)} == set(Kind)


@given(SEEDS, MINUTES)
def test_every_fault_keeps_to_the_shape_of_its_kind(seed: int, minutes: float) -> None:
    for fault in schedule(seed, minutes):
        shortest, longest = SHAPES[fault.kind].seconds
        assert shortest <= fault.seconds <= longest
        assert fault.victim in SHAPES[fault.kind].victims


@given(SEEDS, st.floats(4.5, 60))
def test_a_longer_run_is_filled_and_not_overfilled(seed: int, minutes: float) -> None:
    seconds = sum(fault.share for fault in schedule(seed, minutes))
    assert minutes * 60 - max(shape.seconds[1] for shape in SHAPES.values()) - 10 <= seconds <= minutes * 60


def test_two_seeds_differ() -> None:
    assert schedule(1, 2) != schedule(2, 2)


def test_every_kind_can_be_brought_about() -> None:
    assert set(FAULTS) | {Kind.SET_BACK} == set(SHAPES) == set(Kind)


@given(SEEDS, MINUTES)
def test_the_database_is_set_back_seldom(seed: int, minutes: float) -> None:
    at, spent = list[float](), 0.0
    for fault in schedule(seed, minutes):
        if fault.kind is Kind.SET_BACK:
            at.append(spent)
        spent += fault.share
    assert all(later - earlier >= SELDOM for earlier, later in pairwise(at))
