"""Working days in France: the last day of an offer, in the calendar of Paris."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

PARIS: Final = ZoneInfo("Europe/Paris")
_ONE_DAY: Final = timedelta(days=1)


def paris_date(instant: datetime) -> date:
    """The day it is in Paris."""
    return instant.astimezone(PARIS).date()


class WorkingDays:
    """Monday to Friday without public holidays (Code du travail L3133-1), local ones included."""

    def __init__(self, france: Iterable[date], departements: Mapping[str, Iterable[date]], last_year: int) -> None:
        """Know the public holidays.

        Args:
            france: days kept everywhere.
            departements: département → days it adds (Alsace-Moselle, overseas).
            last_year: last year these cover.
        """
        everywhere = frozenset(france)
        self._france = everywhere
        self._departements = {code: everywhere.union(days) for code, days in departements.items()}
        self._last_year = last_year
        self._ends: dict[tuple[date, int, str], datetime] = {}

    def offers_end(self, day: date, working_days: int, departement: str) -> datetime:
        """When an offer of `day` expires: the end, in Paris, of the n-th working day after it, as aware UTC."""
        local = departement if departement in self._departements else ""
        key = (day, working_days, local)
        end = self._ends.get(key)
        if end is None:
            last = self.nth_working_day(*key)
            midnight = datetime.combine(last + _ONE_DAY, datetime.min.time(), PARIS)
            end = self._ends[key] = midnight.astimezone(UTC)
        return end

    def nth_working_day(self, day: date, count: int, departement: str = "") -> date:
        """The `count`-th working day after `day`."""
        found = day
        for _ in range(count):
            found += _ONE_DAY
            while not self.is_working_day(found, departement):
                found += _ONE_DAY
        return found

    def is_working_day(self, day: date, departement: str = "") -> bool:
        """Whether people work on a day, in a département.

        Raises:
            LookupError: the calendar does not reach so far and must be rebuilt.
        """
        if day.year > self._last_year:
            raise LookupError(f"public holidays are known up to {self._last_year}: run tools/build_holidays.py")
        return day.weekday() < 5 and day not in self._departements.get(departement, self._france)
