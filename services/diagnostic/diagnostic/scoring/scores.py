"""Scores, band and gap flags of a packed sheet.

Each question gives 0-10, each dimension 0-100 (10 × the mean of its questions), the global score is the weighted mean
of the dimensions. Nothing is rounded. The method is that of the European Digital Maturity Assessment; thresholds are
our defaults, in `data/ruleset.toml`.
"""

from typing import Final, NamedTuple

from diagnostic.questionnaire.forms import COMPLET, NOT_CONCERNED, TOP_LEVEL, Question
from diagnostic.ruleset import RULESET, band_of
from diagnostic.terms import BandName

DIMENSIONS: Final = tuple(dimension.id for dimension in COMPLET.dimensions)
"""Codes of the dimensions, in order: D1..D6, C1, C2."""


class Result(NamedTuple):
    """The outcome of a full diagnosis.

    Attributes:
        values: worth of each question, 0-10, in the order of the form.
        scores: D1..D6, C1, C2 → 0-100.
        global_score: 0-100.
        band: debutant, intermediaire, avance or expert.
        gaps: ambition_sans_moyens, outils_sans_competences, donnees_sans_securite, those that hold.
    """

    values: list[float]
    scores: dict[str, float]
    global_score: float
    band: BandName
    gaps: tuple[str, ...]

    @property
    def questions(self) -> dict[str, float]:
        """Question id → 0-10."""
        return dict(zip(_PLACE_OF, self.values, strict=True))


class _Dimension(NamedTuple):
    """What a dimension is worked out from: its weight in the global score, the places of its questions."""

    id: str
    weight: int
    members: tuple[int, ...]


class _Skippable(NamedTuple):
    """A question some of whose items may be marked « non concerné »."""

    place: int
    counted: slice
    top: int
    reach: int


def _counted(question: Question) -> slice:
    """Where the items of a question that count stand in the sheet."""
    return slice(question.start, question.start + question.countable)


_LEVELS: Final = bytes(code - ord("0") if ord("0") <= code <= ord("5") else 0 for code in range(256))
"""Translation of a packed sheet to the level of each item; unknown, not concerned and unanswered are worth 0."""

_PLACE_OF: Final = {question.id: place for place, question in enumerate(COMPLET.questions)}
_QUESTIONS: Final = tuple(
    (_counted(question), TOP_LEVEL[question.kind] * question.countable) for question in COMPLET.questions
)
"""Where the items of each question stand, and the levels within their reach."""

_SKIPPABLE: Final = tuple(
    _Skippable(place, _counted(question), TOP_LEVEL[question.kind], TOP_LEVEL[question.kind] * question.countable)
    for place, question in enumerate(COMPLET.questions)
    if question.non_concerne
)
_DIMENSIONS: Final = tuple(
    _Dimension(d.id, d.weight, tuple(_PLACE_OF[q.id] for q in COMPLET.questions if q.dimension == d.id))
    for d in COMPLET.dimensions
)
_TOTAL_WEIGHT: Final = sum(dimension.weight for dimension in _DIMENSIONS)
_AREAS: Final = COMPLET.by_id["Q1"]
_MEANS, _DATA, _SECURITY = (_PLACE_OF[question_id] for question_id in ("Q2", "Q7", "Q8"))


def score(sheet: str) -> Result:
    """Score a complete sheet of the full form.

    A question is worth 10 × the levels reached / the levels within reach: what is not concerned is out of both.
    """
    levels = sheet.encode("ascii").translate(_LEVELS)
    values = [10 * sum(levels[counted]) / reach for counted, reach in _QUESTIONS]
    if NOT_CONCERNED in sheet:
        for place, counted, top, reach in _SKIPPABLE:
            skipped = sheet[counted].count(NOT_CONCERNED)
            values[place] = 10 * sum(levels[counted]) / (reach - top * skipped)
    scores: dict[str, float] = {}
    weighted = 0.0
    for dimension, weight, members in _DIMENSIONS:
        total = 0.0
        for member in members:
            total += values[member]
        scores[dimension] = 10 * total / len(members)
        weighted += weight * scores[dimension]
    global_score = weighted / _TOTAL_WEIGHT
    return Result(values, scores, global_score, band_of(RULESET.bands, global_score), _gaps(sheet, values, scores))


def _gaps(sheet: str, values: list[float], scores: dict[str, float]) -> tuple[str, ...]:
    """The gap flags that hold."""
    rules = RULESET.gaps
    gaps: list[str] = []
    planned = sheet[_AREAS.start : _AREAS.stop].count("1") / len(_AREAS.items)
    if planned >= rules.planned_share_from and values[_MEANS] < rules.means_below:
        gaps.append("ambition_sans_moyens")
    if (scores["D2"] + scores["D5"]) / 2 - scores["D3"] >= rules.tools_over_people_from:
        gaps.append("outils_sans_competences")
    if values[_DATA] >= rules.data_from and values[_SECURITY] < rules.security_below:
        gaps.append("donnees_sans_securite")
    return tuple(gaps)
