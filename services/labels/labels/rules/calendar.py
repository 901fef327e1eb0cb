"""Days, months and programme years of metropolitan France: deadlines are counted in Europe/Paris calendar days."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

PARIS: Final = ZoneInfo("Europe/Paris")
_DAY: Final = timedelta(days=1)
_DAYS: Final = 4096
"""Days whose arithmetic is remembered: eleven years of them."""


def paris_day(instant: datetime) -> date:
    """The calendar day of an aware instant in Paris."""
    return instant.astimezone(PARIS).date()


def programme_year(instant: datetime) -> int:
    """The programme year of an instant: the calendar year in Paris."""
    return instant.astimezone(PARIS).year


@lru_cache(_DAYS)
def add_months(day: date, months: int) -> date:
    """The same day so many months later; the last day of a month that is too short."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def start_of(day: date) -> datetime:
    """The first instant of a day in Paris, in UTC."""
    return datetime.combine(day, time.min, PARIS).astimezone(UTC)


def end_of_term(start: datetime, months: int) -> datetime:
    """When something valid for so many months ends, in UTC: at midnight in Paris after its last whole day."""
    return _midnight_after(add_months(paris_day(start), months))


@lru_cache(_DAYS)
def _midnight_after(day: date) -> datetime:
    return start_of(day + _DAY)


@lru_cache(_DAYS)
def french_day(day: date) -> str:
    """A day as French readers write it: 03/02/2026."""
    return f"{day:%d/%m/%Y}"
