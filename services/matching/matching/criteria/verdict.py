"""Three-valued verdicts of hard filters: yes, no, or unknown when a datum of the company is missing.

Unknown never excludes: it costs points and names what is missing, so that no adviser vanishes in silence.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple, TypeAlias

from matching.criteria.filters import Absence, Filters
from matching.criteria.profile import Profile

YES: Final = "oui"
NO: Final = "non"
UNKNOWN: Final = "inconnu"
_ENDLESS: Final = 1_000_000_000
"""More than any headcount or age."""


class Check(NamedTuple):
    """One condition of a connecteur or an aid.

    Attributes:
        criterion: reason code, for example `effectif`; its sentences are in `criteria.text`.
        test: verdict on a company.
    """

    criterion: str
    test: "Test"


Test: TypeAlias = Callable[[Profile], str]


@dataclass(frozen=True, slots=True)
class HeadcountWithin:
    """Headcount between two ends, included; a band that straddles an end is unknown."""

    low: int
    high: int

    def __call__(self, profile: Profile) -> str:
        """See `Test`."""
        band = profile.headcount
        if band is None:
            return UNKNOWN
        return _within(band[0], band[1], self.low, self.high)


@dataclass(frozen=True, slots=True)
class AgeWithin:
    """Age in months between two ends, included."""

    low: int
    high: int

    def __call__(self, profile: Profile) -> str:
        """See `Test`."""
        age = profile.age
        return UNKNOWN if age is None else YES if self.low <= age <= self.high else NO


@dataclass(frozen=True, slots=True)
class ActivityAccepted:
    """Activity under one of the prefixes accepted, where there are some, and under none of those refused."""

    accepted: frozenset[str]
    refused: frozenset[str]

    def __call__(self, profile: Profile) -> str:
        """See `Test`."""
        activity = profile.activity
        if not activity.keys:
            return UNKNOWN
        if not self.refused.isdisjoint(activity.keys):
            return NO
        sure = not self.accepted or not self.accepted.isdisjoint(activity.keys)
        if sure and (activity.fine or not _inside(self.refused, activity.division)):
            return YES
        return UNKNOWN if sure or (not activity.fine and _inside(self.accepted, activity.division)) else NO


def _inside(prefixes: Iterable[str], division: str) -> bool:
    """Whether one of these prefixes lies inside a division."""
    return any(prefix.startswith(division) for prefix in prefixes)


@dataclass(frozen=True, slots=True)
class FormAccepted:
    """Legal category under one of the prefixes accepted, where there are some, and under none of those refused."""

    accepted: frozenset[str]
    refused: frozenset[str]

    def __call__(self, profile: Profile) -> str:
        """See `Test`."""
        forms = profile.forms
        if not forms:
            return UNKNOWN
        if not self.refused.isdisjoint(forms):
            return NO
        return YES if not self.accepted or not self.accepted.isdisjoint(forms) else NO


@dataclass(frozen=True, slots=True)
class CommuneOutside:
    """Commune not among those excluded."""

    communes: frozenset[str]

    def __call__(self, profile: Profile) -> str:
        """See `Test`."""
        commune = profile.company.commune
        return UNKNOWN if not commune else NO if commune in self.communes else YES


@dataclass(frozen=True, slots=True)
class RegionAmong:
    """Region among those of an aid."""

    regions: frozenset[str]

    def __call__(self, profile: Profile) -> str:
        """See `Test`."""
        region = profile.company.region
        return UNKNOWN if not region else YES if region in self.regions else NO


@dataclass(frozen=True, slots=True)
class Present:
    """The connecteur is not away on the day of the decision."""

    absences: tuple[Absence, ...]

    def __call__(self, profile: Profile) -> str:
        """See `Test`."""
        today = profile.today
        return NO if any(absence.start <= today <= absence.end for absence in self.absences) else YES


@dataclass(frozen=True, slots=True)
class ChamberServes:
    """The company's activity is of the nature a chamber serves; unknown activity keeps every chamber."""

    nature: str
    artisanal_headcount: int

    def __call__(self, profile: Profile) -> str:
        """See `Test`."""
        activity = profile.activity
        if activity.artisanal is None:
            return UNKNOWN
        if self.nature == "artisanale":
            if not activity.artisanal:
                return NO
            band = profile.headcount
            return YES if band is not None and band[1] <= self.artisanal_headcount else UNKNOWN
        if activity.liberal or activity.section == "A":
            return NO
        return UNKNOWN if activity.artisanal and "1000" in profile.forms else YES


def own_opco(_profile: Profile) -> str:
    """Whether a skills operator is the company's own: its collective agreement, which decides, is not known here."""
    return UNKNOWN


@dataclass(frozen=True, slots=True)
class ValidOn:
    """The day of the decision lies in the validity of an aid."""

    first: date
    last: date

    def __call__(self, profile: Profile) -> str:
        """See `Test`."""
        return YES if self.first <= profile.today <= self.last else NO


def filter_checks(filters: Filters) -> Iterable[Check]:
    """The conditions that filters state, one a family: a datum that is missing leaves a family open once."""
    if filters.effectif_min is not None or filters.effectif_max is not None:
        yield Check("effectif", HeadcountWithin(*_ends(filters.effectif_min, filters.effectif_max)))
    if filters.anciennete_min is not None or filters.anciennete_max is not None:
        yield Check("anciennete", AgeWithin(*_ends(filters.anciennete_min, filters.anciennete_max)))
    if filters.naf_in or filters.naf_out:
        yield Check("naf", ActivityAccepted(frozenset(filters.naf_in), frozenset(filters.naf_out)))
    if filters.formes_in or filters.formes_out:
        yield Check("forme", FormAccepted(frozenset(filters.formes_in), frozenset(filters.formes_out)))
    if filters.communes_out:
        yield Check("commune_exclue", CommuneOutside(frozenset(filters.communes_out)))


def _ends(low: int | None, high: int | None) -> tuple[int, int]:
    return low or 0, _ENDLESS if high is None else high


def _within(low: int, high: int, lowest: int, highest: int) -> str:
    if lowest <= low and high <= highest:
        return YES
    return NO if high < lowest or low > highest else UNKNOWN
