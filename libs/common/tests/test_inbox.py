"""What a batch comes to: by its numbers alone, whatever order its partitions and repetitions come in."""

from dataclasses import dataclass

import pytest

from common.core.inbox import Headers, Intake, Position, TopicPartition, accept, partitions_of, sequence_of

ONE, TWO, OTHER = TopicPartition("t", 1), TopicPartition("t", 2), TopicPartition("u", 1)


@dataclass(frozen=True)
class Told:
    topic: str
    partition: int
    offset: int
    headers: Headers
    key: bytes | None = b"k"
    value: bytes | None = b"v"


def record(where: TopicPartition, sequence: int, offset: int) -> Told:
    return Told(*where, offset, (("ce_id", b"x"), ("ce_sequence", str(sequence).encode())))


def fresh(intake: Intake) -> list[tuple[str, int, int]]:
    return [(found.topic, found.partition, sequence) for sequence, found in intake.fresh]


@pytest.mark.parametrize(
    ("value", "sequence"),
    [
        (b"1", 1),
        (b"120", 120),
        (b"9" * 18, 10**18 - 1),
        (b"0", None),
        (b"00", None),
        (b"01", None),
        (b"-1", None),
        (b"", None),
        (b"1.0", None),
        (b"1_0", None),
        ("٣".encode(), None),
        (b"9" * 19, None),
        (b"9" * 5000, None),
        (None, None),
    ],
)
def test_a_sequence_is_a_positive_integer(value: bytes | None, sequence: int | None) -> None:
    assert sequence_of(Told("t", 1, 0, (("ce_sequence", value),))) == sequence


def test_a_record_without_a_sequence_has_none() -> None:
    assert sequence_of(Told("t", 1, 0, (("ce_id", b"7"),))) is None


def test_partitions_are_each_named_once_and_sorted() -> None:
    assert partitions_of([record(OTHER, 1, 0), record(TWO, 1, 0), record(ONE, 1, 0), record(TWO, 2, 1)]) == [
        ONE,
        TWO,
        OTHER,
    ]


def test_before_the_first_record_nothing_is_applied_and_all_is_to_be_read() -> None:
    assert Position() == (0, 0, 0)


def test_nothing_comes_to_nothing() -> None:
    assert accept({}, []) == Intake()


def test_a_position_moves_to_the_last_record_and_the_offset_after_it() -> None:
    intake = accept({ONE: Position(4, 50, 3)}, [record(ONE, 5, 70), record(ONE, 6, 72)])
    assert intake.positions == {ONE: Position(6, 73, 5)}
    assert fresh(intake) == [("t", 1, 5), ("t", 1, 6)]


def test_partitions_may_take_turns() -> None:
    at = {ONE: Position(0, 0, 0), TWO: Position(9, 9, 9), OTHER: Position(2, 2, 2)}
    turns = [record(ONE, 1, 0), record(TWO, 10, 9), record(ONE, 2, 1), record(OTHER, 3, 2), record(TWO, 11, 10)]
    intake = accept(at, turns)
    assert fresh(intake) == [("t", 1, 1), ("t", 2, 10), ("t", 1, 2), ("u", 1, 3), ("t", 2, 11)]
    assert intake.positions == {ONE: Position(2, 2, 2), TWO: Position(11, 11, 11), OTHER: Position(3, 3, 3)}
    assert (intake.duplicates, intake.gaps, intake.unnumbered) == (0, {}, [])


def test_what_was_applied_is_counted_and_moves_nothing() -> None:
    intake = accept({ONE: Position(3, 30, 3), TWO: Position(1, 1, 1)}, [record(ONE, 3, 40), record(TWO, 1, 0)])
    assert (intake.duplicates, intake.fresh, intake.positions) == (2, [], {})
    again = accept({ONE: Position(0, 0, 0)}, [record(ONE, 1, 0), record(ONE, 1, 1), record(ONE, 2, 2)])
    assert (again.duplicates, again.positions) == (1, {ONE: Position(2, 3, 2)})


def test_a_gap_names_what_is_missing_and_lets_nothing_pass() -> None:
    intake = accept({ONE: Position(1, 1, 1)}, [record(ONE, 2, 1), record(ONE, 4, 2), record(ONE, 5, 3)])
    assert (fresh(intake), intake.gaps) == ([("t", 1, 2)], {ONE: 3})
    assert intake.positions == {ONE: Position(2, 2, 2)}


def test_a_gap_closes_when_what_is_missing_comes_and_others_stay_open() -> None:
    at = {ONE: Position(0, 0, 0), TWO: Position(0, 0, 0)}
    batch = [record(TWO, 2, 0), record(ONE, 2, 0), record(ONE, 1, 1), record(ONE, 2, 2)]
    intake = accept(at, batch)
    assert (fresh(intake), intake.gaps) == ([("t", 1, 1), ("t", 1, 2)], {TWO: 1})
    assert intake.positions == {ONE: Position(2, 3, 2)}


def test_of_a_number_that_is_repeated_the_first_counts() -> None:
    assert sequence_of(Told("t", 1, 0, (("ce_sequence", b"4"), ("ce_sequence", b"5")))) == 4


def test_what_has_no_number_counts_as_read_where_all_before_it_is() -> None:
    told = [Told("t", 1, offset, ()) for offset in (50, 51, 53)]
    intake = accept({ONE: Position(4, 50, 3)}, told[:2])
    assert (intake.unnumbered, intake.positions) == (told[:2], {ONE: Position(4, 52, 3)})
    assert accept({ONE: Position(4, 50, 3)}, [record(ONE, 6, 50), told[1]]).positions == {}  # 5 is missing
    both = accept({ONE: Position(4, 50, 3)}, [told[0], record(ONE, 5, 51), told[2]])
    assert both.positions == {ONE: Position(5, 52, 4)}
    after = accept({ONE: Position(4, 50, 3), TWO: Position()}, [record(ONE, 5, 50), told[1], record(TWO, 1, 0)])
    assert after.positions == {ONE: Position(5, 52, 4), TWO: Position(1, 1, 1)}


def test_what_has_no_number_is_set_aside_and_moves_no_number() -> None:
    unnumbered = Told("t", 1, 0, ())
    intake = accept({ONE: Position(1, 1, 1)}, [unnumbered, record(ONE, 2, 1)])
    assert (intake.unnumbered, intake.positions) == ([unnumbered], {ONE: Position(2, 2, 2)})
