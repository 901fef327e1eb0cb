"""What the service knows of one company: its snapshot, open drafts, completed diagnoses."""

from datetime import datetime
from typing import Annotated, ClassVar

import msgspec
from pydantic import Field

from diagnostic.events import Company
from diagnostic.scoring.peers import Cell
from diagnostic.terms import BandName, ExpressBandName, FormKind, Stage


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A diagnosis being filled in; its answers may be incomplete.

    Attributes:
        diagnostic_id: UUID.
        kind: `complet` or `express`.
        stage: the stage expected if it were submitted on the day it was started.
        started_at: when it was started.
        saved_at: when an answer was last saved.
        sheet: packed answers, one character an item (see `questionnaire.sheet`).
        referential: the form it is filled in by; "" for one opened before drafts named it.
    """

    diagnostic_id: str
    kind: FormKind
    stage: Stage
    started_at: datetime
    saved_at: datetime
    sheet: str
    referential: str = ""


class Completed(msgspec.Struct, frozen=True, gc=False):
    """A full diagnosis, frozen at submission.

    Attributes:
        diagnostic_id: UUID.
        stage: T0, T1, T2 or libre.
        referential: questionnaire and version it was scored with.
        completed_at: when it was submitted.
        sheet: packed answers.
        scores: D1..D6, C1, C2 on 0-100, unrounded.
        global_score: mean of D1..D6, unrounded.
        band: debutant, intermediaire, avance or expert.
        gaps: flags (see `scoring.scores`).
        plan: ids of the measures proposed, in order.
        cell: the peers it counts among.
    """

    kind: ClassVar[FormKind] = "complet"

    diagnostic_id: str
    stage: Stage
    referential: str
    completed_at: datetime
    sheet: str
    scores: dict[str, Annotated[float, Field(ge=0, le=100)]]
    global_score: Annotated[float, Field(ge=0, le=100)]
    band: BandName
    gaps: tuple[str, ...]
    plan: tuple[str, ...]
    cell: Cell


class Express(msgspec.Struct, frozen=True, gc=False):
    """An express form, frozen at submission: 0 to 12 points."""

    kind: ClassVar[FormKind] = "express"

    diagnostic_id: str
    referential: str
    completed_at: datetime
    sheet: str
    points: Annotated[int, Field(ge=0, le=12)]
    band: ExpressBandName
    basic: bool


class DiagnosticFile(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """State of one company (key: SIREN).

    Attributes:
        siren: 9 digits.
        company: latest snapshot; None until companies has told us of it.
        drafts: at most one of each kind.
        completed: full diagnoses, oldest first; nothing in it is ever changed.
        express: express forms, oldest first.
        company_version: version of the snapshot.
    """

    siren: str
    company: Company | None = None
    drafts: tuple[Draft, ...] = ()
    completed: tuple[Completed, ...] = ()
    express: tuple[Express, ...] = ()
    company_version: int = 1


class BenchmarkChange(msgspec.Struct, frozen=True, gc=False):
    """A row for the benchmark: one company's score enters (`count` = 1) or leaves (−1) a cell.

    Attributes:
        cell: the peers concerned.
        count: +1 or −1.
        global_score: 0-100.
    """

    cell: Cell
    count: int
    global_score: float


def initial(key: str) -> DiagnosticFile:
    """The state of a company never seen."""
    return DiagnosticFile(key)


def found(state: DiagnosticFile, diagnostic_id: str) -> Draft | Completed | Express | None:
    """The diagnosis of this id, whatever became of it."""
    for each in (*state.drafts, *state.completed, *state.express):
        if each.diagnostic_id == diagnostic_id:
            return each
    return None


def expiry_name(draft: Draft) -> str:
    """The name of the deadline that forgets a draft."""
    return f"draft:{draft.diagnostic_id}"
