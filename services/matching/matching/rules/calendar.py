"""Working days in France: the last day of an offer, in the calendar of Paris."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from holidays import country_holidays

PARIS: Final = ZoneInfo("Europe/Paris")
_ONE_DAY: Final = timedelta(days=1)
_SUBDIVISIONS: Final = {
    "57": "57",
    "67": "6AE",
    "68": "6AE",
    "971": "971",
    "972": "972",
    "973": "973",
    "974": "974",
    "976": "976",
}
"""Départements with public holidays of their own (Alsace-Moselle, overseas) → subdivision of `holidays`."""


def paris_date(instant: datetime) -> date:
    """The day it is in Paris."""
    return instant.astimezone(PARIS).date()


def offers_end(instant: datetime, working_days: int, departement: str) -> datetime:
    """When an offer made at `instant` expires: the end of the n-th working day after its own day, as aware UTC."""
    return _end_of(paris_date(instant), working_days, _SUBDIVISIONS.get(departement, ""))


@lru_cache(maxsize=4096)
def _end_of(day: date, working_days: int, subdivision: str) -> datetime:
    last = nth_working_day(day, working_days, subdivision)
    midnight = datetime.combine(last + _ONE_DAY, datetime.min.time(), PARIS)
    return midnight.astimezone(UTC)


def nth_working_day(day: date, count: int, subdivision: str = "") -> date:
    """The `count`-th working day after `day`: Monday to Friday, public holidays out."""
    found = day
    for _ in range(count):
        found += _ONE_DAY
        while not is_working_day(found, subdivision):
            found += _ONE_DAY
    return found


def is_working_day(day: date, subdivision: str = "") -> bool:
    """Whether people work in France, or in one of its subdivisions, on a day."""
    return day.weekday() < 5 and day not in public_holidays(day.year, subdivision)


@lru_cache(maxsize=512)
def public_holidays(year: int, subdivision: str) -> frozenset[date]:
    """Public holidays of a year (Code du travail L3133-1, and local ones), from the `holidays` package."""
    return frozenset(country_holidays("FR", subdiv=subdivision or None, years=year))
