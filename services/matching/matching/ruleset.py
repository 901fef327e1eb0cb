"""The rule set of matching: every configurable figure, kept in `data/regles.toml`; all are defaults of this project."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec

Tier: TypeAlias = Literal["benevole", "professionnel"]


@dataclass(frozen=True, slots=True)
class Scoring:
    """Points of the score, 0–100 in all; our default, configurable.

    Attributes:
        territory: points by level of the zone that covers the company.
        main_subject: points when the connecteur covers the main subject of the need.
        second_subject: points when it covers another subject only.
        sector_division: experience of the company's NAF division, named.
        sector_section: experience of its section as a whole, or of another division of it.
        past_help: highest points for past help, times (done + prior_done) / (matches + prior_matches).
        prior_done: prior successes.
        prior_matches: prior matches.
        response: (days, points) in rising days: points of the first whose days ≥ median.
        response_slow: points beyond the last.
        response_unknown: points without history.
        free_capacity: highest points, times the free share of capacity.
        unknown_penalty: points taken for each filter that a missing datum leaves open.
    """

    territory: Mapping[str, int]
    main_subject: int
    second_subject: int
    sector_division: int
    sector_section: int
    past_help: int
    prior_done: int
    prior_matches: int
    response: tuple[tuple[float, int], ...]
    response_slow: int
    response_unknown: int
    free_capacity: int
    unknown_penalty: int


@dataclass(frozen=True, slots=True)
class Rounds:
    """How needs are offered; our default, configurable.

    Attributes:
        proposals: connecteurs asked in one round, of distinct institutions.
        rounds: rounds before the need is given to the regional referent.
        working_days: working days (Europe/Paris, French public holidays) an offer stays open after its own day.
        dedupe_days: a same subject within these days joins the open need.
        capacity_days: days an accepted match counts in its connecteur's load.
        capacity: default capacity by tier.
        non_commercial: types of connecteur of which one is proposed whenever one is eligible.
    """

    proposals: int
    rounds: int
    working_days: int
    dedupe_days: int
    capacity_days: int
    capacity: Mapping[Tier, int]
    non_commercial: frozenset[str]


@dataclass(frozen=True, slots=True)
class Opening:
    """How a diagnosis becomes a need; our default, configurable.

    Attributes:
        max_subjects: subjects kept, main one first.
        paid_bands: maturity bands at which a first measure with a spend category is a paid mission.
        urgent_bands: bands whose needs have high priority.
        urgent_subjects: main subjects that have high priority.
        gap_subjects: subject of a gap, used when the plan holds no measure.
    """

    max_subjects: int
    paid_bands: frozenset[str]
    urgent_bands: frozenset[str]
    urgent_subjects: frozenset[str]
    gap_subjects: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Shown:
    """How aids are recommended; our default, configurable.

    Attributes:
        shown: programmes in one recommendation.
        quotas: kind → places kept for it, in order of display; places left free go to the first kinds that have more.
    """

    shown: int
    quotas: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Activities:
    """What an activity code tells about chambers; our reading of NAF rév. 2, configurable.

    Attributes:
        sections: division → section.
        artisanal: NAF prefixes of crafts.
        artisanal_headcount: headcount above which a craft may have left the crafts register.
        liberal: NAF prefixes of professions that no chamber of commerce or crafts serves.
        chambers: type of connecteur → nature of activity it serves ("commerciale" or "artisanale").
    """

    sections: Mapping[str, str]
    artisanal: tuple[str, ...]
    artisanal_headcount: int
    liberal: tuple[str, ...]
    chambers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Every configurable figure of matching, with the version that results carry."""

    ruleset_version: str
    score: Scoring
    round: Rounds
    need: Opening
    aids: Shown
    activities: Activities
    types: Mapping[str, str]
    subjects: Mapping[str, str]


def read_ruleset(text: str) -> Ruleset:
    """A rule set from its TOML text.

    Raises:
        msgspec.ValidationError: a figure is missing or of the wrong kind; the text names it.
    """
    document: dict[str, Any] = tomllib.loads(text)
    sections: dict[str, list[str]] = document["activities"]["sections"]
    document["activities"]["sections"] = {
        division: section for section, divisions in sections.items() for division in divisions
    }
    return msgspec.convert(document, Ruleset)
