# ruff: noqa: INP001
"""Rebuild `france/data/epci.json` from the npm package @etalab/decoupage-administratif (MIT; INSEE, DGCL).

Usage: npm pack @etalab/decoupage-administratif@6.0.0, then
`python tools/build_epci.py etalab-decoupage-administratif-6.0.0.tgz`.
"""

import json
import sys
import tarfile
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "france" / "data" / "epci.json"
SOURCE = "@etalab/decoupage-administratif 6.0.0 (code officiel géographique 2026; INSEE, DGCL)"


def main(archive: str) -> None:
    """Write SIREN of each EPCI → INSEE codes of its communes."""
    with tarfile.open(archive) as package:
        epci = _read(package, "epci")
    document: dict[str, Any] = {
        "source": SOURCE,
        "epci": {item["code"]: " ".join(_codes(item["membres"])) for item in epci},
    }
    TARGET.write_text(json.dumps(document, ensure_ascii=False, indent=0, sort_keys=True) + "\n", "utf-8")


def _codes(members: list[dict[str, Any]]) -> list[str]:
    return sorted(str(member["code"]) for member in members)


def _read(package: tarfile.TarFile, name: str) -> list[dict[str, Any]]:
    member = package.extractfile(f"package/data/{name}.json")
    if member is None:
        raise SystemExit(f"{name}.json is not in the archive")
    return json.load(member)


if __name__ == "__main__":
    main(sys.argv[1])
