"""Breaking changes of the contracts against the last release: inside a major version only optional fields are added.

Whatever lets a value through that the released contract ruled out is breaking, since consumers were written against it:
another type or branch, a bound or length that is wider or gone, another format or pattern, open names.

The released schemas are kept in `docs/released-contracts.json`; `--release` writes it from today's contracts.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

ROOT = Path(__file__).resolve().parent.parent
RELEASED = ROOT / "docs" / "released-contracts.json"

LEAST: Final = ("minLength", "minItems", "minProperties", "minContains")
MOST: Final = ("maxLength", "maxItems", "maxProperties", "maxContains")
SAME: Final = ("format", "pattern", "uniqueItems", "contentEncoding", "contentMediaType")
"""Words that may be added, but neither changed nor taken away: nobody can tell which of two patterns is wider."""


def contracts() -> dict[str, Any]:
    """Today's committed contracts by `$id`."""
    found = (json.loads(path.read_text("utf-8")) for path in sorted(ROOT.glob("services/*/contracts/*.json")))
    return {schema["$id"]: schema for schema in found}


def breaking(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """What breaks consumers, or the promise of the major version, between two sets of schemas."""
    for name, schema in old.items():
        if name not in new:
            yield f"{name}: event removed"
            continue
        if schema.get("x-key") != new[name].get("x-key"):
            yield f"{name}: key changed from {schema.get('x-key')} to {new[name].get('x-key')}"
        yield from _Comparison(schema, new[name], set()).compare(name, schema, new[name])


class _Comparison(NamedTuple):
    """Two documents under comparison; `under_way` are the pairs of schemas that are, so that circles end."""

    old_root: Mapping[str, Any]
    new_root: Mapping[str, Any]
    under_way: set[tuple[int, int]]

    def compare(self, where: str, old: Any, new: Any) -> Iterator[str]:
        """What `new` lets through that `old` did not."""
        before, after = _choices(old, self.old_root), _choices(new, self.new_root)
        if len(before) == len(after) == 1:
            yield from self._compare_one(where, before[0], after[0])
        else:
            for choice in after:
                yield from self._compare_choice(where, before, choice)

    def _compare_choice(
        self, where: str, before: Sequence[Mapping[str, Any]], choice: Mapping[str, Any]
    ) -> Iterator[str]:
        """A branch must be one of the old ones, or narrower than one of them."""
        alike = [known for known in before if _type(known) in {_type(choice), "any"}]
        if not alike:
            yield f"{where}: type may now be {_type(choice)}"
            return
        found = [list(self._compare_one(where, known, choice)) for known in alike]
        if all(found):
            yield from min(found, key=len)

    def _compare_one(self, where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
        """Two schemas without branches."""
        if _type(old) not in {_type(new), "any"}:
            yield f"{where}: type may now be {_type(new)}"
            return
        pair = id(old), id(new)
        if pair in self.under_way:
            return
        self.under_way.add(pair)
        yield from _values(where, old, new)
        yield from _limits(where, old, new)
        yield from self._compare_fields(where, old, new)
        yield from self._compare_others(where, old, new)
        yield from self._compare_items(where, old, new)
        self.under_way.discard(pair)

    def _compare_fields(self, where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
        before: Mapping[str, Any] = old.get("properties", {})
        after: Mapping[str, Any] = new.get("properties", {})
        for name in before:
            if name not in after:
                yield f"{where}.{name}: field removed"
            else:
                yield from self.compare(f"{where}.{name}", before[name], after[name])
        for name in old.get("required", []):
            if name in after and name not in new.get("required", []):
                yield f"{where}.{name}: no longer required"
        for name in sorted(set(new.get("required", [])) - set(before)):
            yield f"{where}.{name}: new field is required; only optional fields may be added"

    def _compare_others(self, where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
        """Names beside those that are listed, and what stands under them."""
        if _type(old) == "object":
            yield from self.compare(
                f"{where}.*", old.get("additionalProperties", True), new.get("additionalProperties", True)
            )
            yield from self.compare(f"{where}.*?", old.get("propertyNames", True), new.get("propertyNames", True))

    def _compare_items(self, where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
        if _type(old) != "array":
            return
        before, after = old.get("prefixItems", ()), new.get("prefixItems", ())
        rest, new_rest = old.get("items", True), new.get("items", True)
        for place in range(max(len(before), len(after))):
            known = before[place] if place < len(before) else rest
            given = after[place] if place < len(after) else new_rest
            yield from self.compare(f"{where}[{place}]", known, given)
        yield from self.compare(f"{where}[]", rest, new_rest)


def _choices(node: Any, root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The branches of a schema, references followed, one type each; none where nothing is let through."""
    if isinstance(node, bool):
        return [{}] if node else []
    schema = cast("Mapping[str, Any]", node)
    if "$ref" in schema:
        return _choices(root["$defs"][str(schema["$ref"]).rpartition("/")[2]], root)
    branches = schema.get("anyOf") or schema.get("oneOf")
    if branches:
        return [choice for branch in branches for choice in _choices(branch, root)]
    kinds: Any = schema.get("type")
    return [{**schema, "type": kind} for kind in cast("list[str]", kinds)] if isinstance(kinds, list) else [schema]


def _type(node: Mapping[str, Any]) -> str:
    """The type of a schema without branches; that of its values where it only lists them."""
    if "type" in node:
        return str(node["type"])
    values: Sequence[Any] = [node["const"]] if "const" in node else node.get("enum", ())
    names: Mapping[Any, str] = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
    kinds = {names.get(cast("Any", type(value)), "any") for value in values}
    return kinds.pop() if len(kinds) == 1 else "any"


def _values(where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Values that are listed one by one."""
    before, after = _listed(old), _listed(new)
    if before is None:
        return
    if after is None:
        yield f"{where}: values are no longer listed"
    elif added := after - before:
        yield f"{where}: new values {', '.join(sorted(added))}"


def _listed(node: Mapping[str, Any]) -> set[str] | None:
    if "const" in node:
        return {json.dumps(node["const"])}
    return {json.dumps(value) for value in node["enum"]} if "enum" in node else None


def _limits(where: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Bounds, lengths, formats and patterns."""
    if _least(new) < _least(old):
        yield f"{where}: lower bound widened"
    if _most(new) > _most(old):
        yield f"{where}: upper bound widened"
    for word in LEAST:
        if new.get(word, 0) < old.get(word, 0):
            yield f"{where}: {word} lowered"
    for word in MOST:
        if new.get(word, inf) > old.get(word, inf):
            yield f"{where}: {word} raised"
    for word in SAME:
        if old.get(word) and new.get(word) != old[word]:
            yield f"{where}: {word} changed from {old[word]} to {new.get(word)}"
    step, new_step = old.get("multipleOf"), new.get("multipleOf")
    if step is not None and (new_step is None or new_step % step):
        yield f"{where}: multipleOf changed from {step} to {new_step}"


def _least(node: Mapping[str, Any]) -> tuple[float, bool]:
    """The lower bound, and whether it is out of bounds itself: comparable, the narrower the greater."""
    above = node.get("exclusiveMinimum", -inf)
    if _type(node) == "integer":
        return max(node.get("minimum", -inf), above + 1), False
    return max((node.get("minimum", -inf), False), (above, above > -inf))


def _most(node: Mapping[str, Any]) -> tuple[float, bool]:
    """The upper bound, and whether it is within bounds itself: comparable, the narrower the less."""
    below = node.get("exclusiveMaximum", inf)
    if _type(node) == "integer":
        return min(node.get("maximum", inf), below - 1), True
    return min((node.get("maximum", inf), True), (below, below == inf))


def main() -> int:
    """Exit 1 and list what breaks; with `--release` make today's contracts the reference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", action="store_true", help="make today's contracts the released ones")
    if parser.parse_args().release:
        RELEASED.write_text(json.dumps(contracts(), indent=1, ensure_ascii=False) + "\n", "utf-8")
        return 0
    found = list(breaking(json.loads(RELEASED.read_text("utf-8")), contracts()))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
