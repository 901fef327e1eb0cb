"""Places of a programme year: how many there are, who may take one now, whose turn it is in the waiting list.

The waiting list is one for all years, in the order in which complete files arrived: a file that one cohort could not
serve is served first by the next. A newcomer never overtakes a file that waits, even where a place is free.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

import msgspec

from common.declare.pool import Pool
from france.days import start_of_day
from labels.ruleset import ProgrammeRules, Reserve, ruleset_at

MAX_CAP: Final = 10_000_000
"""More than all companies of France: the doubling stops here."""

NOBODY: Final[Mapping[str, int]] = {}


class Cohort(msgspec.Struct, frozen=True, gc=False):
    """The labels of one programme year. Invariant: 0 ≤ granted ≤ cap; `by_region` adds up to `granted`."""

    year: int
    cap: int
    granted: int = 0
    by_region: Mapping[str, int] = msgspec.field(default_factory=lambda: NOBODY)

    @property
    def free(self) -> int:
        """Places left."""
        return self.cap - self.granted


def programme_of(year: int) -> ProgrammeRules:
    """The figures of a programme year: those in force when it begins."""
    return ruleset_at(start_of_day(date(year, 1, 1))).programme


def initial_cap(year: int) -> int | None:
    """Places of a year before an operator changes them; None before the programme begins.

    500 the first year, doubling every year, is the aim of the CNNum report; it is run as a cap.
    """
    rules = programme_of(year)
    if year < rules.first_year:
        return None
    return min(MAX_CAP, rules.first_cap * rules.yearly_factor ** min(year - rules.first_year, 30))


def first_cohort(key: str) -> Cohort | None:
    """The cohort of a year (as text) as it begins; None before the programme begins."""
    cap = initial_cap(int(key))
    return None if cap is None else Cohort(int(key), cap)


COHORTS: Final[Pool[Cohort | None]] = Pool("cohort_places", Cohort, first_cohort)
"""The places of a year, keyed by the year as text; None before the programme begins."""


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
    if not kept or _has_own(cohort, region, kept):
        return True
    open_places = cohort.cap - sum(kept.values())
    used = sum(max(0, granted - kept.get(name, 0)) for name, granted in cohort.by_region.items())
    return used < open_places


def _has_own(cohort: Cohort, region: str, kept: Mapping[str, int]) -> bool:
    """Whether places that are kept for this region are left."""
    return region in kept and cohort.by_region.get(region, 0) < kept[region]


def newcomer_has_place(cohort: Cohort, waiting: Mapping[str, int], region: str, kept: Mapping[str, int]) -> bool:
    """Whether a file that arrives now is served at once: there is a place that no waiting file could take.

    `waiting`: files that wait, by region.
    """
    if any(waiting.values()):
        return _has_own(cohort, region, kept) and not waiting.get(region, 0) and has_place(cohort, region, kept)
    return has_place(cohort, region, kept)


def grant(cohort: Cohort, region: str) -> Cohort:
    """The cohort with one more label.

    Raises:
        ValueError: the cohort is full: the caller must have asked `has_place`.
    """
    if cohort.free <= 0:
        raise ValueError(f"cohort {cohort.year} is full: {cohort.granted} of {cohort.cap}")
    by_region = {**cohort.by_region, region: cohort.by_region.get(region, 0) + 1}
    return Cohort(cohort.year, cohort.cap, cohort.granted + 1, by_region)


def entitled(cohort: Cohort, queue: Iterable[tuple[str, str]], kept: Mapping[str, int], most: int) -> dict[str, str]:
    """Whose turn it is: of the list (siren, region) in its order, the first whom the free places serve, `most` at most.

    The answer stays right in whatever order these companies are then granted their place.
    """
    served: dict[str, str] = {}
    for siren, region in queue:
        if cohort.free <= 0 or len(served) >= most:
            break
        if has_place(cohort, region, kept):
            cohort = grant(cohort, region)
            served[siren] = region
    return served
