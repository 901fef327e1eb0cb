"""Why a connecteur was chosen, and why the others were not."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from matching.model import Company, Connector
from matching.rules import text
from matching.rules.directory import PROFESSIONAL, Directory
from matching.rules.figures import Figures
from matching.rules.loads import Loads, load_at
from matching.rules.profile import CACHE_LIMIT
from matching.rules.search import Pick, Query
from matching.rules.shelves import Candidate, Place
from matching.rules.territory import UNKNOWN_LEVEL, Territories
from matching.rules.verdict import NO, UNKNOWN, YES, Check, connector_checks

SUBJECT_FIT: Final = ("Couvre votre besoin principal : {}", "Couvre un autre de vos besoins : {}")
SECTOR_FIT: Final = ("Connaît votre secteur d'activité", "Connaît des secteurs proches du vôtre")


class Wording:
    """The sentences of a rule set, with the points they stand for, written once."""

    def __init__(self, figures: Figures) -> None:
        score = figures.score
        self._figures = figures
        self._territory: dict[str, tuple[str, ...]] = {
            level: (text.scored(sentence, 100 * score.territory[level]),) for level, sentence in text.TERRITORY.items()
        }
        self._territory[UNKNOWN_LEVEL] = ()
        self._sector: dict[int, tuple[str, ...]] = {
            100 * earned: (text.scored(sentence, 100 * earned),)
            for sentence, earned in zip(SECTOR_FIT, (score.sector_division, score.sector_section), strict=True)
        }
        self._sector[0] = ()
        self._fits: dict[tuple[str, str, bool, int], tuple[str, ...]] = {}
        self._capacity: dict[tuple[int, int], tuple[str, ...]] = {}
        penalty = 100 * score.unknown_penalty
        self._missing = {code: text.missing(code, penalty) for code, verdict in text.CRITERIA if verdict == UNKNOWN}

    def reasons(self, pick: Pick, query: Query) -> tuple[str, ...]:
        """What earned a chosen connecteur its points, one French sentence for each part of the score."""
        candidate, place = pick.candidate, pick.subject
        sector = candidate.sectors.get(query.profile.activity.division, 0)
        fit = self._fit(pick.reach.level, query.subjects[place], place > 0, sector)
        return fit + candidate.reasons + self._free(pick.load, candidate.capacity)

    def missing(self, pick: Pick) -> tuple[str, ...]:
        """The data that were missing to be sure of a chosen connecteur."""
        return tuple([self._missing[criterion] for criterion in pick.unknown]) if pick.unknown else ()

    def _fit(self, level: str, subject: str, second: bool, sector: int) -> tuple[str, ...]:
        """Territory, subject and sector: few cases, many times each."""
        found = self._fits.get((level, subject, second, sector))
        if found is None:
            if len(self._fits) >= CACHE_LIMIT:
                self._fits.clear()
            score = self._figures.score
            earned = 100 * (score.second_subject if second else score.main_subject)
            label = self._figures.subjects.get(subject, subject)
            covers = text.scored(SUBJECT_FIT[second].format(label), earned)
            found = self._fits[level, subject, second, sector] = (
                *self._territory[level],
                covers,
                *self._sector[sector],
            )
        return found

    def _free(self, load: int, limit: int) -> tuple[str, ...]:
        found = self._capacity.get((load, limit))
        if found is None:
            if len(self._capacity) >= CACHE_LIMIT:
                self._capacity.clear()
            earned = 100 * self._figures.score.free_capacity * (limit - load) // limit
            found = self._capacity[load, limit] = (text.scored(text.capacity(load, limit), earned),)
        return found


class Criterion(NamedTuple):
    """One verdict: reason code, yes / no / unknown, French sentence ("" for a yes)."""

    code: str
    verdict: str
    sentence: str


def assess(
    connector: Connector, query: Query, load: int, figures: Figures, territories: Territories
) -> tuple[Criterion, ...]:
    """Every hard filter of one connecteur for one need, whatever the first refusal."""
    profile = query.profile
    verdicts = [
        ("statut", YES if connector.status == "active" else NO),
        ("territoire", _territory(connector, profile.company, territories)),
        ("sujet", NO if set(query.subjects).isdisjoint(connector.sujets) else YES),
        ("niveau", NO if query.paid and connector.tier != PROFESSIONAL else YES),
        *((criterion, test(profile)) for criterion, test in _checks(connector, figures)),
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


def _checks(connector: Connector, figures: Figures) -> tuple[Check, ...]:
    return connector_checks(connector, figures.activities)


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
        verdicts = assess(connector, query, load, directory.figures, directory.territories)
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
