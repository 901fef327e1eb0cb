"""Commune → EPCI, département → region, by INSEE codes (code officiel géographique 2026).

`read_commune`, `read_departement` and `read_postal_code` take what people and files write, and give the code of today,
"" for what is in no list.
"""

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


class _Communes(msgspec.Struct):
    """What the groupings do not say of communes.

    Attributes:
        unattached: those that are members of no grouping.
        former: code of today → the codes that went up in it.
        abroad: first-last codes of runs of countries and territories, former ones included.
    """

    unattached: str
    former: dict[str, str]
    abroad: str


_DATA: Final = files("france") / "data"

GEOGRAPHY: Final = msgspec.json.decode((_DATA / "geography.json").read_bytes(), type=Geography)
REGIONS: Final = tuple(GEOGRAPHY.regions)
_REGION_OF: Final = {code: departement.region for code, departement in GEOGRAPHY.departements.items()}
_IN_REGIONS: Final = {code: region for code, region in _REGION_OF.items() if region}
_COMMUNE_DIGITS: Final = 5
_NOWHERE: Final = ("00", "980")
"""First digits of postal codes that lie in no département: the armies, Monaco."""

_CITIES: Final = (("751", "75056"), ("6938", "69123"), ("132", "13055"))
"""First digits of the arrondissements of Paris, Lyon and Marseille → the commune."""

# Paris, Lyon and Marseille: the postal code of an arrondissement names its INSEE code.
_ARRONDISSEMENTS: Final = {
    **{f"750{n:02}": f"751{n:02}" for n in range(1, 21)},
    "75116": "75116",
    **{f"6900{n}": f"6938{n}" for n in range(1, 10)},
    **{f"130{n:02}": f"132{n:02}" for n in range(1, 17)},
}


def read_commune(raw: str) -> str:
    """The INSEE code of today of a commune, an arrondissement or a country (`99109`); "" when it is in no list.

    A leading zero that a spreadsheet ate is put back (`1004`), a former code gives the commune that it went up in
    (`97127`, Saint-Martin before 2007, gives `97801`).
    """
    code = raw.strip().upper()
    code = f"0{code}" if len(code) == _COMMUNE_DIGITS - 1 else code
    return _communes().get(code, "")


def read_departement(raw: str) -> str:
    """The code of a département, its leading zero put back (`1`); "" when it is in no list."""
    code = raw.strip().upper()
    return known_departement(f"0{code}" if len(code) == 1 else code)


def read_postal_code(raw: str) -> str:
    """A postal code of France, its leading zero put back (`1000`); "" when none begins so.

    That of an army post (`00…`) or of Monaco (`980…`) is one, but tells no département.
    """
    code = raw.replace(" ", "")
    code = f"0{code}" if len(code) == _COMMUNE_DIGITS - 1 else code
    if departement_of_postal_code(code):
        return code
    plain = len(code) == _COMMUNE_DIGITS and code.isascii() and code.isdigit()
    return code if plain and code.startswith(_NOWHERE) and int(code) else ""


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
        if commune.startswith(prefix):
            return city
    return commune


def is_abroad(commune: str) -> bool:
    """Whether a code of the list stands for a place outside France (`99` and the country)."""
    return commune.startswith("99")


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


def regions_by_departement() -> Mapping[str, str]:
    """Département → region, without the overseas territories that belong to none."""
    return _IN_REGIONS


@lru_cache(maxsize=1)
def epci_by_commune() -> Mapping[str, str]:
    """Commune → SIREN of the intermunicipality (EPCI) it is a member of; `data/epci.json` is read when first asked."""
    document = msgspec.json.decode((_DATA / "epci.json").read_bytes(), type=_Groupings)
    return {commune: code for code, communes in document.epci.items() for commune in communes.split()}


@lru_cache(maxsize=1)
def _communes() -> Mapping[str, str]:
    """Every code in use or formerly so → the code of today; `data/communes.json` is read when first asked."""
    document = msgspec.json.decode((_DATA / "communes.json").read_bytes(), type=_Communes)
    abroad = codes_of_runs(document.abroad)
    today = (*epci_by_commune(), *document.unattached.split(), *_ARRONDISSEMENTS.values(), *abroad)
    codes = {code: code for code in today}
    return codes | {old: code for code, former in document.former.items() for old in former.split()}


def codes_of_runs(runs: str) -> list[str]:
    """Every code of runs written `first-last`, both included."""
    ends = (run.split("-") for run in runs.split())
    return [str(code) for first, last in ends for code in range(int(first), int(last) + 1)]
