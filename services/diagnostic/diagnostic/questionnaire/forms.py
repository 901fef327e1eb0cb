"""The questionnaires: package data read once, with the positions that scoring works on."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

import msgspec

from diagnostic.ruleset import read_data
from diagnostic.terms import FormKind, QuestionKind

UNANSWERED: Final = "."
"""Code of an item nobody has answered yet (drafts only)."""

UNKNOWN: Final = "?"
"""Code of « je ne sais pas »: counts as not done, and is flagged."""

NOT_CONCERNED: Final = "-"
"""Code of « non concerné »: leaves the denominator; only where the questionnaire allows it."""

UNKNOWN_WORD: Final = "ne_sait_pas"
NOT_CONCERNED_WORD: Final = "non_concerne"

TOP_LEVEL: Final[dict[QuestionKind, int]] = {"multi": 1, "double": 2, "echelle": 5, "tri": 2, "oui_non": 1}
"""Highest level of an item; level / top is its worth. double: 1 planned, 2 invested; tri: 1 partly, 2 yes."""

WORDS: Final[dict[QuestionKind, dict[str, str]]] = {
    "multi": {},
    "double": {},
    "echelle": {},
    "tri": {"non": "0", "partiel": "1", "oui": "2"},
    "oui_non": {"non": "0", "oui": "1"},
}
"""Words of the row questions and their level."""

SCALE: Final = (
    "Non utilisé",
    "À l’étude",
    "Prototype",
    "En test",
    "En cours de déploiement",
    "Opérationnel",
)
"""French labels of the levels 0 to 5 of an `echelle` row."""


@dataclass(frozen=True, slots=True)
class Dimension:
    """An axis of the result; weight 0 keeps it out of the global score."""

    id: str
    label: str
    weight: int


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    Attributes:
        id: Q1 … Q11, E1 … E4, DII.
        kind: how it is answered and scored.
        dimension: the axis it counts for.
        label: French text.
        items: option or row id → French label, in order.
        non_concerne: items that may be marked « non concerné ».
        exclusive: the option that rules out all others and is worth nothing, or "".
        start: position of its first item in the packed sheet.
    """

    id: str
    kind: QuestionKind
    dimension: str
    label: str
    items: dict[str, str]
    non_concerne: tuple[str, ...] = ()
    exclusive: str = ""
    start: int = 0

    @property
    def stop(self) -> int:
        """Position after its last item in the packed sheet."""
        return self.start + len(self.items)

    @property
    def span(self) -> slice:
        """Its items in the packed sheet."""
        return slice(self.start, self.stop)

    @property
    def countable(self) -> int:
        """Items that count in the score: all but the exclusive option, which stands last."""
        return len(self.items) - (self.exclusive != "")


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """A whole form."""

    id: FormKind
    label: str
    referential: str
    version: str
    minutes: int
    dimensions: tuple[Dimension, ...]
    questions: tuple[Question, ...]
    by_id: dict[str, Question] = field(default_factory=dict[str, Question])

    @property
    def reference(self) -> str:
        """Referential and version, as written in events: `DMA-PME/2026.1`."""
        return f"{self.referential}/{self.version}"

    @property
    def size(self) -> int:
        """Items in all: the length of a packed sheet."""
        return self.questions[-1].stop


def arranged(raw: Questionnaire) -> Questionnaire:
    """The questionnaire with the position of each question in the packed sheet.

    Raises:
        ValueError: the data contradicts itself; the text names the question.
    """
    known = {dimension.id for dimension in raw.dimensions}
    questions: list[Question] = []
    start = 0
    for question in raw.questions:
        items = list(question.items)
        if question.dimension not in known:
            raise ValueError(f"{raw.id}: {question.id} has the unknown dimension {question.dimension}")
        if not set(question.non_concerne) <= set(items) or (question.exclusive and items[-1] != question.exclusive):
            raise ValueError(
                f"{raw.id}: {question.id} names an item it does not have, or its exclusive one is not last"
            )
        placed = replace(question, start=start)
        questions.append(placed)
        start = placed.stop
    return replace(raw, questions=tuple(questions), by_id={question.id: question for question in questions})


def load(name: str) -> Questionnaire:
    """Read a questionnaire of the package's `data` folder."""
    return arranged(msgspec.convert(read_data(name), Questionnaire))


COMPLET: Final = load("questionnaire.toml")
"""The full form: Q1–Q11 on the six European dimensions, E1–E4 on the two axes of the CNNum report."""

EXPRESS: Final = load("express.toml")
"""The express form: 12 yes/no items in one question."""

FORMS: Final[Mapping[str, Questionnaire]] = MappingProxyType({COMPLET.id: COMPLET, EXPRESS.id: EXPRESS})
"""Kind of diagnosis → its form."""

QUESTIONS: Final = MappingProxyType(COMPLET.by_id)
"""Question id → question of the full form, in order."""
