"""Scores, band and gap flags of a packed sheet.

Each question gives 0-10, each dimension 0-100 (10 × the mean of its questions), the global score is the weighted mean
of the dimensions. Nothing is rounded. The method is that of the European Digital Maturity Assessment; thresholds are
our defaults, in `data/rules.toml`.
"""

from typing import Final, NamedTuple

from diagnostic.model import BandName
from diagnostic.rules.questionnaire import COMPLET, NOT_CONCERNED, TOP_LEVEL
from diagnostic.rules.ruleset import RULES, band_of

DIMENSIONS: Final = tuple(dimension.id for dimension in COMPLET.dimensions)
"""Codes of the dimensions, in order: D1..D6, C1, C2."""


class Result(NamedTuple):
    """The outcome of a full diagnosis.

    Attributes:
        questions: question id → 0-10.
        scores: D1..D6, C1, C2 → 0-100.
        global_score: 0-100.
        band: debutant, intermediaire, avance or expert.
        gaps: ambition_sans_moyens, outils_sans_competences, donnees_sans_securite, those that hold.
    """

    questions: dict[str, float]
    scores: dict[str, float]
    global_score: float
    band: BandName
    gaps: tuple[str, ...]


_LEVELS: Final = bytes(code - ord("0") if ord("0") <= code <= ord("5") else 0 for code in range(256))
"""Translation of a packed sheet to the level of each item; unknown, not concerned and unanswered are worth 0."""

_IDS: Final = tuple(question.id for question in COMPLET.questions)
_SPANS: Final = tuple(
    (question.start, question.start + question.countable, TOP_LEVEL[question.kind]) for question in COMPLET.questions
)
_MEMBERS: Final = tuple(
    (dimension.id, tuple(n for n, question in enumerate(COMPLET.questions) if question.dimension == dimension.id))
    for dimension in COMPLET.dimensions
)
_WEIGHTS: Final = tuple((dimension.id, dimension.weight) for dimension in COMPLET.dimensions if dimension.weight)
_TOTAL_WEIGHT: Final = sum(weight for _, weight in _WEIGHTS)
_AREAS: Final = COMPLET.by_id["Q1"]


def score(sheet: str) -> Result:
    """Score a complete sheet of the full form.

    A question is worth 10 × the levels reached / the levels within reach: what is not concerned is out of both.
    """
    levels = sheet.encode("ascii").translate(_LEVELS)
    skipped = NOT_CONCERNED in sheet
    values: list[float] = []
    for start, stop, top in _SPANS:
        rows = stop - start - sheet.count(NOT_CONCERNED, start, stop) if skipped else stop - start
        values.append(10 * sum(levels[start:stop]) / (top * rows))
    scores: dict[str, float] = {}
    for dimension, members in _MEMBERS:
        total = 0.0
        for member in members:
            total += values[member]
        scores[dimension] = 10 * total / len(members)
    questions = dict(zip(_IDS, values))  # noqa: B905  one value an id, just above
    weighted = 0.0
    for dimension, weight in _WEIGHTS:
        weighted += weight * scores[dimension]
    global_score = weighted / _TOTAL_WEIGHT
    return Result(questions, scores, global_score, band_of(RULES.bands, global_score), _gaps(sheet, questions, scores))


def _gaps(sheet: str, questions: dict[str, float], scores: dict[str, float]) -> tuple[str, ...]:
    """The gap flags that hold."""
    rules = RULES.gaps
    gaps: list[str] = []
    planned = sheet[_AREAS.start : _AREAS.stop].count("1") / len(_AREAS.items)
    if planned >= rules.planned_share_from and questions["Q2"] < rules.means_below:
        gaps.append("ambition_sans_moyens")
    if (scores["D2"] + scores["D5"]) / 2 - scores["D3"] >= rules.tools_over_people_from:
        gaps.append("outils_sans_competences")
    if questions["Q7"] >= rules.data_from and questions["Q8"] < rules.security_below:
        gaps.append("donnees_sans_securite")
    return tuple(gaps)
