"""The table of measures: one for each item that may not be done, one for each question that may need clarifying."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final, TypedDict

import msgspec

from diagnostic.events import Measure
from diagnostic.questionnaire.forms import COMPLET
from diagnostic.ruleset import read_data


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
    def merit(self) -> tuple[Fraction, int]:
        """Sort key: best effect/effort, then priority."""
        return Fraction(-self.effect, self.effort), self.priority


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


def measures_of(ids: Iterable[str]) -> tuple[PlannedMeasure, ...]:
    """The measures of a stored plan; one that the table no longer has is left out."""
    return tuple(BY_ID[measure_id] for measure_id in ids if measure_id in BY_ID)


class MeasureView(TypedDict):
    """A measure as a director reads it."""

    id: str
    label: str
    dimension: str
    subject: str
    effort: int
    effect: int
    guide_url: str
    spend_categories: tuple[str, ...]


def shown(entries: Iterable[PlannedMeasure]) -> list[MeasureView]:
    """Measures as a director reads them."""
    return [
        {
            "id": entry.measure.id,
            "label": entry.measure.label,
            "dimension": entry.measure.dimension,
            "subject": entry.measure.subject,
            "effort": entry.effort,
            "effect": entry.effect,
            "guide_url": entry.guide_url,
            "spend_categories": entry.measure.spend_categories,
        }
        for entry in entries
    ]
