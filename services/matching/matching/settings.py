"""The package data as objects: figures of the rule set, territories, catalogue of aids; read once."""

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from france.geography import epci_by_commune, regions_by_departement
from matching.model import Aid
from matching.rules.aids import Catalogue
from matching.rules.figures import Figures
from matching.rules.territory import Territories

_DATA: Final = files("matching") / "data"


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
    """The administrative map of France, with what closeness is worth."""
    return Territories(epci_by_commune(), regions_by_departement(), figures().score.territory)


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
