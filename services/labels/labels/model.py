"""What the service knows: a company's file (keyed by SIREN), the programme that files share, its answers."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Literal, TypeAlias

import msgspec

from labels.inputs import ApplyForLabel, Company
from labels.ruleset import Ruleset

ApplicationStatus: TypeAlias = Literal["attribue", "refuse", "liste_attente"]
LabelStatus: TypeAlias = Literal["actif", "expire"]

NOBODY: Mapping[str, int] = MappingProxyType({})


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
    reasons: tuple[Reason, ...] = ()
    region: str = ""
    score: int = 0
    exemplary: bool = False
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
        profile_version: version of the profile as the company register last published it; 0 while the snapshot
            of a diagnosis is all we have. Once the register has spoken, snapshots are older than what we know.
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


# --- what files share ------------------------------------------------------------------------------------------------


class Cohort(msgspec.Struct, frozen=True, gc=False):
    """The labels of one programme year. Invariant: 0 ≤ granted ≤ cap; `by_region` adds up to `granted`."""

    year: int
    cap: int
    granted: int = 0
    by_region: Mapping[str, int] = msgspec.field(default_factory=lambda: NOBODY)

    @property
    def free(self) -> int:
        """Places left."""
        return self.cap - self.granted


class Programme(msgspec.Struct, frozen=True, gc=False):
    """Cohorts and waiting list as one batch sees them, locked when the batch may change them.

    Attributes:
        rulesets: newest first, never empty.
        cohorts: the programme years this batch is about.
        waiting: region → number of files in the waiting list; the list is one for all years.
        next_ticket: what the next file of the waiting list gets.
        entitled: programme year → companies whose turn it is: with the free places of that year, nobody before
            them in the list could go without.
    """

    rulesets: tuple[Ruleset, ...]
    cohorts: Mapping[int, Cohort] = {}
    waiting: Mapping[str, int] = msgspec.field(default_factory=lambda: NOBODY)
    next_ticket: int = 1
    entitled: Mapping[int, frozenset[str]] = {}

    def ruleset_at(self, time: datetime) -> Ruleset:
        """The newest rules valid at `time`; the oldest ones for a time before all."""
        for ruleset in self.rulesets:
            if ruleset.valid_from <= time:
                return ruleset
        return self.rulesets[-1]


class Queued(msgspec.Struct, frozen=True, gc=False):
    """A row for the store: this file entered the waiting list."""

    siren: str
    ticket: int
    region: str
    cohort_year: int
    since: datetime


class Unqueued(msgspec.Struct, frozen=True, gc=False):
    """A row for the store: this file left the waiting list."""

    siren: str


# --- answers ---------------------------------------------------------------------------------------------------------


class LabelAnswer(msgspec.Struct, frozen=True, gc=False):
    """A label as its holder sees it."""

    label_id: str
    status: LabelStatus
    cohort_year: int
    rank: int
    granted_at: datetime
    expires_at: datetime
    verification_path: str


class ApplicationAnswer(msgspec.Struct, frozen=True, gc=False):
    """What a company is told of its application; `next_step` is a French sentence."""

    siren: str
    application_id: str
    state: ApplicationStatus
    submitted_at: datetime
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


class CohortAnswer(msgspec.Struct, frozen=True, gc=False):
    """The places of a programme year; `waiting` counts the whole waiting list."""

    year: int
    cap: int
    granted: int
    free: int
    waiting: int
