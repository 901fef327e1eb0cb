"""Working days in France, local holidays included, in the calendar of Paris."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from importlib.resources import files

import msgspec

from france.days import ONE_DAY, end_of_day


class _Holidays(msgspec.Struct):
    years: tuple[int, int]
    france: list[date]
    departements: dict[str, list[date]]


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

    def end_of_nth(self, day: date, count: int, departement: str = "") -> datetime:
        """The end, in Paris, of the `count`-th working day after `day`, as aware UTC."""
        local = departement if departement in self._departements else ""
        key = (day, count, local)
        end = self._ends.get(key)
        if end is None:
            end = self._ends[key] = end_of_day(self.nth_working_day(*key))
        return end

    def nth_working_day(self, day: date, count: int, departement: str = "") -> date:
        """The `count`-th working day after `day`."""
        found = day
        for _ in range(count):
            found += ONE_DAY
            while not self.is_working_day(found, departement):
                found += ONE_DAY
        return found

    def is_working_day(self, day: date, departement: str = "") -> bool:
        """Whether people work on a day, in a département.

        Raises:
            LookupError: the calendar does not reach so far and must be rebuilt.
        """
        if day.year > self._last_year:
            raise LookupError(f"public holidays are known up to {self._last_year}: run tools/build_holidays.py")
        return day.weekday() < 5 and day not in self._departements.get(departement, self._france)


@lru_cache(maxsize=1)
def working_days() -> WorkingDays:
    """The working days by the public holidays of `data/feries.json`, read once."""
    document = msgspec.json.decode((files("france") / "data" / "feries.json").read_bytes(), type=_Holidays)
    return WorkingDays(document.france, document.departements, document.years[1])
