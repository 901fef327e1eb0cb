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
        rank: place by best effect/effort, then priority; measures of equal merit share it.
        position: where in the marked sheet (see `_mark`) its trigger stands.
        triggers: codes that trigger it there.
    """

    measure: Measure
    question: str
    effort: int
    effect: int
    priority: int
    guide_url: str
    position: int
    triggers: str
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
        triggers = "".join(str(level) for level in range(RULES.plan.triggers[question.kind] + 1))
        for offset, item in enumerate(list(question.items)[: question.countable]):
            entry = table.measures[question.id][item]
            measure = Measure(f"{question.id}.{item}", entry.label, question.dimension, entry.subject, entry.spend)
            figures = (entry.effort, entry.effect, entry.priority, table.guides[entry.subject])
            planned.append(PlannedMeasure(measure, question.id, *figures, question.start + offset, triggers))
        subject = clarify.subjects[question.id]
        label = clarify.label.format(question=f"« {question.label} »")
        measure = Measure(f"{question.id}.clarifier", label, question.dimension, subject, clarify.spend[question.id])
        figures = (clarify.effort, clarify.effect, clarify.priority, table.guides[subject])
        planned.append(PlannedMeasure(measure, question.id, *figures, COMPLET.size + number, UNKNOWN))
    merits = sorted({entry.merit for entry in planned})
    return tuple(replace(entry, rank=merits.index(entry.merit)) for entry in planned)


TABLE: Final = _read_table()
"""Every measure, in the order of the questionnaire."""

BY_ID: Final = {entry.measure.id: entry for entry in TABLE}
"""Measure id → measure."""


class _Line(NamedTuple):
    """What choosing needs of a measure."""

    position: int
    triggers: str
    dimension: str
    order: int
    entry: PlannedMeasure


_LINES: Final = tuple(_Line(e.position, e.triggers, e.measure.dimension, order, e) for order, e in enumerate(TABLE))
_BY_RANK: Final = tuple(
    tuple(line for line in _LINES if line.entry.rank == rank) for rank in sorted({entry.rank for entry in TABLE})
)
"""The measures of equal merit together, best first."""

_URGENT: Final = tuple(
    line for lines in _BY_RANK for line in lines if line.entry.question == RULES.plan.urgent_question
)
_ROOM: Final = {dimension.id: RULES.plan.per_dimension for dimension in COMPLET.dimensions}
_BY_SPEND: Final = tuple(
    (category, [line[:2] for line in _LINES if category in line.entry.measure.spend_categories])
    for category in sorted({category for entry in TABLE for category in entry.measure.spend_categories})
)
_NOTHING_UNKNOWN: Final = "0" * len(COMPLET.questions)


def _mark(sheet: str) -> str:
    """The sheet followed by one mark a question: `?` where an item of it is unknown. So each trigger is one place."""
    if UNKNOWN not in sheet:
        return sheet + _NOTHING_UNKNOWN
    marks = (UNKNOWN if UNKNOWN in sheet[q.start : q.stop] else "0" for q in COMPLET.questions)
    return sheet + "".join(marks)


def triggered(sheet: str) -> tuple[PlannedMeasure, ...]:
    """Every measure the answers call for, in the order of the questionnaire."""
    marked = _mark(sheet)
    return tuple(line.entry for line in _LINES if marked[line.position] in line.triggers)


def plan(sheet: str, scores: dict[str, float]) -> tuple[PlannedMeasure, ...]:
    """The measures to propose, in order.

    The urgent ones first, all of them, if their dimension is low. Then the best effect/effort, then priority, then the
    weakest dimension, then the order of the questionnaire; a dimension that has its share leaves room to the others.
    """
    rules = RULES.plan
    marked = _mark(sheet)
    room = _ROOM.copy()
    chosen: list[PlannedMeasure] = []
    urgent = scores[rules.urgent_dimension] < rules.urgent_below
    if urgent:
        chosen = [line.entry for line in _URGENT if marked[line.position] in line.triggers][: rules.size]
        room[rules.urgent_dimension] -= len(chosen)
    for equals in _BY_RANK:
        if len(chosen) == rules.size:
            break
        fitting: list[tuple[float, int, str, PlannedMeasure]] = []
        for position, triggers, dimension, order, entry in equals:
            if marked[position] in triggers and room[dimension] > 0 and not (urgent and entry in chosen):
                fitting.append((scores[dimension], order, dimension, entry))
        fitting.sort()
        for _, _, dimension, entry in fitting:
            if room[dimension] > 0 and len(chosen) < rules.size:
                chosen.append(entry)
                room[dimension] -= 1
    return tuple(chosen)


def spend_categories(sheet: str) -> tuple[str, ...]:
    """The categories of spending that any measure called for would open, sorted."""
    marked = _mark(sheet)
    found: list[str] = []
    for category, triggers in _BY_SPEND:
        for position, codes in triggers:
            if marked[position] in codes:
                found.append(category)
                break
    return tuple(found)


def measures_of(ids: Iterable[str]) -> tuple[PlannedMeasure, ...]:
    """The measures of a stored plan; one that the table no longer has is left out."""
    return tuple(BY_ID[measure_id] for measure_id in ids if measure_id in BY_ID)
