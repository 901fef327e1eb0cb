"""Breaking changes of the contracts against the last release: inside a major version only optional fields are added.

The released schemas are kept in `docs/released-contracts.json`; `--release` writes it from today's contracts.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RELEASED = ROOT / "docs" / "released-contracts.json"


def contracts() -> dict[str, Any]:
    """Today's committed contracts by `$id`."""
    found = (json.loads(path.read_text("utf-8")) for path in sorted(ROOT.glob("services/*/contracts/*.json")))
    return {schema["$id"]: schema for schema in found}


def breaking(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """What breaks consumers, or the promise of the major version, between two sets of schemas."""
    for name, schema in old.items():
        if name not in new:
            yield f"{name}: event removed"
        else:
            yield from _compare(name, schema, new[name], schema, new[name])


def _resolve(node: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    reference: str = node.get("$ref", "")
    return root["$defs"][reference.rpartition("/")[2]] if reference else node


def _types(node: Mapping[str, Any], root: Mapping[str, Any]) -> set[str]:
    choices: list[Any] = node.get("anyOf") or node.get("oneOf") or [node]
    found: set[str] = set()
    for choice in choices:
        found.add(str(_resolve(choice, root).get("type", "any")))
    return found


def _compare(
    where: str, old: Mapping[str, Any], new: Mapping[str, Any], old_root: Mapping[str, Any], new_root: Mapping[str, Any]
) -> Iterator[str]:
    old, new = _resolve(old, old_root), _resolve(new, new_root)
    if where.endswith(".json") and old.get("x-key") != new.get("x-key"):
        yield f"{where}: key changed from {old.get('x-key')} to {new.get('x-key')}"
    wider = _types(new, new_root) - _types(old, old_root)
    if wider:
        yield f"{where}: type may now be {', '.join(sorted(wider))}"
    added = set(map(str, new.get("enum", []))) - set(map(str, old.get("enum", []))) if "enum" in old else set[str]()
    if added:
        yield f"{where}: new values {', '.join(sorted(added))}"
    before: Mapping[str, Any] = old.get("properties", {})
    after: Mapping[str, Any] = new.get("properties", {})
    for name in before:
        if name not in after:
            yield f"{where}.{name}: field removed"
        else:
            yield from _compare(f"{where}.{name}", before[name], after[name], old_root, new_root)
    for name in old.get("required", []):
        if name in after and name not in new.get("required", []):
            yield f"{where}.{name}: no longer required"
    for name in set(new.get("required", [])) - set(before):
        yield f"{where}.{name}: new field is required; only optional fields may be added"
    if "items" in old and "items" in new:
        yield from _compare(f"{where}[]", old["items"], new["items"], old_root, new_root)


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
