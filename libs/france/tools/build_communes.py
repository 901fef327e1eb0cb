# ruff: noqa: INP001
"""Rebuild `epci.json` and `communes.json` of `france/data` from the npm package @etalab/decoupage-administratif.

Usage: npm pack @etalab/decoupage-administratif@6.0.0, then
`python tools/build_communes.py etalab-decoupage-administratif-6.0.0.tgz`.
"""

import json
import sys
import tarfile
from collections import defaultdict
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent / "france" / "data"
PACKAGE = "@etalab/decoupage-administratif 6.0.0"
SOURCE = f"{PACKAGE} (code officiel géographique 2026; INSEE, DGCL)"
LEFT_GUADELOUPE = {"97701": "97123", "97801": "97127"}
"""Saint-Barthélemy and Saint-Martin, communes of Guadeloupe until 15 July 2007: the package does not tell."""

ABROAD = (
    "99100-99145 99148-99148 99151-99151 99155-99162 99201-99265 99301-99352 99362-99363 99389-99399 99401-99447 "
    "99501-99517 99519-99522 99699-99699"
)
"""Codes of countries and territories of INSEE's code officiel géographique 2025, those that are no more included."""


def main(archive: str) -> None:
    """Write SIREN of each EPCI → INSEE codes of its communes, and what that does not say of communes."""
    with tarfile.open(archive) as package:
        epci, communes = _read(package, "epci"), _read(package, "communes")
    members = {item["code"]: " ".join(_codes(item["membres"])) for item in epci}
    _write("epci.json", {"source": SOURCE, "epci": members})
    grouped = {code for codes in members.values() for code in codes.split()}
    today = {item["code"] for item in communes if item["type"] == "commune-actuelle"}
    former: defaultdict[str, set[str]] = defaultdict(set)
    for item in communes:
        if "chefLieu" in item:
            former[item["chefLieu"]].add(item["code"])
        else:
            former[item["code"]].update(item.get("anciensCodes", ()))
    for code, old in LEFT_GUADELOUPE.items():
        former[code].add(old)
    document = {
        "source": f"{SOURCE}; pays et territoires: Insee, code officiel géographique 2025; Licence Ouverte 2.0",
        "abroad": ABROAD,
        "unattached": " ".join(sorted(today - grouped)),
        "former": {code: " ".join(sorted(old - today)) for code, old in former.items() if old - today},
    }
    _write("communes.json", document)


def _write(name: str, document: dict[str, Any]) -> None:
    (DATA / name).write_text(json.dumps(document, ensure_ascii=False, indent=0, sort_keys=True) + "\n", "utf-8")


def _codes(members: list[dict[str, Any]]) -> list[str]:
    return sorted(str(member["code"]) for member in members)


def _read(package: tarfile.TarFile, name: str) -> list[dict[str, Any]]:
    member = package.extractfile(f"package/data/{name}.json")
    if member is None:
        raise SystemExit(f"{name}.json is not in the archive")
    return json.load(member)


if __name__ == "__main__":
    main(sys.argv[1])
