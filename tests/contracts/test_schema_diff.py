"""The contract check sees whatever lets a value through that the released contract ruled out, and nothing else."""

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import schema_diff

TEXT = {"type": "string"}
NULL = {"type": "null"}
A, B = {"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}
NODE: dict[str, Any] = {
    "type": "object",
    "properties": {"next": {"anyOf": [{"$ref": "#/$defs/Node"}, NULL]}, "size": {"maximum": 3}},
}


def found(old: Any, new: Any, old_defs: Any = None, new_defs: Any = None) -> list[str]:
    """What the check says of a field that was `old` and is `new`."""

    def event(field: Any, defs: Any) -> dict[str, Any]:
        return {"/e.json": {"type": "object", "x-key": "k", "properties": {"f": field}, "$defs": defs or {}}}

    return list(schema_diff.breaking(event(old, old_defs), event(new, new_defs or old_defs)))


WIDER = [
    pytest.param(TEXT, {"anyOf": [TEXT, NULL]}, "f: type may now be null", id="a branch more"),
    pytest.param({"anyOf": [TEXT, NULL]}, {}, "f: type may now be any", id="anything at all"),
    pytest.param(
        {"anyOf": [{"type": "string", "maxLength": 3}, NULL]},
        {"anyOf": [TEXT, NULL]},
        "f: maxLength raised",
        id="a bound inside a branch",
    ),
    pytest.param(
        {"type": ["string", "null"]}, {"type": ["string", "integer"]}, "f: type may now be integer", id="types"
    ),
    pytest.param(
        {"type": "object", "additionalProperties": False},
        {"type": "object"},
        "f.*: type may now be any",
        id="closed, then open",
    ),
    pytest.param(
        {"type": "object", "additionalProperties": {"type": "integer"}},
        {"type": "object", "additionalProperties": TEXT},
        "f.*: type may now be string",
        id="values of a map",
    ),
    pytest.param(
        {"type": "object", "additionalProperties": TEXT, "propertyNames": {"pattern": "^[a-z]$"}},
        {"type": "object", "additionalProperties": TEXT},
        "f.*?: pattern changed from ^[a-z]$ to None",
        id="names of a map",
    ),
    pytest.param(
        {"type": "number", "minimum": 0}, {"type": "number", "minimum": -1}, "f: lower bound widened", id="minimum"
    ),
    pytest.param({"type": "number", "minimum": 0}, {"type": "number"}, "f: lower bound widened", id="no minimum"),
    pytest.param(
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "number", "minimum": 0},
        "f: lower bound widened",
        id="the bound itself",
    ),
    pytest.param(
        {"type": "integer", "exclusiveMinimum": 0},
        {"type": "integer", "minimum": 0},
        "f: lower bound widened",
        id="of whole numbers",
    ),
    pytest.param(
        {"type": "number", "maximum": 9}, {"type": "number", "maximum": 9.5}, "f: upper bound widened", id="maximum"
    ),
    pytest.param(
        {"type": "number", "exclusiveMaximum": 9},
        {"type": "number", "maximum": 9},
        "f: upper bound widened",
        id="the upper bound itself",
    ),
    pytest.param({"type": "integer", "maximum": 9}, {"type": "integer"}, "f: upper bound widened", id="no maximum"),
    pytest.param(
        {"type": "integer", "multipleOf": 100},
        {"type": "integer", "multipleOf": 50},
        "f: multipleOf changed from 100 to 50",
        id="step",
    ),
    pytest.param({"type": "string", "minLength": 1}, TEXT, "f: minLength lowered", id="empty text"),
    pytest.param(
        {"type": "string", "maxLength": 9}, {"type": "string", "maxLength": 10}, "f: maxLength raised", id="long text"
    ),
    pytest.param({"type": "array", "minItems": 1}, {"type": "array"}, "f: minItems lowered", id="empty list"),
    pytest.param(
        {"type": "array", "maxItems": 2}, {"type": "array", "maxItems": 3}, "f: maxItems raised", id="long list"
    ),
    pytest.param(
        {"type": "array", "uniqueItems": True},
        {"type": "array"},
        "f: uniqueItems changed from True to None",
        id="repeated items",
    ),
    pytest.param(
        {"type": "array", "prefixItems": [TEXT], "items": False},
        {"type": "array", "prefixItems": [TEXT, TEXT]},
        "f[1]: type may now be string",
        id="a longer tuple",
    ),
    pytest.param({"type": "string", "format": "uuid"}, TEXT, "f: format changed from uuid to None", id="no format"),
    pytest.param(
        {"type": "string", "format": "date"},
        {"type": "string", "format": "date-time"},
        "f: format changed from date to date-time",
        id="another format",
    ),
    pytest.param(
        {"type": "string", "pattern": "^[0-9]{9}$"},
        {"type": "string", "pattern": "^[0-9]{14}$"},
        "f: pattern changed from ^[0-9]{9}$ to ^[0-9]{14}$",
        id="pattern",
    ),
    pytest.param({"enum": ["a"]}, TEXT, "f: values are no longer listed", id="no list of values"),
    pytest.param({"const": "a"}, {"enum": ["a", "b"]}, 'f: new values "b"', id="a value more"),
]


@pytest.mark.parametrize(("old", "new", "said"), WIDER)
def test_a_wider_contract_breaks_and_a_narrower_one_does_not(old: Any, new: Any, said: str) -> None:
    assert f"/e.json.{said}" in found(old, new)
    assert [line for line in found(new, old) if "changed from" not in line and "may now be" not in line] == []
    assert found(old, old) == found(new, new) == []


def test_a_branch_is_compared_with_the_one_it_was() -> None:
    short, long = {"type": "string", "maxLength": 2}, {"type": "string", "minLength": 8}
    assert found({"anyOf": [short, long]}, {"anyOf": [long, short]}) == []
    assert found({"anyOf": [short, long]}, {"anyOf": [{"type": "string", "maxLength": 1}]}) == []
    assert found({"anyOf": [short, long]}, {"anyOf": [TEXT]}) != []
    assert found({"anyOf": [short, {"type": "integer"}]}, {"type": "integer", "minimum": 1}) == []


def test_definitions_are_followed_also_in_circles() -> None:
    one = {"A": {"type": "object", "properties": {"b": B}}, "B": {"type": "string", "maxLength": 3}}
    other = {**one, "B": {"type": "string", "maxLength": 4}}
    assert found(A, A, one, other) == ["/e.json.f.b: maxLength raised"]
    wider = {"Node": {**NODE, "properties": {**NODE["properties"], "size": {}}}}
    assert found({"$ref": "#/$defs/Node"}, {"$ref": "#/$defs/Node"}, {"Node": NODE}, {"Node": NODE}) == []
    assert found({"$ref": "#/$defs/Node"}, {"$ref": "#/$defs/Node"}, {"Node": NODE}, wider) == [
        "/e.json.f.size: upper bound widened"
    ]


def test_a_field_that_is_there_again_and_again_is_compared_each_time() -> None:
    one, other = {"A": {"type": "string", "maxLength": 3}}, {"A": TEXT}
    said = found(
        {"type": "array", "prefixItems": [A, A], "items": False},
        {"type": "array", "prefixItems": [A, A], "items": False},
        one,
        other,
    )
    assert said == ["/e.json.f[0]: maxLength raised", "/e.json.f[1]: maxLength raised"]
