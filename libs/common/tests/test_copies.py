"""Of the copies of another's data the newest fact wins, in whatever order the messages come."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from common.declare.copies import supersedes

NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
LATER = NOON + timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("told", "known", "news"), [(1, None, True), (2, 1, True), (1, 2, False), (2, 2, False), (10, 9, True)]
)
def test_a_higher_version_is_news(told: int, known: int | None, *, news: bool) -> None:
    assert supersedes(told, known) is news


def test_of_two_facts_of_one_version_the_one_told_last_is_the_newer_one_of_one_told_twice_neither() -> None:
    assert supersedes(NOON, NOON, same=False)
    assert not supersedes(NOON, NOON)
    assert not supersedes(NOON, LATER, same=False)
    assert supersedes(LATER, NOON)


def test_what_is_kept_does_not_depend_on_the_order_of_the_messages() -> None:
    for told in permutations((1, 2, 3, 3)):
        known = None
        for version in told:
            known = version if supersedes(version, known) else known
        assert known == 3
