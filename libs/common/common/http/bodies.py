"""Bodies: validated item by item, every fault said in French with the path of its field."""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeAlias, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from common.core.commands import Ask
from common.core.pace import Pace
from common.declare.decision import Refusal
from common.http.french import REASONS, reason_of
from common.http.problems import Problem, unstorable, wrong
from common.http.reading import crowded, is_plain, item_faults, read, weigh
from common.http.texts import fault_of, path_of

MAX_ITEMS = 1000
"""Items of one `:batch` request."""

MOST_TOLD = 20
"""Faults of one item that are named; the others are counted."""

Model = TypeVar("Model", bound=BaseModel)

Items: TypeAlias = list[Ask | Refusal]
"""What a `:batch` request asks for, in its order."""


def invalid(errors: Sequence[ErrorDetails]) -> Refusal:
    """The rejection of a body that does not fit; names the first field, lists the first `MOST_TOLD` faults."""
    faults = [(path_of(list(error["loc"])), reason_of(error)) for error in errors[:MOST_TOLD]]
    told = "; ".join(f"{path or 'corps'}: {reason}" for path, reason in faults)
    more = f"; et {len(errors) - MOST_TOLD} autres" if len(errors) > MOST_TOLD else ""
    return wrong(told + more, faults[0][0] if faults else "")


def _all_unknown(names: Iterable[str], known: Container[str]) -> Refusal | None:
    """The rejection of an object with more names than a door has: told before each is judged."""
    unknown = [name for name in names if name not in known]
    if len(unknown) <= MOST_TOLD:
        return None
    told = "; ".join(f"{name}: {REASONS['extra_forbidden']}" for name in unknown[:MOST_TOLD])
    return wrong(f"{told}; et {len(unknown) - MOST_TOLD} autres", unknown[0])


@dataclass(frozen=True, slots=True)
class ItemsOf(Generic[Model]):
    """What a `:batch` door reads, declared where it takes it: `items: Annotated[Items, Depends(ItemsOf(Body, ask))]`.

    Attributes:
        model: an item as it is sent.
        to_ask: what an item asks for.
    """

    model: type[Model]
    to_ask: Callable[[Model], Ask | Refusal]

    async def __call__(self, request: Request) -> Items:
        """The items of a request; raises as `parse_batch` does."""
        return await parse_batch(await request.body(), self.model, self.to_ask)


async def parse_batch(body: bytes, model: type[Model], to_ask: Callable[[Model], Ask | Refusal]) -> Items:
    """Validate a JSON array of items (or `{"items": […]}`); an item that does not fit becomes a refusal of its own.

    So does one with text that cannot be encoded or stored, a number beyond all bounds, a name that stands twice, or
    more values than any item has: it harms none of the items beside it. Others get their turn while it works.

    Raises:
        Problem: the body is not JSON, not an array, or has more than `MAX_ITEMS` items.
    """
    data, doubtful = read(body)
    items: Any = data.get("items") if isinstance(data, dict) else data  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if not isinstance(items, list):
        raise Problem(wrong("une liste d'éléments est attendue", "items"))
    entries: list[Any] = items  # pyright: ignore[reportUnknownVariableType]
    if len(entries) > MAX_ITEMS:
        detail = f"au plus {MAX_ITEMS} éléments par lot"
        raise Problem(Refusal("too_large", "lot_trop_grand", "Lot trop grand", detail, "items"))
    pace, plain = Pace(), is_plain(body)
    sizes: list[int] = []
    names = len(data) if isinstance(data, dict) else 0  # pyright: ignore[reportUnknownArgumentType]
    for entry in entries:
        inside, values = weigh(entry, plain=plain)
        names += inside
        sizes.append(values)
        await pace.rest()
    twice = item_faults(body, entries, names)
    validate = model.__pydantic_validator__.validate_python  # what `model_validate` calls: a thousand times here
    parsed: Items = []
    for index, entry in enumerate(entries):
        await pace.rest()
        fault = crowded(sizes[index]) or twice.get(index) or (fault_of(entry) if doubtful else None)
        made: Ask | Refusal | None = None
        if fault is not None:
            made = unstorable(fault)
        elif isinstance(entry, dict) and len(entry) > MOST_TOLD:  # pyright: ignore[reportUnknownArgumentType]
            made = _all_unknown(entry, model.model_fields)  # pyright: ignore[reportUnknownArgumentType]
        if made is None:
            try:
                made = to_ask(validate(entry))
            except ValidationError as error:
                made = invalid(error.errors(include_url=False, include_input=False))
        if isinstance(made, Refusal):
            made = replace(made, field=f"[{index}].{made.field}".rstrip("."))
        parsed.append(made)
    return parsed
