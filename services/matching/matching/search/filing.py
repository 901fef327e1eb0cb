"""A connecteur as it is filed in the index: scored as far as no company is needed, its conditions compiled."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha1
from typing import Final

from matching.criteria import text
from matching.criteria.verdict import ChamberServes, Check, Present, filter_checks, own_opco
from matching.ruleset import Activities, Ruleset, Scoring
from matching.search.connector import Connector
from matching.search.shelves import Candidate

PROFESSIONAL: Final = "professionnel"


def file_candidate(connector: Connector, number: int, ruleset: Ruleset) -> Candidate:
    """Score what does not depend on the company, and compile the conditions."""
    past, speed = static_points(connector, ruleset.score)
    quality = connector.quality
    sectors = sector_points(connector.secteurs, ruleset.activities, ruleset.score)
    most = _most_points(sectors, ruleset.activities)
    return Candidate(
        connector,
        connector.id,
        number,
        connector.institution_id,
        connector.capacity_30d,
        connector.tier == PROFESSIONAL,
        connector.type in ruleset.round.non_commercial,
        past + speed,
        sectors,
        most,
        _uneven(sectors, most, ruleset.activities),
        _shared(connector_checks(connector, ruleset.activities)),
        int.from_bytes(sha1(connector.id.encode(), usedforsecurity=False).digest()[:4]),
        (
            text.scored(text.past_help(quality.done, quality.matches), past),
            text.scored(text.response(quality.median_days), speed),
        ),
    )


def _most_points(sectors: Mapping[str, int], activities: Activities) -> dict[str, int]:
    """The most sector points in each section."""
    most: dict[str, int] = {}
    for division, points in sectors.items():
        section = activities.sections[division]
        most[section] = max(points, most.get(section, 0))
    return most


def _uneven(sectors: Mapping[str, int], most: Mapping[str, int], activities: Activities) -> frozenset[str]:
    """The sections where a division earns less than the most."""
    sections = activities.sections
    return frozenset([sections[division] for division, points in sectors.items() if points < most[sections[division]]])


@lru_cache(maxsize=4096)
def _shared(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """The same object for the same conditions: a search judges a company once for all who share them."""
    return checks


def static_points(connector: Connector, scoring: Scoring) -> tuple[int, int]:
    """Points (hundredths) of past help, Bayesian so that a newcomer starts at half, and of response speed."""
    quality = connector.quality
    past = 100 * scoring.past_help * (quality.done + scoring.prior_done) // (quality.matches + scoring.prior_matches)
    days = quality.median_days
    if days is None:
        return past, 100 * scoring.response_unknown
    speed = next((points for limit, points in scoring.response if days <= limit), scoring.response_slow)
    return past, 100 * speed


def sector_points(sectors: Iterable[str], activities: Activities, scoring: Scoring) -> dict[str, int]:
    """Points (hundredths) of experience by NAF division: full where it is named, fewer elsewhere in its section.

    To claim a whole section names none of its divisions, unless it has only one: nobody earns more by saying less.
    """
    named = frozenset(sectors)
    touched = {activities.sections.get(code, code) for code in named}
    every = list(activities.sections.values())
    lone = {code for code in named if every.count(code) == 1}
    points: dict[str, int] = {}
    for division, section in activities.sections.items():
        if division in named or section in lone:
            points[division] = 100 * scoring.sector_division
        elif section in touched:
            points[division] = 100 * scoring.sector_section
    return points


def connector_checks(connector: Connector, activities: Activities) -> tuple[Check, ...]:
    """Every condition of a connecteur beyond territory, subject, tier and capacity."""
    checks: list[Check] = []
    if connector.absences:
        checks.append(Check("absence", Present(connector.absences)))
    nature = activities.chambers.get(connector.type)
    if nature is not None:
        checks.append(Check("chambre", ChamberServes(nature, activities.artisanal_headcount)))
    if connector.opco:
        checks.append(Check("opco", own_opco))
    checks += filter_checks(connector.filters)
    return tuple(checks)
