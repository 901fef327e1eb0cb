"""The directory of connecteurs as an immutable index: who serves a zone on a subject, scored as far as can be."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from matching.criteria.company import Company
from matching.criteria.memo import kept
from matching.places.territory import UNKNOWN_LEVEL, Reach, Territories
from matching.ruleset import Ruleset
from matching.search.connector import Connector
from matching.search.filing import file_candidate
from matching.search.shelves import Candidate, Place, Served

NARROW: Final = frozenset({"commune", "epci"})


@dataclass(frozen=True, slots=True)
class Directory:
    """An immutable directory; `replace` gives the next one.

    Attributes:
        ruleset: the rule set it is scored by.
        territories: the map it is filed on.
        connectors: every record, whatever its status.
        numbers: id → place of a connecteur in the loads, kept for good.
        zones: zone key (`places.territory`) → subject → candidates: active, with a capacity.
        local: communes and EPCI that somebody serves.
        places: memo of `near` by the zones of a place.
        served: memo of the zones of `near`.
        found: memo of `near` by commune, département and region.
        wide: memo of `near` by département and region.
        narrow: memo of `near` by the commune or EPCI that somebody serves.
    """

    ruleset: Ruleset
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
            found = kept(self.found, where, self._near(company))
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
            penalty = 100 * self.ruleset.score.unknown_penalty if reach.level == UNKNOWN_LEVEL else 0
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
                candidate = file_candidate(connector, number, self.ruleset)
                for place in _places_of(connector, self.territories):
                    come.setdefault(place, []).append(candidate)
        touched = {*come, *(place for left in gone.values() for place in left)}
        zones = {**self.zones, **{key: dict(self.zones.get(key, {})) for key, _ in touched}}
        for key, subject in touched:
            others = {**zones[key]}
            kept = [candidate for candidate in others.pop(subject, ()) if candidate.id not in gone]
            filed = (*kept, *come.get((key, subject), ()))
            zones[key] = {**others, subject: filed} if filed else others
        keys = {key for key, _ in touched}
        places = {reaches: place for reaches, place in self.places.items() if keys.isdisjoint(r.key for r in reaches)}
        zones = {key: subjects for key, subjects in zones.items() if subjects}
        local = frozenset(key[2:] for key in zones if key.startswith(("c:", "e:")))
        served = {reach: zone for reach, zone in self.served.items() if reach.key not in keys}
        return Directory(self.ruleset, self.territories, connectors, numbers, zones, local, places, served)


def _takes_matches(connector: Connector) -> bool:
    return connector.status == "active" and connector.capacity_30d > 0


def _places_of(connector: Connector, territories: Territories) -> set[tuple[str, str]]:
    keys = territories.keys_of(connector.zones)
    return {(key, subject) for key in keys for subject in connector.sujets}


def build_directory(connectors: Iterable[Connector], ruleset: Ruleset, territories: Territories) -> Directory:
    """A directory of these records."""
    return Directory(ruleset, territories).replace(connectors)
