"""What pydantic makes of the bounds that events declare."""

from typing import Annotated, Any, ClassVar, Literal

import msgspec
import pytest
from pydantic import Field, ValidationError

from common.declare.contract import contract
from common.declare.event import Event

Cents = Annotated[int, Field(ge=0)]


class Line(msgspec.Struct, frozen=True):
    """A part of an event."""

    cents: Cents


class Sold(Event, frozen=True, kw_only=True):
    """An event with every sort of field."""

    KEY: ClassVar[str] = "siren"
    siren: Annotated[str, Field(pattern="^[0-9]{9}$")]
    lines: tuple[Line, ...]
    first: Annotated[Line, Field(description="the first of them")]
    gift: Line | None = None
    how: Literal["card", "cash"] = "card"
    notes: list[str] = msgspec.field(default_factory=list[str])


GOOD: dict[str, Any] = {"siren": "732829320", "lines": [{"cents": 1}], "first": {"cents": 1}}


def test_an_event_within_its_bounds_is_valid_and_has_its_defaults() -> None:
    twin = contract(Sold).validate_python(GOOD)

    assert (twin.lines[0].cents, twin.gift, twin.how, twin.notes) == (1, None, "card", [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"siren": "73"},
        {"lines": [{"cents": -1}]},
        {"first": {"cents": -1}},
        {"gift": {"cents": -1}},
        {"how": "cheque"},
        {"notes": [1]},
    ],
)
def test_a_field_out_of_its_bounds_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        contract(Sold).validate_python({**GOOD, **wrong})


def test_the_schema_says_the_bounds_and_the_words() -> None:
    schema = contract(Sold).json_schema()

    assert schema["required"] == ["siren", "lines", "first"]
    assert schema["$defs"]["Line"]["properties"]["cents"]["minimum"] == 0
    assert schema["properties"]["first"]["description"] == "the first of them"
