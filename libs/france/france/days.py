"""Calendar days and months of Paris: deadlines and ages are counted in them, instants stay UTC."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

PARIS: Final = ZoneInfo("Europe/Paris")
ONE_DAY: Final = timedelta(days=1)
_MOMENT: Final = timedelta(microseconds=1)
_REMEMBERED: Final = 65536
"""Days whose arithmetic is remembered: dates of creation of companies go back a century and more."""


def paris_day(instant: datetime) -> date:
    """The calendar day of an aware instant in Paris."""
    return instant.astimezone(PARIS).date()


def as_day(value: date) -> date:
    """A day as it is; an aware instant as the day it is in Paris."""
    return paris_day(value) if isinstance(value, datetime) else value


@lru_cache(_REMEMBERED)
def add_months(day: date, months: int) -> date:
    """The same day `months` later (or earlier), or the last day of that month when it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def months_between(start: date, end: date) -> int:
    """Whole months from `start` to `end`, never negative."""
    months = 12 * (end.year - start.year) + end.month - start.month
    return max(0, months - (end.day < start.day))


def start_of_day(day: date) -> datetime:
    """The first instant, aware UTC, of a day in Paris."""
    return datetime.combine(day, time.min, PARIS).astimezone(UTC)


def last_day(end: datetime) -> date:
    """The last day, in Paris, of what lasts until an aware instant: at midnight, the day that ends then."""
    return paris_day(end - _MOMENT)


def last_day_within(day: date, months: int) -> date:
    """The last day on which what dates from `day` is less than `months` months old."""
    return add_months(day, months) - ONE_DAY


@lru_cache(_REMEMBERED)
def end_of_day(day: date) -> datetime:
    """The instant, aware UTC, at which a day in Paris is over: the first of the next."""
    return start_of_day(day + ONE_DAY)
