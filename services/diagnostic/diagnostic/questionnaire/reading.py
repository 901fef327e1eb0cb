"""Wire answers to a packed sheet: what is right is taken fast, what is wrong is all named, each with its JSON path."""

from collections.abc import Mapping
from typing import NamedTuple

from diagnostic.questionnaire.careful import MOST_FAULTS, Fault, Page, read_answer, short
from diagnostic.questionnaire.entries import ENTRIES
from diagnostic.questionnaire.forms import UNKNOWN_WORD, Questionnaire
from diagnostic.questionnaire.plain import take
from diagnostic.questionnaire.sheet import missing


class Reading(NamedTuple):
    """Answers read: the packed sheet, meaningful only without faults."""

    sheet: str
    faults: list[Fault]


def read(form: Questionnaire, answers: Mapping[str, object], base: str) -> Reading:
    """Put wire answers over a sheet: each question given replaces what `base` held for it, null clears it.

    Args:
        form: the questionnaire.
        answers: question id → answer, as the JSON Schema of `questionnaire.schema` says.
        base: the sheet before; `sheet.blank(form)` for none.

    Returns:
        The new sheet and every fault, `MOST_FAULTS` or a few more; unanswered items are no fault here.
    """
    entries = ENTRIES[form.id]
    codes = bytearray(base, "ascii")
    page = Page(codes, [])
    for question_id, value in answers.items():
        if (entry := entries.get(question_id)) is None:
            page.faults.append(Fault(f"answers.{short(question_id)}", "question inconnue", tuple(entries)))
        elif value is None:
            codes[entry.start : entry.stop] = entry.blank
        elif value == UNKNOWN_WORD:
            codes[entry.start : entry.stop] = entry.unknown
        else:
            read_answer(page, entry, value)
        if len(page.faults) > MOST_FAULTS:
            break
    return Reading(codes.decode("ascii"), page.faults)


def read_whole(form: Questionnaire, answers: Mapping[str, object], base: str) -> Reading:
    """Like `read`, for a submission: what is still missing is a fault too."""
    taken = take(form.id, answers)
    if taken is not None:
        return Reading(taken, [])
    sheet, faults = read(form, answers, base)
    lacking = missing(form, sheet)
    named = {fault.path for fault in faults}
    return Reading(sheet, faults + [Fault(path, "réponse manquante") for path in lacking if path not in named])
