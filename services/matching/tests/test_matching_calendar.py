"""Offers end with the third working day after their own, in the calendar of Paris."""

from datetime import UTC, date, datetime

import pytest

from matching.rules.calendar import is_working_day, nth_working_day, offers_end, paris_date


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 11, 23), date(2026, 11, 26)),  # Monday → Thursday
        (date(2026, 11, 26), date(2026, 12, 1)),  # Thursday → Tuesday
        (date(2026, 11, 28), date(2026, 12, 2)),  # Saturday → Wednesday
        (date(2026, 12, 23), date(2026, 12, 29)),  # Christmas is a Friday
        (date(2027, 5, 4), date(2027, 5, 10)),  # Ascension is Thursday 6 May
        (date(2026, 7, 10), date(2026, 7, 16)),  # 14 July
    ],
)
def test_the_third_working_day(day: date, expected: date) -> None:
    assert nth_working_day(day, 3) == expected


def test_local_holidays_count_where_they_are_kept() -> None:
    assert is_working_day(date(2025, 12, 26))
    assert not is_working_day(date(2025, 12, 26), "6AE")
    good_friday = datetime(2026, 4, 2, 9, tzinfo=UTC)
    assert paris_date(offers_end(good_friday, 1, "75")) == date(2026, 4, 4)
    assert paris_date(offers_end(good_friday, 1, "67")) == date(2026, 4, 8)  # Good Friday and Easter Monday are kept


def test_the_end_is_midnight_in_paris_in_winter_and_summer() -> None:
    assert offers_end(datetime(2026, 11, 23, 9, tzinfo=UTC), 3, "69") == datetime(2026, 11, 26, 23, tzinfo=UTC)
    assert offers_end(datetime(2026, 6, 22, 9, tzinfo=UTC), 3, "69") == datetime(2026, 6, 25, 22, tzinfo=UTC)


def test_the_day_of_an_offer_is_the_day_in_paris() -> None:
    assert paris_date(datetime(2026, 11, 23, 23, 30, tzinfo=UTC)) == date(2026, 11, 24)
