"""A company seen by the rules: everything a filter or a score asks, worked out once per decision."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

from france.days import months_between
from matching.criteria.company import Company
from matching.criteria.memo import kept
from matching.ruleset import Activities

HEADCOUNTS: Final = {
    "NN": (0, 0),
    "00": (0, 0),
    "01": (1, 2),
    "02": (3, 5),
    "03": (6, 9),
    "11": (10, 19),
    "12": (20, 49),
    "21": (50, 99),
    "22": (100, 199),
    "31": (200, 249),
    "32": (250, 499),
    "41": (500, 999),
    "42": (1000, 1999),
    "51": (2000, 4999),
    "52": (5000, 9999),
    "53": (10000, 9_999_999),
}
"""Headcount by INSEE band, both ends included."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What an activity code says.

    Attributes:
        keys: section, division and every prefix of the code; empty when the code is unknown.
        division: two digits, or "".
        section: letter of NAF rév. 2, or "".
        fine: whether prefixes longer than the division can be compared (they cannot across nomenclatures).
        artisanal: a craft by its code; None when the code is unknown.
        liberal: a profession outside the chambers; None when the code is unknown.
    """

    keys: frozenset[str]
    division: str
    section: str
    fine: bool
    artisanal: bool | None
    liberal: bool | None


UNKNOWN_ACTIVITY: Final = Activity(frozenset(), "", "", fine=False, artisanal=None, liberal=None)


@dataclass(slots=True)
class Profile:
    """What filters and scores ask of a company on one day; never changed once made.

    Attributes:
        today: the day of the decision.
        company: the snapshot.
        activity: what its NAF code says.
        headcount: lowest and highest headcount, or None.
        age: whole months since its creation, or None.
        forms: every prefix of its legal category; empty when unknown.
    """

    today: date
    company: Company
    activity: Activity
    headcount: tuple[int, int] | None
    age: int | None
    forms: frozenset[str]


class Profiler:
    """Makes profiles; activities are worked out once per code."""

    def __init__(self, activities: Activities) -> None:
        self._rules = activities
        self._activities: dict[tuple[str, str], Activity] = {}

    def profile(self, company: Company, today: date) -> Profile:
        """The profile of a company on a day."""
        created = company.created_on
        return Profile(
            today,
            company,
            self._activity(company.naf, company.naf_nomenclature),
            HEADCOUNTS.get(company.headcount_code),
            None if created is None else months_between(created, today),
            prefixes(company.legal_form),
        )

    def _activity(self, naf: str, nomenclature: str) -> Activity:
        found = self._activities.get((naf, nomenclature))
        if found is None:
            found = kept(self._activities, (naf, nomenclature), read_activity(naf, nomenclature, self._rules))
        return found


@lru_cache(maxsize=1024)
def prefixes(code: str) -> frozenset[str]:
    """Every prefix of a code, itself included: "5710" → 5, 57, 571, 5710."""
    return frozenset(code[:end] for end in range(1, len(code) + 1))


def read_activity(naf: str, nomenclature: str, activities: Activities) -> Activity:
    """What a NAF code says; of a NAF 2025 code only the division, numbered as in NAF rév. 2, is compared."""
    division = naf[:2]
    section = activities.sections.get(division)
    if section is None:
        return UNKNOWN_ACTIVITY
    fine = nomenclature != "NAF2025"
    code = naf if fine else division
    return Activity(
        frozenset({section, *prefixes(code)}),
        division,
        section,
        fine,
        artisanal=code.startswith(activities.artisanal),
        liberal=code.startswith(activities.liberal),
    )
