"""What the service knows of one company: its snapshot, open drafts, completed diagnoses."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec
from pydantic import Field

FormKind: TypeAlias = Literal["complet", "express"]
Stage: TypeAlias = Literal["T0", "T1", "T2", "libre"]
BandName: TypeAlias = Literal["debutant", "intermediaire", "avance", "expert"]
ExpressBandName: TypeAlias = Literal["tres_faible", "faible", "eleve", "tres_eleve"]


@dataclass(frozen=True, slots=True)
class Company:
    """The company snapshot that companies publishes, kept and published again with each diagnosis.

    Attributes:
        siret: 14 digits of the head office.
        name: business name; None where the company asked not to be published.
        naf: activity code with its dot, `62.01Z`.
        naf_nomenclature: `NAFRev2` or `NAF2025`.
        legal_form: INSEE legal category, 4 digits, or "".
        headcount_code: INSEE headcount band: NN, 00, 01 … 53, or "".
        commune: INSEE code of the commune, or "".
        departement: code of the department, or "".
        region: INSEE code of the region, or "".
        created_on: date of creation, if known.
        active: False once the company has ceased.
        sme_category: micro, petite, moyenne, hors_pme or inconnu.
    """

    siret: str
    name: str | None
    naf: str
    naf_nomenclature: str
    legal_form: str
    headcount_code: str
    commune: str
    departement: str
    region: str
    created_on: date | None
    active: bool
    sme_category: str


class Cell(msgspec.Struct, frozen=True, gc=False):
    """The peers a company is compared with: size class × NAF section × region; "" where unknown."""

    size: str
    section: str
    region: str


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A diagnosis being filled in; its answers may be incomplete.

    Attributes:
        diagnostic_id: UUID.
        kind: `complet` or `express`.
        stage: the stage expected if it were submitted on the day it was started.
        started_at: when it was started.
        saved_at: when an answer was last saved.
        sheet: packed answers, one character an item (see `rules.sheet`).
    """

    diagnostic_id: str
    kind: FormKind
    stage: Stage
    started_at: datetime
    saved_at: datetime
    sheet: str


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
        gaps: flags (see `rules.scoring`).
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


class DiagnosticFile(msgspec.Struct, frozen=True, gc=False):
    """State of one company (key: SIREN).

    Attributes:
        siren: 9 digits.
        company: latest snapshot; None until companies has told us of it.
        drafts: at most one of each kind.
        completed: full diagnoses, oldest first; nothing in it is ever changed.
        express: express forms, oldest first.
    """

    siren: str
    company: Company | None = None
    drafts: tuple[Draft, ...] = ()
    completed: tuple[Completed, ...] = ()
    express: tuple[Express, ...] = ()


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
