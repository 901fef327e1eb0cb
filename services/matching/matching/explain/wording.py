"""Why a connecteur was chosen, one French sentence for each part of its score."""

from typing import Final

from matching.criteria import text
from matching.criteria.memo import kept
from matching.criteria.verdict import UNKNOWN
from matching.places.territory import UNKNOWN_LEVEL
from matching.ruleset import Ruleset
from matching.search.searcher import Pick, Query

SUBJECT_FIT: Final = ("Couvre votre besoin principal : {}", "Couvre un autre de vos besoins : {}")
SECTOR_FIT: Final = ("Connaît votre secteur d'activité", "Connaît des secteurs proches du vôtre")


class Wording:
    """The sentences of a rule set, with the points they stand for, written once."""

    def __init__(self, ruleset: Ruleset) -> None:
        score = ruleset.score
        self._ruleset = ruleset
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
            score = self._ruleset.score
            earned = 100 * (score.second_subject if second else score.main_subject)
            label = self._ruleset.subjects.get(subject, subject)
            covers = text.scored(SUBJECT_FIT[second].format(label), earned)
            fit = (*self._territory[level], covers, *self._sector[sector])
            found = kept(self._fits, (level, subject, second, sector), fit)
        return found

    def _free(self, load: int, limit: int) -> tuple[str, ...]:
        found = self._capacity.get((load, limit))
        if found is None:
            earned = 100 * self._ruleset.score.free_capacity * (limit - load) // limit
            found = kept(self._capacity, (load, limit), (text.scored(text.capacity(load, limit), earned),))
        return found
