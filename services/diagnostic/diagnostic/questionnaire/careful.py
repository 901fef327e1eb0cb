"""One answer read with care: what is right is taken, what is wrong is named with its JSON path."""

from collections.abc import Callable
from typing import Final, NamedTuple

from diagnostic.questionnaire.entries import ONE, TWO, UNKNOWN_CODE, ZERO, Entry
from diagnostic.questionnaire.forms import NOT_CONCERNED, NOT_CONCERNED_WORD, TOP_LEVEL, UNKNOWN_WORD
from diagnostic.terms import QuestionKind

MOST_FAULTS: Final = 50
"""Faults listed in one answer; a hostile body cannot make us write more."""

_SHOWN: Final = 40
"""Longest piece of the caller's own text that is shown back."""

_NOT_CONCERNED: Final = ord(NOT_CONCERNED)
_DONE: Final = frozenset((ONE, TWO))


class Fault(NamedTuple):
    """One thing wrong in the answers: where, why (French), and what would be right."""

    path: str
    reason: str
    allowed: tuple[str, ...] = ()


class Page(NamedTuple):
    """A sheet being written, with the faults found so far."""

    codes: bytearray
    faults: list[Fault]


def read_answer(page: Page, entry: Entry, value: object) -> None:
    """Put the answer to one question on the page, or name what is wrong with it."""
    _READERS[entry.question.kind](page, entry, value)


def _read_multi(page: Page, entry: Entry, value: object) -> None:
    """`["option", …]`, or `{"oui": […], "ne_sait_pas": […], "non_concerne": […]}`; what is not listed is not done."""
    page.codes[entry.start : entry.stop] = entry.unchecked
    if isinstance(value, list | tuple):
        _mark(page, entry, entry.path, value, ONE)  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, dict):
        _mark_groups(page, entry, value, {"oui": ONE})  # pyright: ignore[reportUnknownArgumentType]
    else:
        page.faults.append(Fault(entry.path, "liste d’options attendue", entry.allowed))
    exclusive = entry.question.exclusive
    if (
        exclusive
        and page.codes[entry.positions[exclusive]] == ONE
        and any(page.codes[position] != ZERO for item, position in entry.positions.items() if item != exclusive)
    ):
        page.faults.append(Fault(entry.path, f"« {exclusive} » exclut toutes les autres options"))


def _read_double(page: Page, entry: Entry, value: object) -> None:
    """`{"investi": […], "prevu": […], "ne_sait_pas": […]}`; an area both invested and planned counts as invested."""
    page.codes[entry.start : entry.stop] = entry.unchecked
    if isinstance(value, dict):
        _mark_groups(page, entry, value, {"prevu": ONE, "investi": TWO})  # pyright: ignore[reportUnknownArgumentType]
    else:
        page.faults.append(Fault(entry.path, "objet attendu", ("investi", "prevu", UNKNOWN_WORD)))


def _read_rows(page: Page, entry: Entry, value: object) -> None:
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
    for row, given in rows.items():
        _read_row(page, entry, row, given)
        if len(page.faults) > MOST_FAULTS:
            return


def _read_row(page: Page, entry: Entry, row: object, given: object) -> None:
    """The careful way, for rows that are wrong or not concerned."""
    position = entry.positions.get(row) if isinstance(row, str) else None
    code = entry.levels.get(given) if isinstance(given, str | int | float) and not isinstance(given, bool) else None
    if position is None:
        page.faults.append(Fault(f"{entry.path}.{short(row)}", "ligne inconnue", entry.allowed))
    elif code is not None:
        page.codes[position] = code
    elif given == NOT_CONCERNED_WORD and row in entry.skippable:
        page.codes[position] = _NOT_CONCERNED
    elif given is not None:
        page.codes[position] = UNKNOWN_CODE  # answered, however wrongly: it must not be called missing as well
        if given == NOT_CONCERNED_WORD:
            reason = "« non_concerne » n’est pas permis ici"
        elif entry.question.kind == "echelle":
            reason = f"entier de 0 à {TOP_LEVEL['echelle']} attendu, reçu « {short(given)} »"
        else:
            reason = f"mot inconnu « {short(given)} »"
        page.faults.append(Fault(f"{entry.path}.{row}", reason, entry.values))


def _mark_groups(page: Page, entry: Entry, groups: dict[object, object], codes: dict[str, int]) -> None:
    """Mark each group of options; an option may not be in a group and unknown, or not concerned, at once."""
    aside = {UNKNOWN_WORD: UNKNOWN_CODE} | ({NOT_CONCERNED_WORD: _NOT_CONCERNED} if entry.skippable else {})
    known = codes | aside
    for name in groups:
        if name not in known:
            page.faults.append(Fault(f"{entry.path}.{short(name)}", "champ inconnu", tuple(known)))
        if len(page.faults) > MOST_FAULTS:
            return
    for name, code in known.items():
        if groups.get(name) is not None:
            _mark(page, entry, f"{entry.path}.{name}", groups[name], code)


def _mark(page: Page, entry: Entry, path: str, options: object, code: int) -> None:
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
            page.faults.append(Fault(f"{path}[{index}]", f"option inconnue « {short(option)} »", entry.allowed))
        elif code in _DONE:
            page.codes[positions[option]] = code
        else:
            _mark_aside(page, entry, f"{path}[{index}]", option, code)
        if len(page.faults) > MOST_FAULTS:
            return


def _mark_aside(page: Page, entry: Entry, path: str, option: str, code: int) -> None:
    """Mark an option unknown or not concerned, if it is not answered otherwise and may be so."""
    position = entry.positions[option]
    if code == _NOT_CONCERNED and option not in entry.skippable:
        page.faults.append(Fault(path, "« non_concerne » n’est pas permis ici", entry.question.non_concerne))
    elif option == entry.question.exclusive:
        page.faults.append(Fault(path, f"« {option} » ne peut être que cochée ou non"))
    elif page.codes[position] not in {ZERO, code}:
        page.faults.append(Fault(path, f"« {option} » a déjà une autre réponse"))
    else:
        page.codes[position] = code


def short(value: object) -> str:
    """What the caller sent, short enough to be shown."""
    text = str(value) if isinstance(value, str | int | float | None) else type(value).__name__
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


_READERS: Final[dict[QuestionKind, Callable[[Page, Entry, object], None]]] = {
    "multi": _read_multi,
    "double": _read_double,
    "echelle": _read_rows,
    "tri": _read_rows,
    "oui_non": _read_rows,
}
