"""The package data as objects, each read once: rule set, map of France, catalogue of aids, and what is made of them."""

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Final

import msgspec

from france.geography import epci_by_commune, regions_by_departement
from france.working_days import working_days
from matching.aids.aid import Aid
from matching.aids.catalogue import Catalogue
from matching.basis import Basis
from matching.criteria.profile import Profiler
from matching.explain.wording import Wording
from matching.places.territory import Territories
from matching.ruleset import Ruleset, read_ruleset
from matching.search.index import Directory
from matching.search.searcher import Searcher

_DATA: Final = files("matching") / "data"


@lru_cache(maxsize=1)
def ruleset() -> Ruleset:
    """The rule set of `data/regles.toml`.

    Raises:
        msgspec.ValidationError: a figure is missing or of the wrong kind; the text names it.
    """
    return read_ruleset((_DATA / "regles.toml").read_text("utf-8"))


@lru_cache(maxsize=1)
def territories() -> Territories:
    """The administrative map of France, with what closeness is worth."""
    return Territories(epci_by_commune(), regions_by_departement(), ruleset().score.territory)


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """The aids and resources of `data/aides.toml`, compiled.

    Raises:
        msgspec.ValidationError: an entry is wrong; the text names its place.
    """
    return Catalogue(read_aids((_DATA / "aides.toml").read_text("utf-8")), ruleset())


def read_aids(text: str) -> tuple[Aid, ...]:
    """The entries of a catalogue in TOML, in its order; see `catalogue`."""
    return msgspec.convert(tomllib.loads(text)["aides"], tuple[Aid, ...])


@lru_cache(maxsize=1)
def profiler() -> Profiler:
    """What makes profiles of companies."""
    return Profiler(ruleset().activities)


@lru_cache(maxsize=1)
def wording() -> Wording:
    """The sentences of the explanations."""
    return Wording(ruleset())


def basis(directory: Directory) -> Basis:
    """What companies are matched against, with this directory."""
    searcher = Searcher(directory, ruleset())
    return Basis(ruleset(), profiler(), catalogue(), working_days(), wording(), directory, searcher)
