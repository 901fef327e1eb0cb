"""Bodies: validated item by item, every fault said in French with the path of its field."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json

from common.core.commands import Ask
from common.declare.decision import Refusal
from common.http.problems import Problem
from common.http.texts import Fault, fault_of, read_leniently, suspect

MAX_ITEMS = 1000
"""Items of one `:batch` request."""

Model = TypeVar("Model", bound=BaseModel)

_REASONS = {
    "missing": "champ obligatoire absent",
    "extra_forbidden": "champ inconnu",
    "string_pattern_mismatch": "format attendu: {pattern}",
    "json_invalid": "JSON invalide: {error}",
    "greater_than_equal": "doit être au moins {ge}",
    "less_than_equal": "doit être au plus {le}",
    "greater_than": "doit être plus grand que {gt}",
    "less_than": "doit être plus petit que {lt}",
    "string_too_long": "au plus {max_length} caractères",
    "string_too_short": "au moins {min_length} caractères",
    "too_long": "au plus {max_length} éléments",
    "too_short": "au moins {min_length} éléments",
    "literal_error": "valeurs possibles: {expected}",
    "enum": "valeurs possibles: {expected}",
    "int_type": "nombre entier attendu",
    "int_parsing": "nombre entier attendu",
    "float_type": "nombre attendu",
    "string_type": "texte attendu",
    "bool_type": "vrai ou faux attendu",
    "list_type": "liste attendue",
    "tuple_type": "liste attendue",
    "dict_type": "objet attendu",
    "model_type": "objet attendu",
    "model_attributes_type": "objet attendu",
    "uuid_parsing": "UUID attendu",
    "value_error": "{error}",
}


def reason_of(error: ErrorDetails) -> str:
    """A validation error in French."""
    text = _REASONS.get(error["type"], error["msg"])
    context = {name: str(value) for name, value in error.get("ctx", {}).items()}
    try:
        return text.format(**context)
    except (KeyError, IndexError):
        return error["msg"]


def path_of(location: Sequence[int | str]) -> str:
    """A location as a JSON path: `lines[2].amount_cents`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def wrong(detail: str, field: str = "") -> Refusal:
    """The refusal of a content: what is wrong with it and what would be right, in French, and where."""
    return Refusal("invalid", "contenu_invalide", "Contenu invalide", detail, field)


def invalid(errors: Sequence[ErrorDetails]) -> Refusal:
    """The rejection of a body that does not fit; names the first field, lists every fault."""
    faults = [(path_of([part for part in error["loc"] if part != "body"]), reason_of(error)) for error in errors]
    detail = "; ".join(f"{path or 'corps'}: {reason}" for path, reason in faults[:20])
    return wrong(detail, faults[0][0] if faults else "")


def unstorable(fault: Fault) -> Refusal:
    """The refusal of what nothing can keep."""
    field = path_of(fault.place)
    return wrong(f"{field or 'corps'}: {fault.reason}", field)


def _read(body: bytes) -> tuple[Any, bool]:
    """The value of a body, and whether its items must be looked at for what cannot be kept.

    The fast reader refuses the whole for one such text or number; then the slow one reads what it can.

    Raises:
        Problem: it is not JSON.
    """
    try:
        return from_json(body, allow_inf_nan=False), suspect(body)
    except ValueError as error:
        try:
            return read_leniently(body), True
        except (ValueError, RecursionError):
            raise Problem(Refusal("unreadable", "json_invalide", "JSON invalide", str(error))) from None


def parse_batch(body: bytes, model: type[Model], to_ask: Callable[[Model], Ask | Refusal]) -> list[Ask | Refusal]:
    """Validate a JSON array of items (or `{"items": […]}`); an item that does not fit becomes a refusal of its own.

    So does one with text that cannot be encoded or stored, or a number beyond all bounds, even where the bytes of the
    body are no UTF-8 there: it harms none of the items beside it.

    Raises:
        Problem: the body is not JSON, not an array, or has more than `MAX_ITEMS` items.
    """
    data, doubtful = _read(body)
    items: Any = data.get("items") if isinstance(data, dict) else data  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if not isinstance(items, list):
        raise Problem(wrong("une liste d'éléments est attendue", "items"))
    entries: list[Any] = items  # pyright: ignore[reportUnknownVariableType]
    if len(entries) > MAX_ITEMS:
        detail = f"au plus {MAX_ITEMS} éléments par lot"
        raise Problem(Refusal("too_large", "lot_trop_grand", "Lot trop grand", detail, "items"))
    validate = model.__pydantic_validator__.validate_python  # what `model_validate` calls: a thousand times here
    parsed: list[Ask | Refusal] = []
    for index, entry in enumerate(entries):
        if doubtful and (fault := fault_of(entry)) is not None:
            made = unstorable(fault)
        else:
            try:
                made = to_ask(validate(entry))
            except ValidationError as error:
                made = invalid(error.errors(include_url=False, include_input=False))
        if isinstance(made, Refusal):
            made = replace(made, field=f"[{index}].{made.field}".rstrip("."))
        parsed.append(made)
    return parsed
