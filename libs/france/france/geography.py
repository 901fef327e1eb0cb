"""Commune → EPCI, département → region, by INSEE codes (code officiel géographique 2026)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final

import msgspec


@dataclass(frozen=True, slots=True)
class Departement:
    """A département and the INSEE code of its region ("" where there is none)."""

    name: str
    region: str


@dataclass(frozen=True, slots=True)
class Geography:
    """The code list.

    Attributes:
        version: edition of the official code list.
        source: who publishes it.
        regions: code → name.
        departements: code → name and region.
        postal_exceptions: postal code → département, where its first digits would lie.
    """

    version: str
    source: str
    regions: dict[str, str]
    departements: dict[str, Departement]
    postal_exceptions: dict[str, str]


class _Groupings(msgspec.Struct):
    epci: dict[str, str]


_DATA: Final = files("france") / "data"

GEOGRAPHY: Final = msgspec.json.decode((_DATA / "geography.json").read_bytes(), type=Geography)
REGIONS: Final = tuple(GEOGRAPHY.regions)
_REGION_OF: Final = {code: departement.region for code, departement in GEOGRAPHY.departements.items()}
_COMMUNE_DIGITS: Final = 5
_CITIES: Final = (("751", "75056"), ("6938", "69123"), ("132", "13055"))
"""First digits of the arrondissements of Paris, Lyon and Marseille → the commune."""

# Paris, Lyon and Marseille: the postal code of an arrondissement names its INSEE code.
_ARRONDISSEMENTS: Final = {
    **{f"750{n:02}": f"751{n:02}" for n in range(1, 21)},
    "75116": "75116",
    **{f"6900{n}": f"6938{n}" for n in range(1, 10)},
    **{f"130{n:02}": f"132{n:02}" for n in range(1, 17)},
}


def departement_of_commune(commune: str) -> str:
    """The département of an INSEE commune code; "" when it is not one."""
    if len(commune) != _COMMUNE_DIGITS or not (commune.isascii() and commune[2:].isdigit()):
        return ""
    return known_departement(departement_part(commune))


def departement_part(commune: str) -> str:
    """The digits of an INSEE commune code that name its département, unchecked."""
    return commune[:3] if commune.startswith(("97", "98")) else commune[:2]


def city_of(commune: str) -> str:
    """The commune of an arrondissement of Paris, Lyon or Marseille; any other commune is itself."""
    for prefix, city in _CITIES:
        if commune.startswith(prefix) and commune != city:
            return city
    return commune


def is_abroad(commune: str) -> bool:
    """Whether a code stands for a place outside France (`99` and the country)."""
    return len(commune) == _COMMUNE_DIGITS and commune.startswith("99") and commune.isascii() and commune.isdigit()


def departement_of_postal_code(postal_code: str) -> str:
    """The département of a postal code, by its first digits; "" when it is not one.

    A few border communes are served by the next département's post office: the commune code, when known, decides.
    """
    if len(postal_code) != _COMMUNE_DIGITS or not (postal_code.isascii() and postal_code.isdigit()):
        return ""
    exception = GEOGRAPHY.postal_exceptions.get(postal_code)
    if exception is not None:
        return exception
    if postal_code.startswith("20"):
        return "2A" if postal_code[2] in "01" else "2B"
    return known_departement(departement_part(postal_code))


def commune_of_postal_code(postal_code: str) -> str:
    """The municipal arrondissement a postal code stands for (Paris, Lyon, Marseille); "" elsewhere."""
    return _ARRONDISSEMENTS.get(postal_code, "")


def known_departement(code: str) -> str:
    """The code itself when it is that of a département, else ""."""
    return code if code in _REGION_OF else ""


def region_of(departement: str) -> str:
    """The INSEE region of a département; "" when unknown or in an overseas territory that belongs to none."""
    return _REGION_OF.get(departement, "")


@lru_cache(maxsize=1)
def regions_by_departement() -> Mapping[str, str]:
    """Département → region, without the overseas territories that belong to none."""
    return {code: region for code, region in _REGION_OF.items() if region}


@lru_cache(maxsize=1)
def epci_by_commune() -> Mapping[str, str]:
    """Commune → SIREN of the intermunicipality (EPCI) it is a member of; `data/epci.json` is read when first asked."""
    document = msgspec.json.decode((_DATA / "epci.json").read_bytes(), type=_Groupings)
    return {commune: code for code, communes in document.epci.items() for commune in communes.split()}
