"""Paris calendar days: deadlines and ages are counted in them, instants stay UTC."""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

PARIS: Final = ZoneInfo("Europe/Paris")


def paris_day(instant: datetime) -> date:
    """The calendar day in Paris at an instant."""
    return instant.astimezone(PARIS).date()


@lru_cache(maxsize=65536)
def add_months(day: date, months: int) -> date:
    """The same day `months` later (or earlier), or the last day of that month when it has no such day."""
    month = day.year * 12 + day.month - 1 + months
    year, month = divmod(month, 12)
    month += 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def end_of_day(day: date) -> datetime:
    """The instant, aware UTC, at which a Paris calendar day is over."""
    return datetime.combine(day + timedelta(days=1), time(), PARIS).astimezone(UTC)


def french_date(day: date) -> str:
    """A day as people write it: 23/11/2026."""
    return f"{day:%d/%m/%Y}"
