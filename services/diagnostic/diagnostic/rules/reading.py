"""Wire answers to a packed sheet: what is right is taken fast, what is wrong is all named, each with its JSON path."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from diagnostic.rules.questionnaire import (
    FORMS,
    NOT_CONCERNED,
    NOT_CONCERNED_WORD,
    TOP_LEVEL,
    UNANSWERED,
    UNKNOWN,
    UNKNOWN_WORD,
    WORDS,
    Kind,
    Question,
    Questionnaire,
)
from diagnostic.rules.sheet import ROW_KINDS, missing

MOST_FAULTS: Final = 50
"""Faults listed in one answer; a hostile body cannot make us write more."""

_SHOWN: Final = 40
"""Longest piece of the caller's own text that is shown back."""

_ZERO: Final = ord("0")
_ONE: Final = ord("1")
_TWO: Final = ord("2")
_UNANSWERED: Final = ord(UNANSWERED)
_UNKNOWN: Final = ord(UNKNOWN)
_NOT_CONCERNED: Final = ord(NOT_CONCERNED)
_DONE: Final = frozenset((_ONE, _TWO))
_PAIR: Final = {"investi", "prevu"}


class Fault(NamedTuple):
    """One thing wrong in the answers: where, why (French), and what would be right."""

    path: str
    reason: str
    allowed: tuple[str, ...] = ()


class Reading(NamedTuple):
    """Answers read: the packed sheet, meaningful only without faults."""

    sheet: str
    faults: list[Fault]


class _Entry(NamedTuple):
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


class _Page(NamedTuple):
    """A sheet being written, with the faults found so far."""

    codes: bytearray
    faults: list[Fault]


def _entry_of(question: Question) -> _Entry:
    count = len(question.items)
    levels: dict[object, int] = {word: ord(level) for word, level in WORDS[question.kind].items()}
    if question.kind == "echelle":
        levels = {level: ord(str(level)) for level in range(TOP_LEVEL["echelle"] + 1)}
    values = (*(str(level) for level in levels), UNKNOWN_WORD)
    levels[UNKNOWN_WORD] = _UNKNOWN
    unknown = UNKNOWN * question.countable + "0" * (count - question.countable)
    return _Entry(
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


_ENTRIES: Final = {
    kind: {question.id: _entry_of(question) for question in form.questions} for kind, form in FORMS.items()
}


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
    entries = _ENTRIES[form.id].values()
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


def _grid_of(entry: _Entry) -> dict[str, tuple[int, dict[object, int]]]:
    skipped: dict[object, int] = {**entry.levels, NOT_CONCERNED_WORD: _NOT_CONCERNED}
    return {
        row: (position, skipped if row in entry.skippable else entry.levels)
        for row, position in entry.positions.items()
    }


_FORMS: Final = {kind: _form_of(form) for kind, form in FORMS.items()}


def read(form: Questionnaire, answers: Mapping[str, object], base: str) -> Reading:
    """Put wire answers over a sheet: each question given replaces what `base` held for it, null clears it.

    Args:
        form: the questionnaire.
        answers: question id → answer, as the JSON Schema of `rules.schema` says.
        base: the sheet before; `sheet.blank(form)` for none.

    Returns:
        The new sheet and every fault, `MOST_FAULTS` or a few more; unanswered items are no fault here.
    """
    entries = _ENTRIES[form.id]
    codes = bytearray(base, "ascii")
    page = _Page(codes, [])
    for question_id, value in answers.items():
        if (entry := entries.get(question_id)) is None:
            page.faults.append(Fault(f"answers.{_short(question_id)}", "question inconnue", tuple(entries)))
        elif value is None:
            codes[entry.start : entry.stop] = entry.blank
        elif value == UNKNOWN_WORD:
            codes[entry.start : entry.stop] = entry.unknown
        else:
            _READERS[entry.question.kind](page, entry, value)
        if page.faults and len(page.faults) > MOST_FAULTS:
            break
    return Reading(codes.decode("ascii"), page.faults)


def read_whole(form: Questionnaire, answers: Mapping[str, object], base: str) -> Reading:
    """Like `read`, for a submission: what is still missing is a fault too."""
    taken = _take(_FORMS[form.id], answers)
    if taken is not None:
        return Reading(taken, [])
    sheet, faults = read(form, answers, base)
    lacking = missing(form, sheet)
    if not lacking:
        return Reading(sheet, faults)
    named = {fault.path for fault in faults}
    return Reading(sheet, faults + [Fault(path, "réponse manquante") for path in lacking if path not in named])


def _take(form: _Form, answers: Mapping[str, Any]) -> str | None:
    """The sheet of a whole form in its plainest shape, as nearly all come; None when it must be read with care."""
    codes = bytearray(form.start)
    try:
        for question_id, value in answers.items():
            if value.__class__ is list:
                positions = form.lists[question_id]
                for option in value:
                    codes[positions[option]] = _ONE
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
        codes[positions[option]] = _ONE
    for option in done:
        codes[positions[option]] = _TWO


def _contradicts(form: _Form, codes: bytearray) -> bool:
    """Whether an option that rules out all others is not alone."""
    for position, question in form.alone:
        if codes[position] == _ONE and codes.count(_ZERO, question.start, question.stop) < question.countable:
            return True
    return False


def _read_multi(page: _Page, entry: _Entry, value: object) -> None:
    """`["option", …]`, or `{"oui": […], "ne_sait_pas": […], "non_concerne": […]}`; what is not listed is not done."""
    page.codes[entry.start : entry.stop] = entry.unchecked
    if isinstance(value, list | tuple):
        _mark(page, entry, entry.path, value, _ONE)  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, dict):
        _mark_groups(page, entry, value, {"oui": _ONE})  # pyright: ignore[reportUnknownArgumentType]
    else:
        page.faults.append(Fault(entry.path, "liste d’options attendue", entry.allowed))
    exclusive = entry.question.exclusive
    if (
        exclusive
        and page.codes[entry.positions[exclusive]] == _ONE
        and any(page.codes[position] != _ZERO for item, position in entry.positions.items() if item != exclusive)
    ):
        page.faults.append(Fault(entry.path, f"« {exclusive} » exclut toutes les autres options"))


def _read_double(page: _Page, entry: _Entry, value: object) -> None:
    """`{"investi": […], "prevu": […], "ne_sait_pas": […]}`; an area both invested and planned counts as invested."""
    page.codes[entry.start : entry.stop] = entry.unchecked
    if isinstance(value, dict):
        _mark_groups(page, entry, value, {"prevu": _ONE, "investi": _TWO})  # pyright: ignore[reportUnknownArgumentType]
    else:
        page.faults.append(Fault(entry.path, "objet attendu", ("investi", "prevu", UNKNOWN_WORD)))


def _read_rows(page: _Page, entry: _Entry, value: object) -> None:
    """`{"row": level or word, …}`; rows left out stay unanswered."""
    codes = page.codes
    codes[entry.start : entry.stop] = entry.blank
    if not isinstance(value, dict):
        page.faults.append(Fault(entry.path, "objet attendu : une valeur par ligne", entry.allowed))
        return
    rows: dict[object, object] = value  # pyright: ignore[reportUnknownVariableType]
    positions, levels = entry.positions, entry.levels
    try:
        for row, given in rows.items():
            if given.__class__ is bool:  # in Python, True would pass for the level 1
                break
            codes[positions[row]] = levels[given]  # pyright: ignore[reportArgumentType]
        else:
            return
    except (KeyError, TypeError):
        pass
    codes[entry.start : entry.stop] = entry.blank
    for row, given in rows.items():
        _read_row(page, entry, row, given)
        if len(page.faults) > MOST_FAULTS:
            return


def _read_row(page: _Page, entry: _Entry, row: object, given: object) -> None:
    """The careful way, for rows that are wrong or not concerned."""
    position = entry.positions.get(row) if isinstance(row, str) else None
    code = entry.levels.get(given) if isinstance(given, str | int | float) and not isinstance(given, bool) else None
    if position is None:
        page.faults.append(Fault(f"{entry.path}.{_short(row)}", "ligne inconnue", entry.allowed))
    elif code is not None:
        page.codes[position] = code
    elif given == NOT_CONCERNED_WORD and row in entry.skippable:
        page.codes[position] = _NOT_CONCERNED
    elif given is not None:
        page.codes[position] = _UNKNOWN  # answered, however wrongly: it must not be called missing as well
        if given == NOT_CONCERNED_WORD:
            reason = "« non_concerne » n’est pas permis ici"
        elif entry.question.kind == "echelle":
            reason = f"entier de 0 à {TOP_LEVEL['echelle']} attendu, reçu « {_short(given)} »"
        else:
            reason = f"mot inconnu « {_short(given)} »"
        page.faults.append(Fault(f"{entry.path}.{row}", reason, entry.values))


def _mark_groups(page: _Page, entry: _Entry, groups: dict[object, object], codes: dict[str, int]) -> None:
    """Mark each group of options; an option may not be in a group and unknown, or not concerned, at once."""
    if codes.keys() == groups.keys():
        for name, code in codes.items():
            _mark(page, entry, f"{entry.path}.{name}", groups[name], code)
        return
    aside = {UNKNOWN_WORD: _UNKNOWN} | ({NOT_CONCERNED_WORD: _NOT_CONCERNED} if entry.skippable else {})
    known = codes | aside
    for name in groups:
        if name not in known:
            page.faults.append(Fault(f"{entry.path}.{_short(name)}", "champ inconnu", tuple(known)))
        if len(page.faults) > MOST_FAULTS:
            return
    for name, code in known.items():
        if groups.get(name) is not None:
            _mark(page, entry, f"{entry.path}.{name}", groups[name], code)


def _mark(page: _Page, entry: _Entry, path: str, options: object, code: int) -> None:
    """Give the options of a list a code."""
    if not isinstance(options, list | tuple):
        page.faults.append(Fault(path, "liste d’options attendue", entry.allowed))
        return
    listed: list[object] | tuple[object, ...] = options  # pyright: ignore[reportUnknownVariableType]
    positions = entry.positions
    if code in _DONE:
        try:
            for option in listed:
                page.codes[positions[option]] = code  # pyright: ignore[reportArgumentType]
        except (KeyError, TypeError):
            pass
        else:
            return
    for index, option in enumerate(listed):
        if not isinstance(option, str) or option not in positions:
            page.faults.append(Fault(f"{path}[{index}]", f"option inconnue « {_short(option)} »", entry.allowed))
        elif code in _DONE:
            page.codes[positions[option]] = code
        else:
            _mark_aside(page, entry, f"{path}[{index}]", option, code)
        if len(page.faults) > MOST_FAULTS:
            return


def _mark_aside(page: _Page, entry: _Entry, path: str, option: str, code: int) -> None:
    """Mark an option unknown or not concerned, if it is not answered otherwise and may be so."""
    position = entry.positions[option]
    if code == _NOT_CONCERNED and option not in entry.skippable:
        page.faults.append(Fault(path, "« non_concerne » n’est pas permis ici", tuple(sorted(entry.skippable))))
    elif option == entry.question.exclusive:
        page.faults.append(Fault(path, f"« {option} » ne peut être que cochée ou non"))
    elif page.codes[position] not in {_ZERO, code}:
        page.faults.append(Fault(path, f"« {option} » a déjà une autre réponse"))
    else:
        page.codes[position] = code


def _short(value: object) -> str:
    """What the caller sent, short enough to be shown."""
    text = str(value) if isinstance(value, str | int | float | None) else type(value).__name__
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


_READERS: Final[dict[Kind, Callable[[_Page, _Entry, object], None]]] = {
    "multi": _read_multi,
    "double": _read_double,
    "echelle": _read_rows,
    "tri": _read_rows,
    "oui_non": _read_rows,
}
