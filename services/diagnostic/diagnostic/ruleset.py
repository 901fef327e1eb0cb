"""The rule set: every figure of the diagnosis that may be recalibrated, read from `data/ruleset.toml`."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Final, Generic, TypeVar

import msgspec

from diagnostic.terms import BandName, ExpressBandName, QuestionKind, Stage

Name = TypeVar("Name")


@dataclass(frozen=True, slots=True)
class Band(Generic[Name]):
    """A named range of a score, `up_to` included."""

    id: Name
    label: str
    up_to: float


@dataclass(frozen=True, slots=True)
class Prefill:
    """Full-form answers that follow from express answers: (express item, answer, question, item, level)."""

    items: tuple[tuple[str, str, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class ExpressRules:
    """How the points of an express form read."""

    basic_from: int
    bands: tuple[Band[ExpressBandName], ...]
    prefill: Prefill


@dataclass(frozen=True, slots=True)
class PlanRules:
    """How the plan is chosen among the measures that the answers trigger."""

    size: int
    per_dimension: int
    urgent_question: str
    urgent_dimension: str
    urgent_below: float
    triggers: dict[QuestionKind, int]


@dataclass(frozen=True, slots=True)
class GapRules:
    """Thresholds of the gap flags: questions on 0-10, dimensions on 0-100, the planned share on 0-1."""

    planned_share_from: float
    means_below: float
    tools_over_people_from: float
    data_from: float
    security_below: float
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class Window:
    """A re-measurement window, in calendar months after the first full diagnosis, both ends included."""

    id: Stage
    from_months: int
    to_months: int


@dataclass(frozen=True, slots=True)
class StageRules:
    """When a diagnosis is T1 or T2, and how long one is valid for label and chèque."""

    valid_months: int
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class DraftRules:
    """How long an untouched draft is kept."""

    kept_months: int


@dataclass(frozen=True, slots=True)
class BenchmarkRules:
    """From how many companies on a benchmark shows its figures."""

    shown_from: int


@dataclass(frozen=True, slots=True)
class Ruleset:
    """Every figure of the diagnosis."""

    ruleset_version: str
    bands: tuple[Band[BandName], ...]
    express: ExpressRules
    plan: PlanRules
    gaps: GapRules
    stages: StageRules
    drafts: DraftRules
    benchmark: BenchmarkRules


def read_data(name: str) -> dict[str, object]:
    """A TOML file of the package's `data` folder."""
    return tomllib.loads((files("diagnostic") / "data" / name).read_text("utf-8"))


RULESET: Final = msgspec.convert(read_data("ruleset.toml"), Ruleset)


def band_of(bands: tuple[Band[Name], ...], value: float) -> Name:
    """The id of the band of an unrounded value."""
    for band in bands:
        if value <= band.up_to:
            return band.id
    return bands[-1].id
