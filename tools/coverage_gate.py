"""`python tools/coverage_gate.py`: fail when the tests leave lines or branches of the pure rooms, or too many of all.

The pure rooms are those of tools/mutants.toml. Reads the data of the last measured run (`make test` makes it).
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import coverage

from mutants.scope import Scope, read_scope

ROOT = Path(__file__).resolve().parents[1]


def measured(data: str | None) -> dict[str, dict[str, Any]]:
    """What coverage says of each file, by its path from the root.

    Raises:
        SystemExit: there is no data.
    """
    measure = coverage.Coverage(data_file=data) if data else coverage.Coverage()
    with tempfile.TemporaryDirectory(prefix="coverage-") as folder:
        report = Path(folder) / "coverage.json"
        try:
            measure.load()
            measure.json_report(outfile=str(report))
        except coverage.CoverageException as error:
            sys.exit(f"coverage: {error}: run `make test` first")
        found: dict[str, dict[str, Any]] = json.loads(report.read_text("utf-8"))["files"]
    return {str(Path(file)): said for file, said in found.items() if "tests" not in Path(file).parts}


def percent(files: Iterable[Mapping[str, Any]]) -> float:
    """Lines and branches run, of all there are, as coverage itself counts; 100 when there is nothing to run."""
    totals: list[Mapping[str, int]] = [said["summary"] for said in files]
    every = sum(said["num_statements"] + said["num_branches"] for said in totals)
    run = sum(said["covered_lines"] + said["covered_branches"] for said in totals)
    return 100 * run / every if every else 100.0


def missing(said: Mapping[str, Any]) -> str:
    """The lines never run, and the branches never taken from lines that are: `12, 14, 20→22`."""
    lines: list[int] = said["missing_lines"]
    branches: list[tuple[int, int]] = [tuple(pair) for pair in said["missing_branches"]]
    taken = [f"{here}→{there if there > 0 else 'end'}" for here, there in branches if here not in lines]
    return ", ".join([*map(str, lines), *taken])


def main() -> int:
    """Print what is missing in the pure rooms and the two figures; 1 when either is too low."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pure", type=float, default=100, help="least percent of the pure rooms")
    parser.add_argument("--whole", type=float, default=90, help="least percent of everything")
    parser.add_argument("--data", help="the data file; .coverage when not given")
    options = parser.parse_args()
    scope: Scope = read_scope(ROOT / "tools" / "mutants.toml")
    files = measured(options.data)
    pure = {file: said for file, said in files.items() if scope.holds(file)}
    for file, said in sorted(pure.items()):
        if missing(said):
            print(f"{file}: {missing(said)}")
    reached, whole = percent(pure.values()), percent(files.values())
    print(f"pure rooms {reached:.2f} % of {options.pure:g} ({len(pure)} files), all {whole:.2f} % of {options.whole:g}")
    return 0 if pure and reached >= options.pure and whole >= options.whole else 1


if __name__ == "__main__":
    sys.exit(main())
