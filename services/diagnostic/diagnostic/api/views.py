"""The shapes of what a director reads; their documents describe these types, `history` fills them."""

from datetime import date
from typing import Literal, TypeAlias, TypedDict

from common.declare.decision import Moment
from diagnostic.measures.table import MeasureView
from diagnostic.questionnaire.sheet import Answers
from diagnostic.terms import FormKind, Stage

DraftStatus: TypeAlias = Literal["brouillon", "clos"]


class Named(TypedDict):
    """A code and its French label."""

    id: str
    label: str


class ScoreView(Named):
    """The score of a dimension, with one decimal."""

    score: float


class Peers(TypedDict):
    """Whom a company is compared with; "" where unknown."""

    taille: str
    section: str
    region: str


class DraftView(TypedDict):
    """A diagnosis being filled in, or closed because its questionnaire is no longer known."""

    diagnostic_id: str
    kind: FormKind
    status: DraftStatus
    stage: Stage
    started_at: Moment
    saved_at: Moment
    complete: bool
    missing: tuple[str, ...]
    notice: str


class CompletedView(TypedDict):
    """A full diagnosis, submitted."""

    diagnostic_id: str
    kind: FormKind
    status: Literal["soumis"]
    stage: Stage
    referential: str
    completed_at: Moment
    valid_until: date
    global_score: float
    band: Named
    scores: list[ScoreView]
    gaps: list[Named]
    plan: list[MeasureView]
    benchmark: Peers


class ExpressView(TypedDict):
    """An express form, submitted."""

    diagnostic_id: str
    kind: FormKind
    status: Literal["soumis"]
    referential: str
    completed_at: Moment
    points: int
    band: Named
    basic: bool


class Remeasure(TypedDict):
    """When a re-measurement counts, both days included."""

    stage: Stage
    opens: date
    closes: date


class History(TypedDict):
    """Everything of one company, newest first."""

    siren: str
    name: str | None
    drafts: list[DraftView]
    diagnostics: list[CompletedView]
    express: list[ExpressView]
    remeasures: list[Remeasure]


class DraftDetail(DraftView):
    """A draft with its answers so far."""

    answers: Answers


class CompletedDetail(CompletedView):
    """A full diagnosis with its answers; `None` for what an older form no longer tells."""

    questions: dict[str, float] | None
    answers: Answers | None
    unknown_items: tuple[str, ...]
    measures: list[MeasureView]


class ExpressDetail(ExpressView):
    """An express form with its answers, where its form is still known."""

    answers: Answers | None
