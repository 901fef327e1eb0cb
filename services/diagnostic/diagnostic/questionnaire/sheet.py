"""The packed sheet: the answers of a form as one character an item.

A sheet is what is stored, compared and scored: the level of each item as a digit, `?` unknown, `-` not concerned,
`.` not answered yet. It takes about a hundred bytes a diagnosis, and two sheets are equal when the answers are.
"""

from datetime import date
from hashlib import sha1
from typing import Final, TypeAlias

from diagnostic.questionnaire.forms import (
    NOT_CONCERNED,
    NOT_CONCERNED_WORD,
    UNANSWERED,
    UNKNOWN,
    UNKNOWN_WORD,
    WORDS,
    Question,
    Questionnaire,
)
from diagnostic.terms import QuestionKind

Answer: TypeAlias = str | list[str] | dict[str, int | str | list[str]]
"""The answer of a question as it is written: a word, the options ticked, or a value a row or a word."""

Answers: TypeAlias = dict[str, Answer]
"""The answers of a form, by question."""

ROW_KINDS: Final[frozenset[QuestionKind]] = frozenset(("echelle", "tri", "oui_non"))
"""Kinds answered row by row; the others are answered by lists of options."""


def blank(form: Questionnaire) -> str:
    """The sheet of a form nobody has answered."""
    return UNANSWERED * form.size


def missing(form: Questionnaire, sheet: str) -> list[str]:
    """Paths of what a submission still lacks: a question without answer, or the rows a grid leaves open."""
    if UNANSWERED not in sheet:
        return []
    paths: list[str] = []
    for question in form.questions:
        codes = sheet[question.start : question.stop]
        lacking = codes.count(UNANSWERED)
        if lacking and (lacking == len(codes) or question.kind not in ROW_KINDS):
            paths.append(f"answers.{question.id}")
        elif lacking:
            paths += [f"answers.{question.id}.{item}" for item in _having(question, codes, UNANSWERED)]
    return paths


def write(form: Questionnaire, sheet: str) -> Answers:
    """The wire answers of a sheet; questions without any answer are left out."""
    answers: Answers = {}
    for question in form.questions:
        codes = sheet[question.start : question.stop]
        if codes.count(UNANSWERED) < len(codes):
            answers[question.id] = _write_question(question, codes)
    return answers


def unknown_items(form: Questionnaire, sheet: str) -> tuple[str, ...]:
    """Items answered « je ne sais pas », as `Q4.cao_fao`."""
    if UNKNOWN not in sheet:
        return ()
    return tuple(
        [
            f"{question.id}.{item}"
            for question in form.questions
            if UNKNOWN in (codes := sheet[question.start : question.stop])
            for item in _having(question, codes, UNKNOWN)
        ]
    )


def _having(question: Question, codes: str, code: str) -> list[str]:
    """The items of a question that have a code."""
    return [item for item, found in zip(question.items, codes, strict=True) if found == code]


def _write_question(question: Question, codes: str) -> Answer:
    if codes[: question.countable] == UNKNOWN * question.countable:
        return UNKNOWN_WORD
    if question.kind in ROW_KINDS:
        words: dict[str, int | str | list[str]] = {level: word for word, level in WORDS[question.kind].items()}
        words |= {UNKNOWN: UNKNOWN_WORD, NOT_CONCERNED: NOT_CONCERNED_WORD}
        return {
            item: words[code] if code in words else int(code)
            for item, code in zip(question.items, codes, strict=True)
            if code != UNANSWERED
        }
    aside = {
        UNKNOWN_WORD: _having(question, codes, UNKNOWN),
        NOT_CONCERNED_WORD: _having(question, codes, NOT_CONCERNED),
    }
    others = {word: items for word, items in aside.items() if items}
    if question.kind == "double":
        return {"investi": _having(question, codes, "2"), "prevu": _having(question, codes, "1"), **others}
    done = _having(question, codes, "1")
    return {"oui": done, **others} if others else done


def derived_id(siren: str, sheet: str, day: date) -> str:
    """The id of a diagnosis whose client chose none: the same answers on the same day are the same diagnosis."""
    name = f"{siren}/{day}/{sheet}"
    digest = sha1(name.encode("ascii"), usedforsecurity=False).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
