"""Territories: which zones a company lies in, which ones might hold it when its commune is unknown.

A zone is named by a short key: `c:69123` commune, `e:200046977` EPCI, `d:69` département, `r:84` region, `n` the whole
country. `?d:69`, `?r:84` and `?` gather the finer zones inside a département, a region or France: when the commune is
unknown they may or may not hold the company. `?e:69` gathers the EPCI of a département, for a commune of unknown EPCI.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

from france.geography import city_of, departement_part
from matching.criteria.company import Company

ZoneType: TypeAlias = Literal["commune", "epci", "departement", "region", "national"]

LEVELS: Final = ("commune", "epci", "departement", "region", "national")
UNKNOWN_LEVEL: Final = "inconnu"
NATIONAL: Final = "n"
_PREFIX: Final = {"commune": "c:", "epci": "e:", "departement": "d:", "region": "r:"}


@dataclass(frozen=True, slots=True)
class Zone:
    """A territory a connecteur serves: type commune | epci | departement | region | national, and its INSEE code."""

    type: ZoneType
    code: str = ""


class Reach(NamedTuple):
    """One zone that covers, or may cover, a company.

    Attributes:
        key: the zone.
        level: one of `LEVELS`, or `UNKNOWN_LEVEL`.
        points: what it is worth, hundredths.
        unknown: the criteria it leaves open.
    """

    key: str
    level: str
    points: int
    unknown: tuple[str, ...] = ()


class Territories:
    """The administrative map: commune → EPCI, département → region, and the zones of a place."""

    def __init__(self, epci: Mapping[str, str], departements: Mapping[str, str], points: Mapping[str, int]) -> None:
        """Build the map.

        Args:
            epci: commune → EPCI (SIREN).
            departements: département → region.
            points: score points by level.
        """
        self.epci = epci
        self.departements = departements
        self.regions = frozenset(departements.values())
        self._points = {level: 100 * points[level] for level in LEVELS}
        self._epci_departements: dict[str, frozenset[str]] = {}
        members: dict[str, set[str]] = {}
        for commune, code in epci.items():
            members.setdefault(code, set()).add(departement_part(commune))
        for code, found in members.items():
            self._epci_departements[code] = frozenset(found)

    def exists(self, zone: Zone) -> bool:
        """Whether the code of a zone is known; communes are checked by their département only."""
        if zone.type == "national":
            return True
        if zone.type == "commune":
            return departement_part(zone.code) in self.departements
        known = {"epci": self._epci_departements, "departement": self.departements, "region": self.regions}
        return zone.code in known[zone.type]

    def regions_of(self, zones: Iterable[Zone]) -> frozenset[str]:
        """The regions that zones touch; `*` for the whole country."""
        return frozenset(region for zone in zones for region in self._regions_of(zone))

    def _regions_of(self, zone: Zone) -> Iterable[str]:
        if zone.type == "national":
            return ("*",)
        if zone.type == "region":
            return (zone.code,)
        return [region for d in self._departements_of(zone) if (region := self.departements.get(d))]

    def _departements_of(self, zone: Zone) -> frozenset[str]:
        if zone.type == "commune":
            return frozenset({departement_part(zone.code)})
        if zone.type == "epci":
            return self._epci_departements.get(zone.code, frozenset())
        return frozenset({zone.code}) if zone.type == "departement" else frozenset()

    def keys_of(self, zones: Iterable[Zone]) -> frozenset[str]:
        """The keys a connecteur is filed under: its zones, and the coarser "may hold" keys above them."""
        keys: set[str] = set()
        for zone in zones:
            if zone.type == "national":
                keys.add(NATIONAL)
                continue
            keys.add(_PREFIX[zone.type] + zone.code)
            keys.add("?")
            departements = self._departements_of(zone)
            if zone.type in {"commune", "epci"}:
                keys.update(f"?d:{departement}" for departement in departements)
            if zone.type == "epci":
                keys.update(f"?e:{departement}" for departement in departements)
            keys.update(f"?r:{region}" for d in departements if (region := self.departements.get(d)))
        return frozenset(keys)

    def reaches(self, company: Company) -> tuple[Reach, ...]:
        """The zones that cover a company, closest first, then those that may cover it (level `inconnu`, no points)."""
        commune, departement, region = company.commune, company.departement, company.region
        city = city_of(commune)
        departement = departement or (departement_part(commune) if commune else "")
        region = region or self.departements.get(departement, "")
        epci = self.epci.get(city, "")
        sure = [("commune", f"c:{commune}")] if commune else []
        if city != commune:
            sure.append(("commune", f"c:{city}"))
        sure += [("epci", f"e:{epci}")] if epci else []
        sure += [("departement", f"d:{departement}")] if departement else []
        sure += [("region", f"r:{region}")] if region else []
        sure.append(("national", NATIONAL))
        reaches = [Reach(key, level, self._points[level]) for level, key in sure]
        if not epci:
            reaches.append(Reach(_doubt(commune, departement, region), UNKNOWN_LEVEL, 0, ("territoire",)))
        return tuple(reaches)


def _doubt(commune: str, departement: str, region: str) -> str:
    """The key of the zones that may hold a place whose EPCI, commune, département or region is unknown."""
    if commune:
        return f"?e:{departement}"
    if departement:
        return f"?d:{departement}"
    return f"?r:{region}" if region else "?"
