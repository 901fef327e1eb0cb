"""Why the other connecteurs were not chosen, and why nobody can take a need."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from matching.criteria import text
from matching.criteria.company import Company
from matching.criteria.verdict import NO, UNKNOWN, YES
from matching.places.territory import UNKNOWN_LEVEL, Territories
from matching.ruleset import Ruleset
from matching.search.connector import Connector
from matching.search.filing import PROFESSIONAL, connector_checks
from matching.search.index import Directory
from matching.search.loads import Loads, load_at
from matching.search.searcher import Query
from matching.search.shelves import Candidate, Place


class Criterion(NamedTuple):
    """One verdict: reason code, yes / no / unknown, French sentence ("" for a yes)."""

    code: str
    verdict: str
    sentence: str


def assess(
    connector: Connector, query: Query, load: int, ruleset: Ruleset, territories: Territories
) -> tuple[Criterion, ...]:
    """Every hard filter of one connecteur for one need, whatever the first refusal."""
    profile = query.profile
    verdicts = [
        ("statut", YES if connector.status == "active" else NO),
        ("territoire", _territory(connector, profile.company, territories)),
        ("sujet", NO if set(query.subjects).isdisjoint(connector.sujets) else YES),
        ("niveau", NO if query.paid and connector.tier != PROFESSIONAL else YES),
        *((criterion, test(profile)) for criterion, test in connector_checks(connector, ruleset.activities)),
        ("institution", NO if connector.institution_id in query.excluded else YES),
        ("capacite", NO if load >= connector.capacity_30d else YES),
    ]
    return tuple(
        Criterion(code, verdict, "" if verdict == YES else text.CRITERIA[code, verdict]) for code, verdict in verdicts
    )


def _territory(connector: Connector, company: Company, territories: Territories) -> str:
    keys = territories.keys_of(connector.zones)
    level = next((reach.level for reach in territories.reaches(company) if reach.key in keys), None)
    return NO if level is None else UNKNOWN if level == UNKNOWN_LEVEL else YES


class WhyNot(NamedTuple):
    """Who was excluded and why.

    Attributes:
        eligible: connecteurs that pass every filter.
        excluded: criterion → connecteurs it was the first to exclude.
        covering: active connecteurs that cover the territory (surely or perhaps) and one of the subjects.
    """

    eligible: int
    excluded: Mapping[str, int]
    covering: int


def why_not(directory: Directory, query: Query, loads: Loads) -> WhyNot:
    """Count, over the whole directory, the first criterion that excludes each connecteur."""
    excluded: Counter[str] = Counter()
    covering = 0
    for connector in directory.connectors.values():
        load = load_at(loads, directory.numbers[connector.id])
        verdicts = assess(connector, query, load, directory.ruleset, directory.territories)
        refusal = next((criterion.code for criterion in verdicts if criterion.verdict == NO), "")
        excluded[refusal] += 1
        covering += refusal not in {"statut", "territoire", "sujet"}
    eligible = excluded.pop("", 0)
    return WhyNot(eligible, dict(excluded.most_common()), covering)


def unserved_causes(directory: Directory, query: Query, loads: Loads) -> tuple[str, ...]:
    """Why nobody can take a need, one `cause:subject` for each of its subjects."""
    places = directory.near(query.profile.company)
    return tuple([f"{_cause(places, query, loads, subject)}:{subject}" for subject in query.subjects])


def _cause(places: Iterable[Place], query: Query, loads: Loads, subject: str) -> str:
    """The last obstacle of the connecteur that came closest: capacity, institution asked already, or criteria."""
    shelves = [shelf for place in places if (shelf := place.shelf(subject)) is not None]
    if not shelves:
        return "aucun_connecteur"
    cause = "criteres"
    for shelf in shelves:
        for *_, candidate, _ in shelf.every:
            if not _fits(candidate, query):
                continue
            if candidate.institution in query.excluded:
                cause = "institutions_deja_sollicitees"
            elif load_at(loads, candidate.number) >= candidate.capacity:
                return "capacite"
    return cause


def _fits(candidate: Candidate, query: Query) -> bool:
    if query.paid and not candidate.professional:
        return False
    return all(test(query.profile) != NO for _, test in candidate.checks)
