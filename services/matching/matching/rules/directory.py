"""The directory of connecteurs as an immutable index: who serves a zone on a subject, scored as far as can be."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha1
from typing import Final

from matching.model import Company, Connector
from matching.rules import text
from matching.rules.figures import ActivityFigures, Figures, ScoreFigures
from matching.rules.profile import CACHE_LIMIT
from matching.rules.shelves import Candidate, Place, Served
from matching.rules.territory import UNKNOWN_LEVEL, Reach, Territories
from matching.rules.verdict import Check, connector_checks

PROFESSIONAL: Final = "professionnel"
NARROW: Final = frozenset({"commune", "epci"})


@dataclass(frozen=True, slots=True)
class Directory:
    """An immutable directory; `replace` gives the next one.

    Attributes:
        figures: the rule set it is scored by.
        territories: the map it is filed on.
        connectors: every record, whatever its status.
        numbers: id → place of a connecteur in the loads, kept for good.
        zones: zone key (`rules.territory`) → subject → candidates: active, with a capacity.
        local: communes and EPCI that somebody serves.
        places: memo of `near` by the zones of a place.
        served: memo of the zones of `near`.
        found: memo of `near` by commune, département and region.
        wide: memo of `near` by département and region.
        narrow: memo of `near` by the commune or EPCI that somebody serves.
    """

    figures: Figures
    territories: Territories
    connectors: Mapping[str, Connector] = field(default_factory=dict[str, Connector])
    numbers: Mapping[str, int] = field(default_factory=dict[str, int])
    zones: Mapping[str, Mapping[str, tuple[Candidate, ...]]] = field(
        default_factory=dict[str, Mapping[str, tuple[Candidate, ...]]]
    )
    local: frozenset[str] = frozenset()
    places: dict[tuple[Reach, ...], Place] = field(
        default_factory=dict[tuple[Reach, ...], Place], compare=False, repr=False
    )
    served: dict[Reach, Served] = field(default_factory=dict[Reach, Served], compare=False, repr=False)
    found: dict[tuple[str, str, str], tuple[Place, ...]] = field(
        default_factory=dict[tuple[str, str, str], tuple[Place, ...]], compare=False, repr=False
    )
    wide: dict[tuple[str, str], tuple[Place, ...]] = field(
        default_factory=dict[tuple[str, str], tuple[Place, ...]], compare=False, repr=False
    )
    narrow: dict[str, tuple[Place, ...]] = field(
        default_factory=dict[str, tuple[Place, ...]], compare=False, repr=False
    )

    def near(self, company: Company) -> tuple[Place, ...]:
        """What covers, or may cover, a company: its commune and EPCI, then département, region and country as one."""
        where = (company.commune, company.departement, company.region)
        found = self.found.get(where)
        if found is None:
            if len(self.found) >= CACHE_LIMIT:
                self.found.clear()
            found = self.found[where] = self._near(company)
        return found

    def _near(self, company: Company) -> tuple[Place, ...]:
        """See `near`.

        The wide part is gathered once a département, the narrow part only where somebody serves it.
        """
        commune = company.commune
        epci = self.territories.epci.get(commune)
        if epci is None or not company.departement or not company.region:
            return self._part(company, narrow=True) + self._part(company, narrow=False)
        where = (company.departement, company.region)
        wide = self.wide.get(where)
        if wide is None:
            wide = self.wide[where] = self._part(company, narrow=False)
        closest = commune if commune in self.local else epci
        if closest not in self.local:
            return wide
        narrow = self.narrow.get(closest)
        if narrow is None:
            narrow = self.narrow[closest] = self._part(company, narrow=True)
        return narrow + wide

    def _part(self, company: Company, *, narrow: bool) -> tuple[Place, ...]:
        """The place of the narrow zones of a company, or of the wide ones; nothing where nobody serves them."""
        reaches = tuple(
            reach
            for reach in self.territories.reaches(company)
            if (reach.level in NARROW) == narrow and reach.key in self.zones
        )
        return (self._place(reaches),) if reaches else ()

    def _place(self, reaches: tuple[Reach, ...]) -> Place:
        place = self.places.get(reaches)
        if place is None:
            place = self.places[reaches] = Place(tuple([self._serve(reach) for reach in reaches]))
        return place

    def _serve(self, reach: Reach) -> Served:
        served = self.served.get(reach)
        if served is None:
            penalty = 100 * self.figures.score.unknown_penalty if reach.level == UNKNOWN_LEVEL else 0
            served = self.served[reach] = Served(reach, reach.points - penalty, self.zones[reach.key])
        return served

    def replace(self, changed: Iterable[Connector]) -> "Directory":
        """The directory with these records new or replaced; only the lists they touch are made again."""
        connectors, numbers = dict(self.connectors), dict(self.numbers)
        gone: dict[str, set[tuple[str, str]]] = {}
        come: dict[tuple[str, str], list[Candidate]] = {}
        for connector in {connector.id: connector for connector in changed}.values():
            before = connectors.get(connector.id)
            if before is not None and _takes_matches(before):
                gone[connector.id] = _places_of(before, self.territories)
            connectors[connector.id] = connector
            number = numbers.setdefault(connector.id, len(numbers))
            if _takes_matches(connector):
                candidate = file_candidate(connector, number, self.figures)
                for place in _places_of(connector, self.territories):
                    come.setdefault(place, []).append(candidate)
        touched = {*come, *(place for places in gone.values() for place in places)}
        zones = {**self.zones, **{key: dict(self.zones.get(key, {})) for key, _ in touched}}
        for key, subject in touched:
            pools = {**zones[key]}
            kept = [candidate for candidate in pools.pop(subject, ()) if candidate.id not in gone]
            pool = (*kept, *come.get((key, subject), ()))
            zones[key] = {**pools, subject: pool} if pool else pools
        keys = {key for key, _ in touched}
        places = {reaches: place for reaches, place in self.places.items() if keys.isdisjoint(r.key for r in reaches)}
        zones = {key: pools for key, pools in zones.items() if pools}
        local = frozenset(key[2:] for key in zones if key.startswith(("c:", "e:")))
        served = {reach: zone for reach, zone in self.served.items() if reach.key not in keys}
        return Directory(self.figures, self.territories, connectors, numbers, zones, local, places, served)


def _takes_matches(connector: Connector) -> bool:
    return connector.status == "active" and connector.capacity_30d > 0


def _places_of(connector: Connector, territories: Territories) -> set[tuple[str, str]]:
    keys = territories.keys_of(connector.zones)
    return {(key, subject) for key in keys for subject in connector.sujets}


def build_directory(connectors: Iterable[Connector], figures: Figures, territories: Territories) -> Directory:
    """A directory of these records."""
    return Directory(figures, territories).replace(connectors)


def file_candidate(connector: Connector, number: int, figures: Figures) -> Candidate:
    """Score what does not depend on the company, and compile the conditions."""
    past, speed = static_points(connector, figures.score)
    quality = connector.quality
    sectors = sector_points(connector.secteurs, figures.activities, figures.score)
    most = _most_points(sectors, figures.activities)
    return Candidate(
        connector,
        connector.id,
        number,
        connector.institution_id,
        connector.capacity_30d,
        connector.tier == PROFESSIONAL,
        connector.type in figures.offer.non_commercial,
        past + speed,
        sectors,
        most,
        _uneven(sectors, most, figures.activities),
        _shared(connector_checks(connector, figures.activities)),
        int.from_bytes(sha1(connector.id.encode(), usedforsecurity=False).digest()[:4]),
        (
            text.scored(text.past_help(quality.done, quality.matches), past),
            text.scored(text.response(quality.median_days), speed),
        ),
    )


def _most_points(sectors: Mapping[str, int], activities: ActivityFigures) -> dict[str, int]:
    """The most sector points in each section."""
    most: dict[str, int] = {}
    for division, points in sectors.items():
        section = activities.sections[division]
        most[section] = max(points, most.get(section, 0))
    return most


def _uneven(sectors: Mapping[str, int], most: Mapping[str, int], activities: ActivityFigures) -> frozenset[str]:
    """The sections where a division earns less than the most."""
    sections = activities.sections
    return frozenset([sections[division] for division, points in sectors.items() if points < most[sections[division]]])


@lru_cache(maxsize=4096)
def _shared(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """The same object for the same conditions: a search judges a company once for all who share them."""
    return checks


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
