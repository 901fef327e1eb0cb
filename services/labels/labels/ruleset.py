"""The figures and texts that decisions use, as data under a version; `settings.py` reads them from the package data."""

from datetime import datetime
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

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
