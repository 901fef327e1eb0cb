# ruff: noqa: INP001
"""Rebuild the lists of codes in `france/data/naf.json` and `france/data/legal_forms.json` from INSEE's.

Usage: `python tools/build_codes.py FOLDER`, a folder with `codes-NAF.json`, `codes-NAF-2025.json` and
`natures-juridiques.json` (code → label), as the public API "Recherche d'entreprises" carries them from INSEE.
"""

import json
import sys
from itertools import groupby
from pathlib import Path

DATA = Path(__file__).parent.parent / "france" / "data"
LISTS = {"NAFRev2": "codes-NAF.json", "NAF2025": "codes-NAF-2025.json"}


def main(folder: str) -> None:
    """Write the codes of both lists of activities, by division, and those of the legal forms."""
    target = DATA / "naf.json"
    document = json.loads(target.read_text("utf-8"))
    for name, file in LISTS.items():
        codes = groupby(sorted(json.loads((Path(folder) / file).read_text("utf-8"))), lambda code: code[:2])
        document[name]["codes"] = {division: " ".join(code[3:] for code in members) for division, members in codes}
    target.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    forms = sorted(json.loads((Path(folder) / "natures-juridiques.json").read_text("utf-8")))
    target = DATA / "legal_forms.json"
    document = json.loads(target.read_text("utf-8"))
    document["codes"] = {level: " ".join(members) for level, members in groupby(forms, lambda code: code[0])}
    target.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
