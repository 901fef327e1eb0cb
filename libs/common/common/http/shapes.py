"""What a door answers, said once: the type that is encoded is the one that its document describes.

A reading door is `@shown`: what it returns is sent, and its return type is the schema. The door of a command is
`@told(Type)`: its rule answers that type, and `Context.run` sends it. Both stand right above the function.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import wraps
from inspect import signature
from types import UnionType
from typing import Any, Final, ParamSpec, TypeVar, get_args

import msgspec
from fastapi import Response

_encode = msgspec.json.Encoder().encode
_ANSWER: Final = "answer"
_OURS: Final = ("title", "description")
"""What the generator takes from the code: names and English docstrings, not for those who read the document."""

P = ParamSpec("P")
Door = TypeVar("Door", bound=Callable[..., object])


def shown(read: Callable[P, Awaitable[object]]) -> Callable[P, Awaitable[Response]]:
    """A door that sends what `read` returns as JSON; the type that `read` says it returns is the schema."""
    said = signature(read)

    @wraps(read)
    async def door(*args: P.args, **kwargs: P.kwargs) -> Response:
        return Response(_encode(await read(*args, **kwargs)), media_type="application/json")

    door.__dict__["__signature__"] = said.replace(return_annotation=Response)
    return told(said.return_annotation)(door)


def told(answer: object) -> Callable[[Door], Door]:
    """Say what a door answers that sends it itself: a type, or a union of types."""

    def say(door: Door) -> Door:
        door.__dict__[_ANSWER] = answer
        return door

    return say


def schemas_of(doors: Iterable[Callable[..., object]], reference: str) -> tuple[Mapping[Any, Any], dict[str, Any]]:
    """The schema of what each door answers, by door, and the definitions they refer to as `reference` says."""
    parts = {door: _parts(vars(door)[_ANSWER]) for door in doors if _ANSWER in vars(door)}
    kinds = list(dict.fromkeys(part for found in parts.values() for part in found))
    schemas, defined = msgspec.json.schema_components(kinds, ref_template=reference)
    for definition in defined.values():
        for name in _OURS:
            definition.pop(name, None)
    by_kind = dict(zip(kinds, schemas, strict=True))
    return {door: _one([by_kind[part] for part in found]) for door, found in parts.items()}, defined


def _parts(answer: Any) -> tuple[Any, ...]:
    """The types that a door may answer: the generator takes no union of several objects."""
    return get_args(answer) if isinstance(answer, UnionType) else (answer,)


def _one(schemas: list[dict[str, Any]]) -> dict[str, Any]:
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
