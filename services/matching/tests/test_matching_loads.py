"""Loads are a persistent vector: every version stays as it was."""

from hypothesis import given
from hypothesis import strategies as st

from matching.search.loads import BLOCK, NONE, load_at, reaching, with_counts, with_moves

SIZE = 3 * BLOCK - 5
moves_of = st.dictionaries(st.integers(0, SIZE - 1), st.integers(-2, 3), max_size=6)


@given(batches=st.lists(moves_of, max_size=8))
def test_moves_add_up_and_leave_what_was_before(batches: list[dict[int, int]]) -> None:
    loads = reaching(NONE, SIZE)
    expected = [0] * SIZE
    for moves in batches:
        before = [load_at(loads, number) for number in range(SIZE)]
        after = with_moves(loads, moves.items())
        assert [load_at(loads, number) for number in range(SIZE)] == before == expected
        for number, by in moves.items():
            expected[number] = max(0, expected[number] + by)
        loads = after
    assert [load_at(loads, number) for number in range(SIZE)] == expected


def test_room_is_made_for_new_connecteurs_and_kept() -> None:
    loads = with_counts(reaching(NONE, 1), [(0, 4)])
    grown = reaching(loads, BLOCK + 1)
    assert load_at(grown, 0) == 4
    assert load_at(grown, BLOCK) == 0
    assert reaching(grown, 1) is grown
    assert reaching(NONE, 0) == NONE
