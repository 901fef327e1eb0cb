"""Places of a programme year: how many there are, who may take one now, whose turn it is in the waiting list.

The waiting list is one for all years, in the order in which complete files arrived: a file that one cohort could not
serve is served first by the next. A newcomer never overtakes a file that waits, even where a place is free.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Final

from msgspec.structs import replace

from france.days import paris_day, start_of_day
from labels.model import NOBODY, Cohort, Programme
from labels.ruleset import Reserve

MAX_CAP: Final = 10_000_000
"""More than all companies of France: the doubling stops here."""


def initial_cap(programme: Programme, year: int) -> int | None:
    """Places of a year before an operator changes them; None before the programme begins.

    500 the first year, doubling every year, is the aim of the CNNum report; it is run as a cap.
    """
    rules = programme.ruleset_at(start_of_day(date(year, 1, 1))).programme
    if year < rules.first_year:
        return None
    return min(MAX_CAP, rules.first_cap * rules.yearly_factor ** min(year - rules.first_year, 30))


def quotas(cap: int, reserve: Reserve, day: date) -> Mapping[str, int]:
    """Places kept for each region on a day, rounded down; empty when the reserve is off or freed."""
    if not reserve.percent or day.month >= reserve.freed_from_month:
        return NOBODY
    kept, total = cap * reserve.percent / 100, sum(reserve.weights.values())
    return {region: int(kept * weight / total) for region, weight in reserve.weights.items()}


def has_place(cohort: Cohort, region: str, kept: Mapping[str, int]) -> bool:
    """Whether a company of this region can be granted a place: one kept for its region, or one open to all."""
    if cohort.free <= 0:
        return False
    if not kept or cohort.by_region.get(region, 0) < kept.get(region, 0):
        return True
    open_places = cohort.cap - sum(kept.values())
    used = sum(max(0, granted - kept.get(name, 0)) for name, granted in cohort.by_region.items())
    return used < open_places


def newcomer_has_place(programme: Programme, cohort: Cohort, region: str, kept: Mapping[str, int]) -> bool:
    """Whether a file that arrives now is served at once: there is a place that no waiting file could take."""
    if any(programme.waiting.values()):
        own_quota = cohort.by_region.get(region, 0) < kept.get(region, 0)
        return own_quota and not programme.waiting.get(region, 0) and has_place(cohort, region, kept)
    return has_place(cohort, region, kept)


def grant(cohort: Cohort, region: str) -> Cohort:
    """The cohort with one more label.

    Raises:
        ValueError: the cohort is full: the caller must have asked `has_place`.
    """
    if cohort.free <= 0:
        raise ValueError(f"cohort {cohort.year} is full: {cohort.granted} of {cohort.cap}")
    by_region = {**cohort.by_region, region: cohort.by_region.get(region, 0) + 1}
    return replace(cohort, granted=cohort.granted + 1, by_region=by_region)


def entitled(cohort: Cohort, queue: Iterable[tuple[str, str]], kept: Mapping[str, int]) -> tuple[str, ...]:
    """Whose turn it is: of the list (siren, region) in its order, those whom the free places serve.

    The answer stays right in whatever order these companies are then granted their place.
    """
    served: list[str] = []
    for siren, region in queue:
        if cohort.free <= 0:
            break
        if has_place(cohort, region, kept):
            cohort = grant(cohort, region)
            served.append(siren)
    return tuple(served)


def moved(waiting: Mapping[str, int], region: str, by: int) -> Mapping[str, int]:
    """Files that wait, by region, after one came (+1) or left (-1)."""
    return {**waiting, region: waiting.get(region, 0) + by}


def next_opening(instant: datetime, reserve: Reserve) -> datetime:
    """When places next open by themselves, in UTC: a year begins, or the regional reserve is freed."""
    day = paris_day(instant)
    if reserve.percent and day.month < reserve.freed_from_month:
        return start_of_day(date(day.year, reserve.freed_from_month, 1))
    return start_of_day(date(day.year + 1, 1, 1))
