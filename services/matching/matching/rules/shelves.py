"""Candidates of a subject at a place, best static score first.

What never depends on the company (past help, response speed) is scored when a connecteur is filed; the sector is looked
up by NAF section. A search then reads only the head of a few lists instead of ten thousand connecteurs. They are sorted
zone by zone and merged at a place when first asked: the country is sorted once, not once a département.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias

from matching.model import Connector
from matching.rules.loads import MASK, SHIFT
from matching.rules.territory import Reach
from matching.rules.verdict import Check

ANY: Final = ""
"""Stands for any NAF section."""


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
        sections: NAF section it has experience in → its most points for a division of it; `ANY` → for any division.
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
    checks: tuple[Check, ...]
    salt: int
    reasons: tuple[str, ...]


Entry: TypeAlias = tuple[int, int, int, int, Candidate, Reach]
"""Value, block and slot of its load (`rules.loads`), capacity, candidate, the zone it was found through.

The value is the points of the zone + static score, hundredths; with the most sector points where a section is counted.
A plain tuple: reading on unpacks it without a look at any object. All the places of a zone share its entries.
"""

Pool: TypeAlias = Sequence[Entry]
"""Entries, highest value first."""

Counted: TypeAlias = tuple[int, Pool, str | None]
"""The highest value of a pool, the pool, and the section whose most points are in its values, or None."""

_VALUE: Final[Callable[[Entry], int]] = itemgetter(0)


def _merged(pools: Sequence[Pool]) -> Pool:
    """One pool of several. Sorting finds the sorted runs, so this is a merge."""
    return pools[0] if len(pools) == 1 else sorted(chain.from_iterable(pools), key=_VALUE, reverse=True)


class Filed(NamedTuple):
    """The candidates of one subject in one zone.

    Attributes:
        every: all of them.
        experienced: NAF section → those with experience in it, their most points of that section counted; `ANY` → the
            non-commercial ones, their most points of any section counted.
    """

    every: Pool
    experienced: Mapping[str, Pool]


def _filed(candidates: Iterable[Candidate], reach: Reach, points: int) -> Filed:
    """Candidates found through a zone worth these points."""
    every: list[Entry] = []
    experienced: dict[str, list[Entry]] = {}
    for found in candidates:
        value = points + found.static
        what = (found.number >> SHIFT, found.number & MASK, found.capacity, found, reach)
        every.append((value, *what))
        for section, most in found.sections.items():
            if section != ANY or found.free:
                experienced.setdefault(section, []).append((value + most, *what))
    for pool in (every, *experienced.values()):
        pool.sort(key=_VALUE, reverse=True)
    return Filed(every, experienced)


@dataclass(frozen=True, slots=True)
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
        memo: of `experienced`, by section.
        pools: memo of `counted`, by section.
    """

    parts: tuple[Filed, ...]
    every: Pool
    memo: dict[str, Pool | None] = field(default_factory=dict[str, Pool | None], compare=False, repr=False)
    pools: dict[str, tuple[Counted, ...]] = field(
        default_factory=dict[str, tuple[Counted, ...]], compare=False, repr=False
    )

    def counted(self, section: str) -> tuple[Counted, ...]:
        """The pools where the candidates for a company of a section stand: all of them, then those experienced in it.

        Who is experienced stands in both; the second counts what the first leaves out.
        """
        try:
            return self.pools[section]
        except KeyError:
            found: tuple[Counted, ...] = ((self.every[0][0], self.every, None),)
            known = None if section == ANY else self.experienced(section)
            if known is not None:
                found += ((known[0][0], known, section),)
            self.pools[section] = found
            return found

    def experienced(self, section: str) -> Pool | None:
        """Those with experience in a section (see `Filed`), merged once; None without any."""
        try:
            return self.memo[section]
        except KeyError:
            known = [part.experienced[section] for part in self.parts if section in part.experienced]
            pool = self.memo[section] = _merged(known) if known else None
            return pool


@dataclass(frozen=True, slots=True)
class Place:
    """Zones that cover, or may cover, the same companies.

    Attributes:
        zones: each that somebody serves.
        shelves: memo of `shelf`.
    """

    zones: tuple[Served, ...]
    shelves: dict[str, Shelf | None] = field(default_factory=dict[str, Shelf | None], compare=False, repr=False)

    def shelf(self, subject: str) -> Shelf | None:
        """The candidates of a subject, None without any; gathered once."""
        try:
            return self.shelves[subject]
        except KeyError:
            parts = tuple([zone.file(subject) for zone in self.zones if subject in zone.candidates])
            shelf = Shelf(parts, _merged([part.every for part in parts])) if parts else None
            self.shelves[subject] = shelf
            return shelf
