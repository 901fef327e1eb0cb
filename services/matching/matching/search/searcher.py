"""The three best connecteurs of a need: exact top scores, read from the heads of a few sorted lists.

A list is left as soon as its next candidate, even with full free capacity and sector points, cannot reach the third
best found: the result is that of scoring everybody. Scores are hundredths of a point.
"""

from bisect import insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias

from matching.criteria.profile import Profile
from matching.criteria.verdict import NO, UNKNOWN
from matching.places.territory import Reach
from matching.ruleset import Ruleset, Scoring
from matching.search.index import Directory
from matching.search.loads import Loads
from matching.search.shelves import Candidate, Place, Ranking

_MASK: Final = (1 << 32) - 1
_NOBODY: Final = -1_000_000
_BOUND: Final = itemgetter(0)
_NOTHING: Final[tuple[str, ...]] = ()

_List: TypeAlias = tuple[int, int, Ranking, int]
"""Bound, points of the subject, candidates, index of the subject."""

_Found: TypeAlias = tuple[int, int, int, str, Candidate, Reach, int, tuple[str, ...]]
"""−score, load, fair hash, id, then what a `Pick` names; ordered by its first four."""


class Query(NamedTuple):
    """What is searched.

    Attributes:
        profile: the company on the day.
        subjects: main subject first.
        paid: only professionals.
        excluded: institutions already asked for this need.
        seed: bits of the need's id: ties fall fairly and always the same way.
    """

    profile: Profile
    subjects: Sequence[str]
    paid: bool
    excluded: frozenset[str]
    seed: int


class Pick(NamedTuple):
    """A connecteur found.

    Attributes:
        score: hundredths of a point, 0–10,000.
        load: its matches, this one not counted.
        candidate: the connecteur.
        reach: the zone it was found through.
        subject: index of the subject it covers.
        unknown: criteria that a missing datum leaves open.
    """

    score: int
    load: int
    candidate: Candidate
    reach: Reach
    subject: int
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Searcher:
    """Searches one directory under one rule set."""

    directory: Directory
    ruleset: Ruleset

    def best(self, query: Query, loads: Loads) -> list[Pick]:
        """Up to `proposals` connecteurs of distinct institutions, best first, one non-commercial if one is eligible.

        Between equal scores, fewest matches first, then a hash of need and connecteur: stable, and fair over needs.
        """
        count = self.ruleset.round.proposals
        places = self.directory.near(query.profile.company)
        found = self._top(query, loads, self._lists(query, places), count)
        for entry in found:
            if entry[4].free:
                break
        else:
            free = [place.free for place in places] if found else ()
            others = self._top(query, loads, self._lists(query, free), 1)
            found = _with_free(found, others[0], count) if others else found
        return [
            Pick(max(0, -minus), load, candidate, reach, subject, unknown)
            for minus, load, _, _, candidate, reach, subject, unknown in found
        ]

    def _lists(self, query: Query, places: Iterable[Place]) -> list[_List]:
        """Every list worth reading, highest bound first."""
        score = self.ruleset.score
        capacity = 100 * score.free_capacity
        main, second = 100 * score.main_subject, 100 * score.second_subject
        activity = query.profile.activity
        section, division = activity.section, activity.division
        lists: list[_List] = []
        for place in places:
            fit = main
            for index, subject in enumerate(query.subjects):
                shelf = place.shelf(subject)
                if shelf is not None:
                    for most, ranking in shelf.rankings(section, division):
                        lists.append((fit + capacity + most, fit, ranking, index))
                fit = second
        lists.sort(key=_BOUND, reverse=True)
        return lists

    def _top(self, query: Query, loads: Loads, lists: list[_List], count: int) -> list[_Found]:
        """The best `count` of distinct institutions."""
        board = _Board(query, loads, count, self.ruleset.score)
        for item in lists:
            if item[0] < board.floor:
                break
            board.read(item)
        return board.top


class _Board:
    """The best entries found so far."""

    __slots__ = (
        "_capacity",
        "_count",
        "_excluded",
        "_loads",
        "_odd",
        "_paid",
        "_penalty",
        "_profile",
        "_verdicts",
        "floor",
        "top",
    )

    def __init__(self, query: Query, loads: Loads, count: int, score: Scoring) -> None:
        self._profile, _, self._paid, self._excluded, seed = query
        self._odd = seed | 1
        self._loads, self._count = loads, count
        self._capacity, self._penalty = 100 * score.free_capacity, 100 * score.unknown_penalty
        self._verdicts: dict[int, tuple[str, ...] | None] = {}
        """What `_opened` said of each set of conditions, shared by many candidates and named by its identity."""
        self.top: list[_Found] = []
        self.floor = _NOBODY
        """The score that an entry must reach to matter."""

    def read(self, item: _List) -> None:
        """Read a list as far as its next candidate can reach the floor."""
        _, fit, ranking, subject = item
        capacity, loads, floor = self._capacity, self._loads, self.floor
        reachable = floor - fit - capacity
        for value, block, slot, limit, candidate, reach in ranking:
            if value < reachable:
                break
            load = loads[block][slot]
            if load >= limit:  # asked first: where needs are many, the head of a list is full
                continue
            score = fit + value + capacity * (limit - load) // limit
            if score < floor:
                continue
            if self._enter(score, load, candidate, reach, subject):
                floor = self.floor
                reachable = floor - fit - capacity

    def _enter(self, score: int, load: int, candidate: Candidate, reach: Reach, subject: int) -> bool:
        """Put a candidate among the best if no condition refuses it; true when the floor may have moved."""
        if candidate.institution in self._excluded or (self._paid and not candidate.professional):
            return False
        unknown = reach.unknown
        if candidate.checks:
            opened = self._judge(candidate)
            if opened is None:
                return False
            if opened:
                score -= self._penalty * len(opened)
                if score < self.floor:
                    return False
                unknown += opened
        tie = (candidate.salt * self._odd & _MASK) >> 8
        return self._keep((-score, load, tie, candidate.id, candidate, reach, subject, unknown))

    def _keep(self, found: _Found) -> bool:
        """Put an entry among the best, once an institution, if it is of them."""
        top, count = self.top, self._count
        if len(top) == count and found >= top[-1]:
            return False
        institution = found[4].institution
        for index, held in enumerate(top):
            if held[4].institution == institution:
                if found >= held:
                    return False
                del top[index]
                break
        insort(top, found)
        if len(top) > count:
            top.pop()
        if len(top) == count:
            self.floor = -top[-1][0]
        return True

    def _judge(self, candidate: Candidate) -> tuple[str, ...] | None:
        """What `_opened` says of the conditions of a candidate, asked once a search."""
        conditions = id(candidate.checks)
        if conditions not in self._verdicts:
            self._verdicts[conditions] = _opened(candidate, self._profile)
        return self._verdicts[conditions]


def _opened(candidate: Candidate, profile: Profile) -> tuple[str, ...] | None:
    """Criteria left open by a missing datum, or None when one refuses the company."""
    opened = _NOTHING
    for criterion, test in candidate.checks:
        verdict = test(profile)
        if verdict == NO:
            return None
        if verdict == UNKNOWN:
            opened += (criterion,)
    return opened


def _with_free(top: list[_Found], free: _Found, count: int) -> list[_Found]:
    """Give the best non-commercial connecteur a place: that of its own institution, else the last."""
    others = [entry for entry in top if entry[4].institution != free[4].institution]
    return sorted([*others[: count - 1], free])
