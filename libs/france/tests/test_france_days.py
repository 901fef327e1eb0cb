"""Days and months of Paris, in winter and in summer, at the ends of months."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from france.days import (
    add_months,
    as_day,
    end_of_day,
    last_day,
    last_day_within,
    months_between,
    paris_day,
    start_of_day,
)

DAYS = st.dates(date(1900, 1, 1), date(2200, 12, 31))


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 7, 1, 22, 30, tzinfo=UTC), date(2026, 7, 2)),
        (datetime(2026, 6, 30, 21, 59, tzinfo=UTC), date(2026, 6, 30)),
        (datetime(2026, 11, 23, 23, 30, tzinfo=UTC), date(2026, 11, 24)),
        (datetime(2026, 11, 23, 22, 59, tzinfo=UTC), date(2026, 11, 23)),
    ],
)
def test_the_day_of_an_instant_is_that_of_paris(instant: datetime, day: date) -> None:
    assert paris_day(instant) == as_day(instant) == day
    assert as_day(day) is day


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2024, 2, 29), -36, date(2021, 2, 28)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2026, 1, 15), -1, date(2025, 12, 15)),
        (date(2026, 12, 31), 2, date(2027, 2, 28)),
        (date(2026, 5, 4), 0, date(2026, 5, 4)),
    ],
)
def test_months_end_on_the_last_day_when_there_is_no_such_day(day: date, months: int, later: date) -> None:
    assert add_months(day, months) == later


@given(DAYS, st.integers(0, 600))
def test_months_added_are_months_between(day: date, months: int) -> None:
    later = add_months(day, months)
    assert months_between(day, later) in {months, months - 1}
    assert months_between(day, later + timedelta(days=1)) == months or later.day < day.day
    assert months_between(later, day) == 0


@pytest.mark.parametrize(("end", "months"), [(date(2026, 2, 14), 0), (date(2026, 2, 15), 1), (date(2026, 3, 14), 1)])
def test_a_month_is_whole_on_the_same_day_of_the_next(end: date, months: int) -> None:
    assert months_between(date(2026, 1, 15), end) == months


@given(DAYS)
def test_a_day_is_over_when_the_next_begins(day: date) -> None:
    assert end_of_day(day) == start_of_day(day + timedelta(days=1))
    assert paris_day(start_of_day(day)) == paris_day(end_of_day(day) - timedelta(microseconds=1)) == day


def test_a_day_begins_and_ends_at_midnight_in_paris() -> None:
    assert start_of_day(date(2026, 7, 1)) == datetime(2026, 6, 30, 22, tzinfo=UTC)
    assert end_of_day(date(2026, 7, 1)) == datetime(2026, 7, 1, 22, tzinfo=UTC)
    assert end_of_day(date(2026, 12, 1)) == datetime(2026, 12, 1, 23, tzinfo=UTC)
    assert end_of_day(date(2026, 3, 29)) - start_of_day(date(2026, 3, 29)) == timedelta(hours=23)


@given(DAYS)
def test_what_ends_at_midnight_has_lasted_until_the_day_before(day: date) -> None:
    assert last_day(end_of_day(day)) == day
    assert last_day(end_of_day(day) - timedelta(microseconds=1)) == day
    assert last_day(end_of_day(day) + timedelta(microseconds=1)) == day + timedelta(days=1)


@given(DAYS, st.integers(1, 36))
def test_what_is_so_many_months_old_is_so_on_the_day_after_the_last_one_within_them(day: date, months: int) -> None:
    assert last_day_within(day, months) + timedelta(days=1) == add_months(day, months)
