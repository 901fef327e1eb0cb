"""A whole form in its plainest shape, as nearly all come: taken fast, or left to be read with care."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from diagnostic.questionnaire.entries import ENTRIES, ONE, TWO, ZERO, Entry
from diagnostic.questionnaire.forms import (
    FORMS,
    NOT_CONCERNED,
    NOT_CONCERNED_WORD,
    UNANSWERED,
    UNKNOWN_WORD,
    Question,
    Questionnaire,
)
from diagnostic.questionnaire.sheet import ROW_KINDS

_UNANSWERED: Final = ord(UNANSWERED)
_NOT_CONCERNED: Final = ord(NOT_CONCERNED)
_PAIR: Final = {"investi", "prevu"}


class _Form(NamedTuple):
    """What taking a whole form needs, worked out once.

    Attributes:
        questions: how many it has.
        start: its sheet before the first answer: options not done, rows unanswered.
        whole: question → its place in the sheet and its codes when it is answered « je ne sais pas » as a whole.
        lists: question answered by a list → position of each option.
        pairs: question answered by what is done and what is planned → position of each option.
        grids: question answered row by row → position of each row, and its code for each answer.
        alone: positions of the options that rule out the others, with the place of their question.
    """

    questions: int
    start: bytes
    whole: dict[str, tuple[slice, bytes]]
    lists: dict[str, dict[str, int]]
    pairs: dict[str, dict[str, int]]
    grids: dict[str, dict[str, tuple[int, dict[object, int]]]]
    alone: tuple[tuple[int, Question], ...]


def _form_of(form: Questionnaire) -> _Form:
    entries = ENTRIES[form.id].values()
    return _Form(
        len(form.questions),
        b"".join(entry.blank if entry.question.kind in ROW_KINDS else entry.unchecked for entry in entries),
        {entry.question.id: (entry.question.span, entry.unknown) for entry in entries},
        {entry.question.id: entry.positions for entry in entries if entry.question.kind == "multi"},
        {entry.question.id: entry.positions for entry in entries if entry.question.kind == "double"},
        {entry.question.id: _grid_of(entry) for entry in entries if entry.question.kind in ROW_KINDS},
        tuple(
            (entry.positions[entry.question.exclusive], entry.question) for entry in entries if entry.question.exclusive
        ),
    )


def _grid_of(entry: Entry) -> dict[str, tuple[int, dict[object, int]]]:
    skipped: dict[object, int] = {**entry.levels, NOT_CONCERNED_WORD: _NOT_CONCERNED}
    return {
        row: (position, skipped if row in entry.skippable else entry.levels)
        for row, position in entry.positions.items()
    }


_FORMS: Final = {kind: _form_of(form) for kind, form in FORMS.items()}


def take(kind: str, answers: Mapping[str, Any]) -> str | None:
    """The sheet of a whole form in its plainest shape, as nearly all come; None when it must be read with care."""
    form = _FORMS[kind]
    codes = bytearray(form.start)
    try:
        for question_id, value in answers.items():
            if value.__class__ is list:
                positions = form.lists[question_id]
                for option in value:
                    codes[positions[option]] = ONE
            elif value == UNKNOWN_WORD:
                span, unknown = form.whole[question_id]
                codes[span] = unknown
            elif question_id in form.grids:
                _take_rows(codes, form.grids[question_id], value)
            else:
                _take_pair(codes, form.pairs[question_id], value)
    except (KeyError, TypeError, AttributeError):
        return None
    whole = len(answers) == form.questions and _UNANSWERED not in codes
    return codes.decode("ascii") if whole and not _contradicts(form, codes) else None


def _take_rows(codes: bytearray, rows: dict[str, tuple[int, dict[object, int]]], value: dict[str, Any]) -> None:
    for row, given in value.items():
        position, levels = rows[row]
        codes[position] = levels[given]
        if given.__class__ is bool:  # in Python, True would pass for the level 1
            raise TypeError(row)


def _take_pair(codes: bytearray, positions: dict[str, int], value: dict[str, Any]) -> None:
    planned, done = value["prevu"], value["investi"]
    if value.keys() != _PAIR or planned.__class__ is not list or done.__class__ is not list:
        raise TypeError(value)
    for option in planned:
        codes[positions[option]] = ONE
    for option in done:
        codes[positions[option]] = TWO


def _contradicts(form: _Form, codes: bytearray) -> bool:
    """Whether an option that rules out all others is not alone."""
    return any(
        codes[position] == ONE and codes.count(ZERO, question.start, question.stop) < question.countable
        for position, question in form.alone
    )
