"""The package data as objects: figures of the rule set, territories, calendar, catalogue of aids; read once."""

import tomllib
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from matching.model import Aid
from matching.rules.aids import Catalogue
from matching.rules.calendar import WorkingDays
from matching.rules.figures import Figures
from matching.rules.territory import Territories

_DATA: Final = files("matching") / "data"


class _HolidayDocument(msgspec.Struct):
    years: tuple[int, int]
    france: list[date]
    departements: dict[str, list[date]]


class _TerritoryDocument(msgspec.Struct):
    epci: dict[str, str]
    departements: dict[str, str]


@lru_cache(maxsize=1)
def figures() -> Figures:
    """The figures of `data/regles.toml`.

    Raises:
        msgspec.ValidationError: a figure is missing or of the wrong kind; the text names it.
    """
    return read_figures((_DATA / "regles.toml").read_text("utf-8"))


def read_figures(text: str) -> Figures:
    """Figures from the TOML text of a rule set; see `figures`."""
    document: dict[str, Any] = tomllib.loads(text)
    sections: dict[str, list[str]] = document["activities"]["sections"]
    document["activities"]["sections"] = {
        division: section for section, divisions in sections.items() for division in divisions
    }
    return msgspec.convert(document, Figures)


@lru_cache(maxsize=1)
def territories() -> Territories:
    """Communes, EPCI, départements and regions of `data/territoires.json` (code officiel géographique, INSEE)."""
    document = msgspec.json.decode((_DATA / "territoires.json").read_bytes(), type=_TerritoryDocument)
    epci = {commune: code for code, communes in document.epci.items() for commune in communes.split()}
    return Territories(epci, document.departements, figures().score.territory)


@lru_cache(maxsize=1)
def calendar() -> WorkingDays:
    """The working days of `data/feries.json`."""
    document = msgspec.json.decode((_DATA / "feries.json").read_bytes(), type=_HolidayDocument)
    return WorkingDays(document.france, document.departements, document.years[1])


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """The aids and resources of `data/aides.toml`, compiled.

    Raises:
        msgspec.ValidationError: an entry is wrong; the text names its place.
    """
    return Catalogue(read_aids((_DATA / "aides.toml").read_text("utf-8")), figures())


def read_aids(text: str) -> tuple[Aid, ...]:
    """The entries of a catalogue in TOML, in its order; see `catalogue`."""
    return msgspec.convert(tomllib.loads(text)["aides"], tuple[Aid, ...])
