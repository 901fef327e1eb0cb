"""The directory of connecteurs as an immutable index: candidates of a subject in a zone, best static score first.

What never depends on the company (past help, response speed) is scored when a connecteur is filed; the sector is looked
up by NAF section. A search then reads only the head of a few lists instead of ten thousand connecteurs.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Final, NamedTuple, TypeAlias

from matching.model import Connector
from matching.rules import text
from matching.rules.figures import ActivityFigures, Figures, ScoreFigures
from matching.rules.profile import CACHE_LIMIT, Profile
from matching.rules.territory import UNKNOWN_LEVEL, Reach, Territories
from matching.rules.verdict import Check, connector_checks

PROFESSIONAL: Final = "professionnel"
NARROW: Final = frozenset({"commune", "epci"})


@dataclass(slots=True)
class Candidate:
    """A connecteur filed in the index; never changed once made. Scores are hundredths of a point.

    Attributes:
        connector: the record.
        institution: its institution.
        capacity: matches it can take in 30 days.
        professional: may take paid missions.
        static: past help + response speed.
        sectors: NAF division → points of sector experience.
        sections: NAF sections it has experience in.
        checks: conditions a company must meet.
        salt: 64 bits of a hash of its id, for fair ties.
        reasons: sentences of the static score.
    """

    connector: Connector
    id: str
    institution: str
    capacity: int
    professional: bool
    static: int
    sectors: Mapping[str, int]
    sections: frozenset[str]
    checks: tuple[Check, ...]
    salt: int
    reasons: tuple[str, ...]


class Entry(NamedTuple):
    """A candidate in a zone.

    Attributes:
        value: points of the zone + static score, hundredths.
        candidate: the connecteur.
        reach: the zone.
    """

    value: int
    candidate: Candidate
    reach: Reach


Pool: TypeAlias = tuple[Entry, ...]
"""Candidates, highest value first."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """The candidates of one subject at one place.

    Attributes:
        every: all of them.
        free: the non-commercial ones.
        halves: memo of `split`.
    """

    every: Pool
    free: Pool
    halves: dict[str, tuple[Pool, Pool]] = field(default_factory=dict[str, tuple[Pool, Pool]], compare=False)

    def split(self, section: str) -> tuple[Pool, Pool]:
        """Those with experience in a NAF section, and the others; worked out once a section."""
        found = self.halves.get(section)
        if found is None:
            known = tuple(entry for entry in self.every if section in entry.candidate.sections)
            rest = tuple(entry for entry in self.every if section not in entry.candidate.sections)
            found = self.halves[section] = (known, rest)
        return found


Place: TypeAlias = Mapping[str, Shelf]
"""subject → candidates."""


@dataclass(frozen=True, slots=True)
class Directory:
    """An immutable directory; `replace` gives the next one.

    Attributes:
        connectors: every record, whatever its status.
        zones: zone key (`rules.territory`) → subject → candidates: active, with a capacity.
        shelves: memo of `near`: what covers a place, gathered by subject.
        nearby: memo of `near` by commune, département and region.
    """

    connectors: Mapping[str, Connector] = field(default_factory=dict[str, Connector])
    zones: Mapping[str, Mapping[str, tuple[Candidate, ...]]] = field(
        default_factory=dict[str, Mapping[str, tuple[Candidate, ...]]]
    )
    shelves: dict[tuple[Reach, ...], Place] = field(
        default_factory=dict[tuple[Reach, ...], Place], compare=False, repr=False
    )
    nearby: dict[tuple[str, str, str], tuple[Place, ...]] = field(
        default_factory=dict[tuple[str, str, str], tuple[Place, ...]], compare=False, repr=False
    )

    def near(self, profile: Profile, figures: Figures) -> tuple[Place, ...]:
        """What covers, or may cover, a company: its own commune and EPCI, then département, region and country as one.

        The wide part is gathered once a département, the narrow part only where somebody serves it.
        """
        company = profile.company
        where = (company.commune, company.departement, company.region)
        found = self.nearby.get(where)
        if found is None:
            if len(self.nearby) >= CACHE_LIMIT:
                self.nearby.clear()
            held = [reach for reach in profile.reaches if reach.key in self.zones]
            narrow = tuple(reach for reach in held if reach.level in NARROW)
            wide = tuple(reach for reach in held if reach.level not in NARROW)
            found = self.nearby[where] = tuple(self._gathered(part, figures) for part in (narrow, wide) if part)
        return found

    def _gathered(self, reaches: tuple[Reach, ...], figures: Figures) -> Place:
        place = self.shelves.get(reaches)
        if place is None:
            if len(self.shelves) >= CACHE_LIMIT:
                self.shelves.clear()
            place = self.shelves[reaches] = _gather([(reach, self.zones[reach.key]) for reach in reaches], figures)
        return place

    def replace(self, changed: Iterable[Connector], figures: Figures, territories: Territories) -> "Directory":
        """The directory with these records new or replaced; only the lists they touch are made again."""
        connectors = dict(self.connectors)
        gone: dict[str, set[tuple[str, str]]] = {}
        come: dict[tuple[str, str], list[Candidate]] = {}
        for connector in {connector.id: connector for connector in changed}.values():
            before = connectors.get(connector.id)
            if before is not None and _takes_matches(before):
                gone[connector.id] = _places_of(before, territories)
            connectors[connector.id] = connector
            if _takes_matches(connector):
                candidate = file_candidate(connector, figures)
                for place in _places_of(connector, territories):
                    come.setdefault(place, []).append(candidate)
        touched = {*come, *(place for places in gone.values() for place in places)}
        zones = {**self.zones, **{key: dict(self.zones.get(key, {})) for key, _ in touched}}
        for key, subject in touched:
            pools = {**zones[key]}
            kept = [candidate for candidate in pools.pop(subject, ()) if candidate.id not in gone]
            pool = (*kept, *come.get((key, subject), ()))
            zones[key] = {**pools, subject: pool} if pool else pools
        keys = {key for key, _ in touched}
        shelves = {reaches: place for reaches, place in self.shelves.items() if keys.isdisjoint(r.key for r in reaches)}
        return Directory(connectors, {key: pools for key, pools in zones.items() if pools}, shelves)


def _takes_matches(connector: Connector) -> bool:
    return connector.status == "active" and connector.capacity_30d > 0


def _places_of(connector: Connector, territories: Territories) -> set[tuple[str, str]]:
    keys = territories.keys_of(connector.zones)
    return {(key, subject) for key in keys for subject in connector.sujets}


def _gather(zones: Sequence[tuple[Reach, Mapping[str, tuple[Candidate, ...]]]], figures: Figures) -> Place:
    """The shelves of a place, by subject; a candidate found in several zones counts by the best one."""
    place: dict[str, Shelf] = {}
    for subject in {subject for _, pools in zones for subject in pools}:
        best: dict[str, Entry] = {}
        for reach, pools in zones:
            penalty = 100 * figures.score.unknown_penalty if reach.level == UNKNOWN_LEVEL else 0
            for candidate in pools.get(subject, ()):
                entry = Entry(candidate.static + reach.points - penalty, candidate, reach)
                held = best.get(candidate.id)
                if held is None or entry.value > held.value:
                    best[candidate.id] = entry
        place[subject] = _shelf(best.values(), figures)
    return place


def _shelf(entries: Iterable[Entry], figures: Figures) -> Shelf:
    every = tuple(sorted(entries, key=lambda entry: (-entry.value, entry.candidate.id)))
    free = tuple(entry for entry in every if entry.candidate.connector.type in figures.offer.non_commercial)
    return Shelf(every, free)


def build_directory(connectors: Iterable[Connector], figures: Figures, territories: Territories) -> Directory:
    """A directory of these records."""
    return Directory().replace(connectors, figures, territories)


def file_candidate(connector: Connector, figures: Figures) -> Candidate:
    """Score what does not depend on the company, and compile the conditions."""
    past, speed = static_points(connector, figures.score)
    quality = connector.quality
    sectors = sector_points(connector.secteurs, figures.activities, figures.score)
    return Candidate(
        connector,
        connector.id,
        connector.institution_id,
        connector.capacity_30d,
        connector.tier == PROFESSIONAL,
        past + speed,
        sectors,
        frozenset(figures.activities.sections[division] for division in sectors),
        connector_checks(connector, figures.activities),
        int.from_bytes(sha1(connector.id.encode(), usedforsecurity=False).digest()[:8]),
        (
            text.scored(text.past_help(quality.done, quality.matches), past),
            text.scored(text.response(quality.median_days), speed),
        ),
    )


def static_points(connector: Connector, figures: ScoreFigures) -> tuple[int, int]:
    """Points (hundredths) of past help, Bayesian so that a newcomer starts at half, and of response speed."""
    quality = connector.quality
    past = 100 * figures.past_help * (quality.done + figures.prior_done) // (quality.matches + figures.prior_matches)
    days = quality.median_days
    if days is None:
        return past, 100 * figures.response_unknown
    speed = next((points for limit, points in figures.response if days <= limit), figures.response_slow)
    return past, 100 * speed


def sector_points(sectors: Iterable[str], activities: ActivityFigures, figures: ScoreFigures) -> dict[str, int]:
    """Points (hundredths) of experience by NAF division: full where listed, fewer elsewhere in a listed section."""
    listed = frozenset(sectors)
    touched = {activities.sections.get(code, code) for code in listed}
    points: dict[str, int] = {}
    for division, section in activities.sections.items():
        if division in listed or section in listed:
            points[division] = 100 * figures.sector_division
        elif section in touched:
            points[division] = 100 * figures.sector_section
    return points
