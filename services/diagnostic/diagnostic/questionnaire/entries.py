"""What reading one question needs, worked out once: where its items stand, which code each answer has."""

from typing import Final, NamedTuple

from diagnostic.questionnaire.forms import (
    FORMS,
    TOP_LEVEL,
    UNANSWERED,
    UNKNOWN,
    UNKNOWN_WORD,
    WORDS,
    Question,
)

ZERO: Final = ord("0")
ONE: Final = ord("1")
TWO: Final = ord("2")
UNKNOWN_CODE: Final = ord(UNKNOWN)
"""Codes as they stand in the bytes of a sheet."""


class Entry(NamedTuple):
    """What reading one question needs, worked out once."""

    question: Question
    path: str
    start: int
    stop: int
    positions: dict[str, int]
    allowed: tuple[str, ...]
    blank: bytes
    unchecked: bytes
    unknown: bytes
    levels: dict[object, int]
    values: tuple[str, ...]
    skippable: frozenset[str]


def _entry_of(question: Question) -> Entry:
    count = len(question.items)
    levels: dict[object, int] = {word: ord(level) for word, level in WORDS[question.kind].items()}
    if question.kind == "echelle":
        levels = {level: ord(str(level)) for level in range(TOP_LEVEL["echelle"] + 1)}
    values = (*(str(level) for level in levels), UNKNOWN_WORD)
    levels[UNKNOWN_WORD] = UNKNOWN_CODE
    unknown = UNKNOWN * question.countable + "0" * (count - question.countable)
    return Entry(
        question=question,
        path=f"answers.{question.id}",
        start=question.start,
        stop=question.stop,
        positions={item: question.start + index for index, item in enumerate(question.items)},
        allowed=tuple(question.items),
        blank=UNANSWERED.encode() * count,
        unchecked=b"0" * count,
        unknown=unknown.encode(),
        levels=levels,
        values=values,
        skippable=frozenset(question.non_concerne),
    )


ENTRIES: Final = {
    kind: {question.id: _entry_of(question) for question in form.questions} for kind, form in FORMS.items()
}
