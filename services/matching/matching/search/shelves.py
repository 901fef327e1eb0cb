"""Candidates of a subject at a place, best static score first.

What never depends on the company (past help, response speed) is scored when a connecteur is filed; the sector is looked
up by NAF section. A search then reads only the head of a few lists instead of ten thousand connecteurs. They are sorted
zone by zone and merged at a place when first asked: the country is sorted once, not once a département.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias

from matching.criteria.verdict import Check
from matching.places.territory import Reach
from matching.search.connector import Connector
from matching.search.loads import MASK, SHIFT


@dataclass(slots=True)
class Candidate:
    """A connecteur filed in the index; never changed once made. Scores are hundredths of a point.

    Attributes:
        connector: the record.
        id: of the record.
        number: its place in the loads.
        institution: its institution.
        capacity: matches it can take in 30 days.
        professional: may take paid missions.
        free: not commercial.
        static: past help + response speed.
        sectors: NAF division → points of sector experience.
        sections: NAF section it has experience in → its most points for a division of it.
        uneven: those of its sections whose divisions do not all earn the most.
        checks: conditions a company must meet.
        salt: 32 bits of a hash of its id, for fair ties.
        reasons: sentences of the static score.
    """

    connector: Connector
    id: str
    number: int
    institution: str
    capacity: int
    professional: bool
    free: bool
    static: int
    sectors: Mapping[str, int]
    sections: Mapping[str, int]
    uneven: frozenset[str]
    checks: tuple[Check, ...]
    salt: int
    reasons: tuple[str, ...]


Entry: TypeAlias = tuple[int, int, int, int, Candidate, Reach]
"""Value, block and slot of its load (`search.loads`), capacity, candidate, the zone it was found through.

The value is the points of the zone + static score, hundredths; with the sector points where they are counted.
A plain tuple: reading on unpacks it without a look at any object. All the places of a zone share its entries.
"""

Ranking: TypeAlias = Sequence[Entry]
"""Entries, highest value first."""

Headed: TypeAlias = tuple[int, Ranking]
"""The highest value of a ranking, and the ranking."""

_VALUE: Final[Callable[[Entry], int]] = itemgetter(0)


def _merged(rankings: Sequence[Ranking]) -> Ranking:
    """One ranking of several. Sorting finds the sorted runs, so this is a merge."""
    return rankings[0] if len(rankings) == 1 else sorted(chain.from_iterable(rankings), key=_VALUE, reverse=True)


def _set_right(ranking: Ranking, section: str, division: str) -> Ranking:
    """A ranking of those experienced in a section with the points of one of its divisions, not the most of them."""
    right = [
        (value + found.sectors[division] - found.sections[section], block, slot, limit, found, reach)
        for value, block, slot, limit, found, reach in ranking
    ]
    return sorted(right, key=_VALUE, reverse=True)


class Filed(NamedTuple):
    """The candidates of one subject in one zone.

    Attributes:
        every: all of them.
        experienced: NAF section → those with experience in it, their most points of that section counted.
        uneven: sections some of whose divisions earn somebody fewer points than others.
    """

    every: Ranking
    experienced: Mapping[str, Ranking]
    uneven: frozenset[str]


def _filed(candidates: Sequence[Candidate], reach: Reach, points: int) -> Filed:
    """Candidates found through a zone worth these points."""
    every: list[Entry] = []
    experienced: dict[str, list[Entry]] = {}
    for found in candidates:
        value = points + found.static
        what = (found.number >> SHIFT, found.number & MASK, found.capacity, found, reach)
        every.append((value, *what))
        for section, most in found.sections.items():
            experienced.setdefault(section, []).append((value + most, *what))
    for ranking in (every, *experienced.values()):
        ranking.sort(key=_VALUE, reverse=True)
    return Filed(every, experienced, frozenset[str]().union(*[found.uneven for found in candidates]))


@dataclass(frozen=True)
class Served:
    """A zone that somebody serves, seen from the companies that it covers or may cover.

    Attributes:
        reach: the zone.
        points: what it is worth, the penalty of a zone that is only possible taken off; hundredths.
        candidates: by subject.
        filed: memo of `file`.
    """

    reach: Reach
    points: int
    candidates: Mapping[str, tuple[Candidate, ...]]
    filed: dict[str, Filed] = field(default_factory=dict[str, Filed], compare=False, repr=False)

    @cached_property
    def free(self) -> "Served":
        """The same zone with its non-commercial candidates only."""
        kept = {subject: tuple([one for one in found if one.free]) for subject, found in self.candidates.items()}
        return Served(self.reach, self.points, {subject: found for subject, found in kept.items() if found})

    def file(self, subject: str) -> Filed:
        """The candidates of a subject that has some, sorted once."""
        found = self.filed.get(subject)
        if found is None:
            found = self.filed[subject] = _filed(self.candidates[subject], self.reach, self.points)
        return found


@dataclass(frozen=True, slots=True)
class Shelf:
    """The candidates of one subject at one place. Who serves several of its zones stands in it several times.

    Attributes:
        parts: those of each zone.
        every: all of them.
        uneven: see `Filed`.
        known: memo of `rankings`, by section, or by division where divisions differ.
    """

    parts: tuple[Filed, ...]
    every: Ranking
    uneven: frozenset[str]
    known: dict[str, tuple[Headed, ...]] = field(
        default_factory=dict[str, tuple[Headed, ...]], compare=False, repr=False
    )

    def rankings(self, section: str, division: str) -> tuple[Headed, ...]:
        """The candidates for a company of a division: all of them, then those with experience of it.

        Who is experienced stands in both, and only the second counts it.
        """
        key = division if section in self.uneven else section
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = self._rank(section, division)
        return found

    def _rank(self, section: str, division: str) -> tuple[Headed, ...]:
        every = (self.every[0][0], self.every)
        experienced = [part.experienced[section] for part in self.parts if section in part.experienced]
        if not experienced:
            return (every,)
        known = _merged(experienced)
        if section in self.uneven:
            known = _set_right(known, section, division)
        return every, (known[0][0], known)


def _shelf(parts: tuple[Filed, ...]) -> Shelf | None:
    """What the zones of a place hold on a subject, None without any."""
    if not parts:
        return None
    return Shelf(
        parts, _merged([part.every for part in parts]), frozenset[str]().union(*[part.uneven for part in parts])
    )


@dataclass(frozen=True)
class Place:
    """Zones that cover, or may cover, the same companies.

    Attributes:
        zones: each that somebody serves.
        shelves: memo of `shelf`.
    """

    zones: tuple[Served, ...]
    shelves: dict[str, Shelf | None] = field(default_factory=dict[str, Shelf | None], compare=False, repr=False)

    @cached_property
    def free(self) -> "Place":
        """The same place with its non-commercial candidates only."""
        return Place(tuple([zone.free for zone in self.zones]))

    def shelf(self, subject: str) -> Shelf | None:
        """The candidates of a subject, None without any; gathered once."""
        try:
            return self.shelves[subject]
        except KeyError:
            parts = tuple([zone.file(subject) for zone in self.zones if subject in zone.candidates])
            found = self.shelves[subject] = _shelf(parts)
            return found
