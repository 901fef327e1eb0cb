"""The contract of an event: pydantic reads the bounds that its fields declare, for JSON Schemas and checks in tests.

Events are msgspec structs, which pydantic does not know: each gets a dataclass twin, made on demand.
"""

from dataclasses import field, make_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo
from pydantic import TypeAdapter


@cache
def contract(kind: type[msgspec.Struct]) -> TypeAdapter[Any]:
    """Validator and schema of an event type."""
    return TypeAdapter(_twin(kind))


@cache
def _twin(kind: type[msgspec.Struct]) -> type[Any]:
    """A frozen dataclass with the fields, bounds and documentation of a struct."""
    twin = make_dataclass(kind.__name__, [_field(each) for each in msgspec.structs.fields(kind)], frozen=True)
    twin.__doc__, twin.__module__ = kind.__doc__, kind.__module__
    return twin


def _field(known: FieldInfo) -> tuple[str, object, Any]:
    """A field of the twin, with its default."""
    if known.default is not msgspec.NODEFAULT:
        return known.name, _seen(known.type), field(default=known.default)
    if known.default_factory is not msgspec.NODEFAULT:
        return known.name, _seen(known.type), field(default_factory=known.default_factory)
    return known.name, _seen(known.type), field()


def _seen(annotation: Any) -> object:
    """An annotation with every struct in it replaced by its twin."""
    if _is_struct(annotation):
        return _twin(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return Annotated[(_seen(arguments[0]), *arguments[1:])]
    if origin in (Union, UnionType):
        return Union[tuple(_seen(argument) for argument in arguments)]  # noqa: UP007  made of what is found
    if arguments and origin is not Literal:
        container: Any = origin
        return container[tuple(argument if argument is ... else _seen(argument) for argument in arguments)]
    return annotation


def _is_struct(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)
