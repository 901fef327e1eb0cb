"""What the service knows of a company, and what it answers."""

from datetime import date, datetime
from typing import Literal, TypeAlias

import msgspec

from common.declare.decision import Moment
from labels.applications.inputs import ApplyForLabel, Company

ApplicationStatus: TypeAlias = Literal["attribue", "refuse", "liste_attente"]
LabelStatus: TypeAlias = Literal["actif", "expire"]

# --- a company's file ------------------------------------------------------------------------------------------------


class Reason(msgspec.Struct, frozen=True, gc=False):
    """Why a file is not admissible: a code for programs, a French sentence with what is missing and how to mend it."""

    code: str
    text: str


class Diagnosis(msgspec.Struct, frozen=True, gc=False):
    """The last full diagnosis. Scores are 0 to 100, unrounded."""

    diagnostic_id: str
    completed_at: datetime
    scores: dict[str, float]
    global_score: float


class Application(msgspec.Struct, frozen=True, gc=False):
    """The last application and what became of it.

    Attributes:
        content: exactly what was filed; the same content again is the same application.
        submitted_at: when it was filed; on the waiting list, the moment its order follows from.
        diagnostic_id: the diagnosis it was decided on, "" when there was none.
        ruleset_version: version of the figures it was decided with.
        region: region of the company when it filed; its place is counted there.
        score: points of the file, 0 when it was refused at once.
        cohort_year: programme year of the label or of the waiting list; 0 when refused at once.
        position: place in the waiting list when it was put there; 0 when it never waited.
        ticket: number that orders the waiting list; 0 when it never waited.
    """

    application_id: str
    content: ApplyForLabel
    submitted_at: datetime
    ruleset_version: str
    diagnostic_id: str
    status: ApplicationStatus
    reasons: tuple[Reason, ...]
    region: str
    score: int
    exemplary: bool
    cohort_year: int = 0
    position: int = 0
    ticket: int = 0


class Label(msgspec.Struct, frozen=True, gc=False):
    """The last label of a company; valid while `status` is "actif" and `expires_at` (UTC) has not come."""

    label_id: str
    cohort_year: int
    rank: int
    granted_at: datetime
    expires_at: datetime
    status: LabelStatus = "actif"


class LabelFile(msgspec.Struct, frozen=True, gc=False):
    """All that is known of one company.

    Attributes:
        profile_version: version of the profile, as the company register counts it; 0 before any is known.
        first_global: global score of the diagnosis T0, None before it.
        second_global: global score of the diagnosis T1, None before it.
    """

    siren: str
    company: Company | None = None
    profile_version: int = 0
    diagnosis: Diagnosis | None = None
    first_global: float | None = None
    second_global: float | None = None
    application: Application | None = None
    label: Label | None = None

    @property
    def region(self) -> str:
        """INSEE code of the region of the company, "" when unknown."""
        return self.company.region if self.company is not None else ""


# --- answers ---------------------------------------------------------------------------------------------------------


class LabelAnswer(msgspec.Struct, frozen=True, gc=False):
    """A label as its holder sees it; `valid_until` is its last day in Paris, `expires_at` the midnight after it."""

    label_id: str
    status: LabelStatus
    cohort_year: int
    rank: int
    granted_at: Moment
    expires_at: Moment
    valid_until: date
    verification_path: str


class ApplicationAnswer(msgspec.Struct, frozen=True, gc=False):
    """What a company is told of its application; `next_step` is a French sentence."""

    siren: str
    application_id: str
    state: ApplicationStatus
    submitted_at: Moment
    charter_version: str
    ruleset_version: str
    score: int
    exemplary: bool
    codes: tuple[str, ...]
    reasons: tuple[str, ...]
    cohort_year: int | None
    position: int | None
    label: LabelAnswer | None
    next_step: str
