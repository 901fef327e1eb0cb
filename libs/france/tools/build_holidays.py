# ruff: noqa: INP001
"""Rebuild `france/data/feries.json` by the `holidays` package, so that no process loads it (45 MB, one second).

Usage: `uv run --with holidays python tools/build_holidays.py`.
"""

import json
from pathlib import Path

from holidays import country_holidays  # pyright: ignore[reportMissingImports, reportUnknownVariableType]

TARGET = Path(__file__).parent.parent / "france" / "data" / "feries.json"
SOURCE = "holidays 0.109 (Code du travail L3133-1; Alsace-Moselle; abolition de l'esclavage outre-mer)"
YEARS = range(2020, 2061)
SUBDIVISIONS = {
    "57": "57",
    "67": "6AE",
    "68": "6AE",
    "971": "971",
    "972": "972",
    "973": "973",
    "974": "974",
    "976": "976",
}
"""Départements with public holidays of their own → subdivision of the package."""


def main() -> None:
    """Write the days kept everywhere, and those that a département adds."""
    everywhere = _days(None)
    document = {
        "source": SOURCE,
        "years": [YEARS[0], YEARS[-1]],
        "france": sorted(everywhere),
        "departements": {code: sorted(_days(name) - everywhere) for code, name in SUBDIVISIONS.items()},
    }
    TARGET.write_text(json.dumps(document, ensure_ascii=False, indent=0) + "\n", "utf-8")


def _days(subdivision: str | None) -> set[str]:
    found = country_holidays("FR", subdiv=subdivision, years=YEARS)  # pyright: ignore[reportUnknownVariableType]
    return {str(day) for day in found}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


if __name__ == "__main__":
    main()
