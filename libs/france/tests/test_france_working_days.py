"""Working days: the n-th after a day, its end in Paris, what is kept where, and the data against Easter computed."""

from datetime import UTC, date, datetime, timedelta

import pytest

from france.days import paris_day
from france.working_days import working_days

CALENDAR = working_days()


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
    assert CALENDAR.nth_working_day(day, 3) == expected


def test_local_holidays_count_where_they_are_kept() -> None:
    assert CALENDAR.is_working_day(date(2025, 12, 26))
    assert not CALENDAR.is_working_day(date(2025, 12, 26), "68")
    before_good_friday = date(2026, 4, 2)
    assert paris_day(CALENDAR.end_of_nth(before_good_friday, 1, "75")) == date(2026, 4, 4)
    assert paris_day(CALENDAR.end_of_nth(before_good_friday, 1, "67")) == date(
        2026, 4, 8
    )  # Good Friday and Easter Monday are kept


def test_the_end_is_midnight_in_paris_in_winter_and_summer() -> None:
    assert CALENDAR.end_of_nth(date(2026, 11, 23), 3, "69") == datetime(2026, 11, 26, 23, tzinfo=UTC)
    assert CALENDAR.end_of_nth(date(2026, 6, 22), 3, "69") == datetime(2026, 6, 25, 22, tzinfo=UTC)


def test_the_day_is_the_day_in_paris() -> None:
    assert paris_day(datetime(2026, 11, 23, 23, 30, tzinfo=UTC)) == date(2026, 11, 24)


def easter(year: int) -> date:
    """Easter Sunday by the anonymous Gregorian algorithm: an oracle of its own for the data."""
    golden, century, rest = year % 19, year // 100, year % 100
    epact = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    month, day = divmod(epact + weekday - 7 * ((golden + 11 * epact + 22 * weekday) // 451) + 114, 31)
    return date(year, month, day + 1)


def test_the_data_holds_the_eleven_public_holidays_of_each_year() -> None:
    for year in range(2020, 2061):
        sunday = easter(year)
        moving = [sunday + timedelta(days=days) for days in (1, 39, 50)]
        fixed = [(1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25)]
        expected = {*moving, *(date(year, month, day) for month, day in fixed)}
        days = [date(year, 1, 1) + timedelta(days=days) for days in range(366)]
        resting = {day for day in days if day.weekday() < 5 and day.year == year and not CALENDAR.is_working_day(day)}
        assert resting == {day for day in expected if day.weekday() < 5}


def test_the_calendar_says_when_it_ends() -> None:
    with pytest.raises(LookupError, match="2060"):
        CALENDAR.nth_working_day(date(2060, 12, 31), 1)
