"""Scores, band and gap flags of a packed sheet.

Each question gives 0-10, each dimension 0-100 (10 × the mean of its questions), the global score is the weighted mean
of the dimensions. The method is that of the European Digital Maturity Assessment; thresholds are our defaults, in
`data/ruleset.toml`.

All is worked out in parts, integers over one common denominator, and compared as such: a score at a threshold is at it.
The numbers published are those closest to the exact ones; two different scores never meet in one of them.
"""

from dataclasses import replace
from math import lcm
from typing import Final, NamedTuple

from diagnostic.questionnaire.forms import COMPLET, NOT_CONCERNED, TOP_LEVEL, Question
from diagnostic.ruleset import RULESET, band_of
from diagnostic.scoring.parts import fewest, most
from diagnostic.terms import BandName

DIMENSIONS: Final = tuple(dimension.id for dimension in COMPLET.dimensions)
"""Codes of the dimensions, in order: D1..D6, C1, C2."""


class Result(NamedTuple):
    """The outcome of a full diagnosis.

    Attributes:
        values: worth of each question, in the order of the form: parts of `FULL`.
        parts: D1..D6, C1, C2 → parts of `WHOLE`: to compare.
        scores: D1..D6, C1, C2 → 0-100: to publish.
        global_score: 0-100, to publish.
        band: debutant, intermediaire, avance or expert.
        gaps: ambition_sans_moyens, outils_sans_competences, donnees_sans_securite, those that hold.
    """

    values: list[int]
    parts: dict[str, int]
    scores: dict[str, float]
    global_score: float
    band: BandName
    gaps: tuple[str, ...]

    @property
    def questions(self) -> dict[str, float]:
        """Question id → 0-10."""
        return {question: 10 * value / FULL for question, value in zip(_PLACE_OF, self.values, strict=True)}


class _Dimension(NamedTuple):
    """What a dimension is worked out from: its weight in the global score, the places of its questions.

    Attributes:
        share: the parts of `WHOLE` that one part of `FULL` of one of its questions is worth.
    """

    id: str
    weight: int
    members: tuple[int, ...]
    share: int


class _Skippable(NamedTuple):
    """A question some of whose items may be marked « non concerné ».

    Attributes:
        worth: parts of a level, by how many items are skipped.
    """

    place: int
    counted: slice
    worth: tuple[int, ...]


def _counted(question: Question) -> slice:
    """Where the items of a question that count stand in the sheet."""
    return slice(question.start, question.start + question.countable)


def _reaches(question: Question) -> tuple[int, ...]:
    """The levels within reach of a question, by how many of its items are skipped."""
    top = TOP_LEVEL[question.kind]
    return tuple(top * (question.countable - skipped) for skipped in range(len(question.non_concerne) + 1))


_LEVELS: Final = bytes(code - ord("0") if ord("1") <= code <= ord("5") else 0 for code in range(256))
"""Translation of a packed sheet to the level of each item; unknown, not concerned and unanswered are worth 0."""

FULL: Final = lcm(*[reach for question in COMPLET.questions for reach in _reaches(question)])
"""Parts of a question of which everything is done."""

_PLACE_OF: Final = {question.id: place for place, question in enumerate(COMPLET.questions)}
_QUESTIONS: Final = tuple((_counted(question), FULL // _reaches(question)[0]) for question in COMPLET.questions)
"""Where the items of each question stand, and the parts of one level."""

_SKIPPABLE: Final = tuple(
    _Skippable(place, _counted(question), tuple(FULL // reach for reach in _reaches(question)))
    for place, question in enumerate(COMPLET.questions)
    if question.non_concerne
)
_MEMBERS: Final = {
    d.id: tuple(_PLACE_OF[q.id] for q in COMPLET.questions if q.dimension == d.id) for d in COMPLET.dimensions
}
_TOTAL_WEIGHT: Final = sum(dimension.weight for dimension in COMPLET.dimensions)
WHOLE: Final = FULL * _TOTAL_WEIGHT * lcm(*[len(members) for members in _MEMBERS.values()])
"""Parts of a dimension, and of the global score, of which everything is done."""

_DIMENSIONS: Final = tuple(
    _Dimension(d.id, d.weight, _MEMBERS[d.id], WHOLE // (FULL * len(_MEMBERS[d.id]))) for d in COMPLET.dimensions
)
_BANDS: Final = tuple(replace(band, up_to=most(band.up_to, 100, WHOLE)) for band in RULESET.bands)
"""The bands in parts of `WHOLE`."""

_AREAS: Final = COMPLET.by_id["Q1"]
_MEANS, _DATA, _SECURITY = (_PLACE_OF[question_id] for question_id in ("Q2", "Q7", "Q8"))
_PLANNED_FROM: Final = fewest(RULESET.gaps.planned_share_from, 1, len(_AREAS.items))
_MEANS_BELOW, _DATA_FROM, _SECURITY_BELOW = (
    fewest(threshold, 10, FULL)
    for threshold in (RULESET.gaps.means_below, RULESET.gaps.data_from, RULESET.gaps.security_below)
)
_TOOLS_FROM: Final = fewest(RULESET.gaps.tools_over_people_from, 100, 2 * WHOLE)
"""In parts of two dimensions, for the mean of two is compared."""


def score(sheet: str) -> Result:
    """Score a complete sheet of the full form.

    A question is worth the levels reached of the levels within reach: what is not concerned is out of both.
    """
    levels = sheet.encode("ascii").translate(_LEVELS)
    values = [worth * sum(levels[counted]) for counted, worth in _QUESTIONS]
    if NOT_CONCERNED in sheet:
        for place, counted, worth in _SKIPPABLE:
            values[place] = worth[sheet[counted].count(NOT_CONCERNED)] * sum(levels[counted])
    parts: dict[str, int] = {}
    scores: dict[str, float] = {}
    weighted = 0
    for dimension, weight, members, share in _DIMENSIONS:
        total = 0
        for member in members:
            total += values[member]
        total *= share
        parts[dimension] = total
        scores[dimension] = 100 * total / WHOLE
        weighted += weight * total
    band = band_of(_BANDS, weighted // _TOTAL_WEIGHT)  # a whole number: every part of a dimension holds the weights
    global_score = 100 * weighted / (WHOLE * _TOTAL_WEIGHT)
    return Result(values, parts, scores, global_score, band, _gaps(sheet, values, parts))


def _gaps(sheet: str, values: list[int], parts: dict[str, int]) -> tuple[str, ...]:
    """The gap flags that hold."""
    gaps: list[str] = []
    if sheet.count("1", _AREAS.start, _AREAS.stop) >= _PLANNED_FROM and values[_MEANS] < _MEANS_BELOW:
        gaps.append("ambition_sans_moyens")
    if parts["D2"] + parts["D5"] - 2 * parts["D3"] >= _TOOLS_FROM:
        gaps.append("outils_sans_competences")
    if values[_DATA] >= _DATA_FROM and values[_SECURITY] < _SECURITY_BELOW:
        gaps.append("donnees_sans_securite")
    return tuple(gaps)
