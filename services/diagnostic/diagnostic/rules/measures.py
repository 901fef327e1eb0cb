"""The table of measures, and the plan: which of them to propose first.

A measure is proposed for each item not done. The plan takes the best effect/effort first, a few per dimension; while
the score of data and security is low, the open points of security come before everything.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import msgspec

from diagnostic.events import Measure
from diagnostic.rules.questionnaire import COMPLET, UNKNOWN, read_data
from diagnostic.rules.ruleset import RULES


@dataclass(frozen=True, slots=True)
class MeasureEntry:
    """One line of the table as written in `data/measures.toml`."""

    label: str
    effort: int
    effect: int
    subject: str
    spend: tuple[str, ...]
    priority: int = 2


@dataclass(frozen=True, slots=True)
class Clarify:
    """The measure for « je ne sais pas », one a question."""

    label: str
    effort: int
    effect: int
    priority: int
    subjects: dict[str, str]
    spend: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class MeasureTable:
    """The whole file."""

    ruleset_version: str
    guides: dict[str, str]
    clarify: Clarify
    measures: dict[str, dict[str, MeasureEntry]]


@dataclass(frozen=True, slots=True)
class PlannedMeasure:
    """A measure with its place in the order and what triggers it.

    Attributes:
        measure: as published.
        question: the question it comes from.
        effort: 1-3.
        effect: 1-3.
        priority: 1 before 2 before 3 when effect/effort is the same.
        guide_url: where to read more.
        position: where `calls_of` says whether it is called for.
        rank: place by best effect/effort, then priority; measures of equal merit share it.
    """

    measure: Measure
    question: str
    effort: int
    effect: int
    priority: int
    guide_url: str
    position: int
    rank: int = 0

    @property
    def merit(self) -> tuple[float, int]:
        """Sort key: best effect/effort, then priority."""
        return -self.effect / self.effort, self.priority


def _read_table() -> tuple[PlannedMeasure, ...]:
    """Every measure, in the order of the questionnaire.

    Raises:
        KeyError: an item or a question has no measure, or a subject no guide.
    """
    table = msgspec.convert(read_data("measures.toml"), MeasureTable)
    clarify = table.clarify
    planned: list[PlannedMeasure] = []
    for number, question in enumerate(COMPLET.questions):
        for offset, item in enumerate(list(question.items)[: question.countable]):
            entry = table.measures[question.id][item]
            measure = Measure(f"{question.id}.{item}", entry.label, question.dimension, entry.subject, entry.spend)
            figures = (entry.effort, entry.effect, entry.priority, table.guides[entry.subject])
            planned.append(PlannedMeasure(measure, question.id, *figures, question.start + offset))
        subject = clarify.subjects[question.id]
        label = clarify.label.format(question=f"« {question.label} »")
        measure = Measure(f"{question.id}.clarifier", label, question.dimension, subject, clarify.spend[question.id])
        figures = (clarify.effort, clarify.effect, clarify.priority, table.guides[subject])
        planned.append(PlannedMeasure(measure, question.id, *figures, COMPLET.size + number))
    merits = sorted({entry.merit for entry in planned})
    return tuple(replace(entry, rank=merits.index(entry.merit)) for entry in planned)


TABLE: Final = _read_table()
"""Every measure, in the order of the questionnaire."""

BY_ID: Final = {entry.measure.id: entry for entry in TABLE}
"""Measure id → measure."""


class _Line(NamedTuple):
    """What choosing needs of a measure."""

    position: int
    dimension: str
    order: int
    entry: PlannedMeasure


_LINES: Final = tuple(_Line(e.position, e.measure.dimension, order, e) for order, e in enumerate(TABLE))
_BY_RANK: Final = tuple(
    tuple(line for line in _LINES if line.entry.rank == rank) for rank in sorted({entry.rank for entry in TABLE})
)
"""The measures of equal merit together, best first."""

_URGENT: Final = tuple(
    line for lines in _BY_RANK for line in lines if line.entry.question == RULES.plan.urgent_question
)
_OTHERS: Final = tuple(tuple(line for line in lines if line not in _URGENT) for lines in _BY_RANK)
"""`_BY_RANK` without the urgent measures."""

_ROOM: Final = {dimension.id: RULES.plan.per_dimension for dimension in COMPLET.dimensions}
_BY_SPEND: Final = tuple(
    (category, tuple(line.position for line in _LINES if category in line.entry.measure.spend_categories))
    for category in sorted({category for entry in TABLE for category in entry.measure.spend_categories})
)


def _calling(highest: int) -> bytes:
    """Translation of codes to 1 where an item calls for its measure, because its level is at most `highest`, else 0."""
    return bytes(ord("0") <= code <= ord("0") + highest for code in range(256))


_USUAL: Final = _calling(0)
_SPECIAL: Final = tuple(
    (question.span, _calling(highest))
    for question in COMPLET.questions
    if (highest := RULES.plan.triggers[question.kind])
)
"""The questions whose items call for their measure at another level than 0."""

_NOTHING_UNKNOWN: Final = bytes(len(COMPLET.questions))


def calls_of(sheet: str) -> bytes:
    """What the answers call for, as a 1 or a 0 for each measure at its position.

    First those of the items, as in the sheet; then those that clarify a question, where an item of it is unknown.
    """
    codes = sheet.encode("ascii")
    calls = codes.translate(_USUAL)
    for span, calling in _SPECIAL:
        calls = calls[: span.start] + codes[span].translate(calling) + calls[span.stop :]
    if UNKNOWN not in sheet:
        return calls + _NOTHING_UNKNOWN
    return calls + bytes([UNKNOWN in sheet[question.span] for question in COMPLET.questions])


def triggered(calls: bytes) -> tuple[PlannedMeasure, ...]:
    """Every measure the answers call for, in the order of the questionnaire."""
    return tuple([line.entry for line in _LINES if calls[line.position]])


def plan(calls: bytes, scores: dict[str, float]) -> tuple[PlannedMeasure, ...]:
    """The measures to propose, in order.

    The urgent ones first, all of them, if their dimension is low. Then the best effect/effort, then priority, then the
    weakest dimension, then the order of the questionnaire; a dimension that has its share leaves room to the others.
    """
    rules = RULES.plan
    room = _ROOM.copy()
    chosen: list[PlannedMeasure] = []
    ranks = _BY_RANK
    if scores[rules.urgent_dimension] < rules.urgent_below:
        chosen = [line.entry for line in _URGENT if calls[line.position]][: rules.size]
        room[rules.urgent_dimension] -= len(chosen)
        ranks = _OTHERS
    for equals in ranks:
        if len(chosen) == rules.size:
            break
        fitting = [
            (scores[dimension], order, dimension, entry)
            for position, dimension, order, entry in equals
            if calls[position] and room[dimension] > 0
        ]
        fitting.sort()
        for _, _, dimension, entry in fitting:
            if room[dimension] > 0 and len(chosen) < rules.size:
                chosen.append(entry)
                room[dimension] -= 1
    return tuple(chosen)


def spend_categories(calls: bytes) -> tuple[str, ...]:
    """The categories of spending that any measure called for would open, sorted."""
    found: list[str] = []
    for category, positions in _BY_SPEND:
        for position in positions:
            if calls[position]:
                found.append(category)
                break
    return tuple(found)


def measures_of(ids: Iterable[str]) -> tuple[PlannedMeasure, ...]:
    """The measures of a stored plan; one that the table no longer has is left out."""
    return tuple(BY_ID[measure_id] for measure_id in ids if measure_id in BY_ID)
