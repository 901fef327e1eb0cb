"""The rule set: every figure and text that decisions use, constants of a version, read once from `data/`."""

import tomllib
from collections.abc import Iterable
from datetime import date, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from common.declare.errors import Misconfigured
from france.days import paris_day

Positive: TypeAlias = Annotated[int, Meta(ge=1)]
Points: TypeAlias = Annotated[int, Meta(ge=0, le=100)]
Percent: TypeAlias = Annotated[float, Meta(ge=0, le=100)]
RegionCode: TypeAlias = Annotated[str, Meta(pattern=r"^\d{2}$")]


class Commitment(msgspec.Struct, frozen=True, gc=False):
    """One commitment of a charter, in French, with what proves it."""

    number: Positive
    code: str
    title: str
    text: str
    compulsory: bool
    proof: str
    url_required: bool


class Charter(msgspec.Struct, frozen=True, gc=False):
    """A version of the charter; `commitments` are numbered 1, 2, 3… in order."""

    version: str
    title: str
    preamble: str
    commitments: tuple[Commitment, ...]


class CompanyRules(msgspec.Struct, frozen=True, gc=False):
    """Which companies may have the label: classes of size, codes of what is France."""

    sizes: frozenset[str]
    regions: frozenset[str]
    overseas: frozenset[str]


class DiagnosisRules(msgspec.Struct, frozen=True, gc=False):
    """What the diagnosis must show: scores strictly above, 0 to 100; `valid_months` calendar months."""

    valid_months: Positive
    global_above: Percent
    floors: dict[str, Percent]


class ScoreRules(msgspec.Struct, frozen=True, gc=False):
    """Points of a file, and from how many it is « exemplaire »."""

    compulsory_points: Points
    other_points: Points
    other_points_max: Points
    progress_step: Annotated[float, Meta(gt=0, le=100)]
    progress_points_max: Points
    exemplary_from: Points


class LabelRules(msgspec.Struct, frozen=True, gc=False):
    """Life of a label."""

    valid_months: Positive


class Reserve(msgspec.Struct, frozen=True, gc=False):
    """Share of a cohort kept for regions by weight (number of SMEs) until `freed_from_month`; 0 percent is off."""

    percent: Percent
    freed_from_month: Annotated[int, Meta(ge=1, le=12)]
    weights: dict[RegionCode, Annotated[float, Meta(gt=0)]]


class ProgrammeRules(msgspec.Struct, frozen=True, gc=False):
    """Size of the cohorts before an operator changes one: `first_cap` × `yearly_factor` to the power of years since."""

    first_year: Annotated[int, Meta(ge=2000, le=2999)]
    first_cap: Annotated[int, Meta(ge=0)]
    yearly_factor: Annotated[int, Meta(ge=1, le=10)]
    reserve: Reserve


class Ruleset(msgspec.Struct, frozen=True, gc=False):
    """Every figure of a decision, under the version that the decision stores."""

    version: str
    valid_from: datetime
    charter: Charter
    company: CompanyRules
    diagnosis: DiagnosisRules
    score: ScoreRules
    label: LabelRules
    programme: ProgrammeRules


# --- the package data ------------------------------------------------------------------------------------------------


def _documents(folder: str) -> list[Traversable]:
    return [file for file in (files("labels") / "data" / folder).iterdir() if file.name.endswith(".toml")]


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


def newest_first(found: Iterable[Ruleset]) -> tuple[Ruleset, ...]:
    """Rule sets in the order in which `ruleset_at` looks for the one in force."""
    return tuple(sorted(found, key=lambda ruleset: ruleset.valid_from, reverse=True))


def _charters() -> dict[str, Charter]:
    found = (read_charter(file.read_text("utf-8"), file.name) for file in _documents("chartes"))
    return {charter.version: charter for charter in found}


def _rulesets(known: dict[str, Charter]) -> tuple[Ruleset, ...]:
    return newest_first(read_ruleset(file.read_text("utf-8"), file.name, known) for file in _documents("regles"))


CHARTERS: Final = _charters()
"""Every version of the charter, by version. A wrong one stops the start: `Misconfigured` names file and fault."""

RULESETS: Final = _rulesets(CHARTERS)
"""Every version of the rules, the newest first, never empty. A wrong one stops the start like a wrong charter."""


def first_day_of(charter: str) -> date:
    """The first day, in Paris, on which a version of the charter was in force; long ago where no rules name it."""
    days = [paris_day(ruleset.valid_from) for ruleset in RULESETS if ruleset.charter.version == charter]
    return min(days, default=date.min)


def ruleset_at(time: datetime) -> Ruleset:
    """The newest rules valid at `time`; the oldest ones for a time before all."""
    for ruleset in RULESETS:
        if ruleset.valid_from <= time:
            return ruleset
    return RULESETS[-1]
