"""The package data as objects: charters and rulesets, read once, checked, then immutable."""

import tomllib
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

import msgspec

from common.errors import Misconfigured
from labels.ruleset import Charter, Ruleset

_DATA: Final = files("labels") / "data"


@lru_cache(maxsize=1)
def charters() -> dict[str, Charter]:
    """Every version of the charter, by version.

    Raises:
        Misconfigured: a charter is wrong; the text names the file and the fault.
    """
    found = (read_charter(file.read_text("utf-8"), file.name) for file in _documents("chartes"))
    return {charter.version: charter for charter in found}


@lru_cache(maxsize=1)
def rulesets() -> tuple[Ruleset, ...]:
    """Every version of the rules, the newest first.

    Raises:
        Misconfigured: a ruleset is wrong; the text names the file and the fault.
    """
    found = [read_ruleset(file.read_text("utf-8"), file.name, charters()) for file in _documents("regles")]
    return tuple(sorted(found, key=lambda ruleset: ruleset.valid_from, reverse=True))


def _documents(folder: str) -> list[Traversable]:
    return sorted((file for file in (_DATA / folder).iterdir() if file.name.endswith(".toml")), key=lambda f: f.name)


def read_charter(text: str, name: str = "charter") -> Charter:
    """A charter from its TOML text; `name` says which file in messages.

    Raises:
        Misconfigured: the text does not fit.
    """
    try:
        charter = msgspec.convert(tomllib.loads(text), Charter)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Misconfigured(f"{name}: {error}") from error
    numbers = [commitment.number for commitment in charter.commitments]
    if numbers != list(range(1, len(numbers) + 1)) or not numbers:
        raise Misconfigured(f"{name}: commitments must be numbered 1, 2, 3… in order, found {numbers}")
    return charter


def read_ruleset(text: str, name: str, known: dict[str, Charter]) -> Ruleset:
    """A ruleset from its TOML text, with the charter it names; `name` says which file in messages.

    Raises:
        Misconfigured: the text does not fit, or names a charter that is not known.
    """
    try:
        document: dict[str, Any] = tomllib.loads(text)
        version = str(document.pop("charter_version", ""))
        if version not in known:
            raise Misconfigured(f"{name}: charter_version {version!r} is not one of {sorted(known)}")
        ruleset = msgspec.convert({**document, "charter": msgspec.to_builtins(known[version])}, Ruleset)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Misconfigured(f"{name}: {error}") from error
    if ruleset.valid_from.tzinfo is None:
        raise Misconfigured(f"{name}: valid_from must name its offset from UTC")
    if ruleset.programme.reserve.percent and not ruleset.programme.reserve.weights:
        raise Misconfigured(f"{name}: programme.reserve.percent needs the weights of the regions")
    return ruleset
