"""`python -m mutants`: try every small wrong change to the pure rooms; exit 1 when one lives without a written reason.

What was tried is kept in `.mutants/`, member by member: a run goes on where an earlier one ended, and a member whose
code or tests changed is tried again.
"""

import argparse
import ast
import hashlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import cast

from .grow import Mutant, grow
from .scope import Scope, base_of, changed_lines, files_of, matches, member_of, read_scope
from .trial import Baseline, Fate, Trial, TrialError, baseline, preload, run

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".mutants"
LIVES: frozenset[Fate] = frozenset({"survived", "unreached"})


@dataclass(slots=True)
class Case:
    """A mutant of a file, and what became of it; None: not tried."""

    file: str
    text: str
    tree: ast.Module
    mutant: Mutant
    number: int
    key: str = ""
    fate: Fate | None = None

    @property
    def source(self) -> str:
        """The line as it is, without the indent."""
        return self.text.splitlines()[self.mutant.line - 1].strip()

    @property
    def place(self) -> tuple[str, str, str]:
        """What a reason names."""
        return self.file, self.source, self.mutant.change


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks."""

    paths: Sequence[str]
    changed: bool
    base: str | None
    seconds: float
    limit: int
    jobs: int
    fresh: bool


def read_options() -> Options:
    """The command line."""
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("paths", nargs="*", help="only these files or globs of the pure rooms")
    parser.add_argument("--changed", action="store_true", help="only lines changed since the work left main")
    parser.add_argument("--base", help="… since this commit")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop starting new ones after so long")
    parser.add_argument("--limit", type=int, default=sys.maxsize, help="try at most so many")
    parser.add_argument("--jobs", type=int, default=2, help="forks at a time")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs found")
    return Options(**vars(parser.parse_args()))


def cases_of(files: Iterable[str]) -> list[Case]:
    """Every mutant of every file."""
    cases: list[Case] = []
    for file in files:
        text = (ROOT / file).read_text("utf-8")
        tree = ast.parse(text)
        cases += [Case(file, text, tree, mutant, number) for number, mutant in enumerate(grow(tree))]
    return cases


def asked(options: Options, cases: list[Case]) -> list[Case]:
    """The mutants the command line asks for.

    Raises:
        SystemExit: a path is in no pure room.
    """
    if options.paths:
        for path in options.paths:
            if not any(matches(case.file, [path]) for case in cases):
                sys.exit(f"mutants: {path} is in no pure room of tools/mutants.toml")
        cases = [case for case in cases if matches(case.file, options.paths)]
    if options.changed or options.base:
        base = options.base or base_of(ROOT)
        lines = changed_lines(ROOT, base) if base else {}
        print(f"lines changed since {base}" if base else "no git here: nothing counts as changed")
        cases = [case for case in cases if case.mutant.line in lines.get(case.file, ())]
    return cases


def try_member(member: str, cases: list[Case], scope: Scope, options: Options, until: float) -> None:
    """Fill the fate of each case that the time allows."""
    tests = scope.tests_of(member)
    stamp = _stamp([*(ROOT / path for path in tests), ROOT / member])
    known = {} if options.fresh else _known(member)
    for case in cases:
        case.key = hashlib.sha256("\0".join((stamp, *case.place, str(case.number))).encode()).hexdigest()
        case.fate = known.get(case.key)
    waiting = [case for case in cases if case.fate is None][: options.limit]
    if not waiting or time.monotonic() >= until:
        return
    try:
        with tempfile.TemporaryDirectory(prefix="mutants-") as name:
            started = time.monotonic()
            base = baseline(ROOT, member, tests, Path(name), scope.without)
            took = time.monotonic() - started
            print(
                f"{member}: {len(waiting)} mutants, {len(base.seconds)} tests, {took:.0f} s to see them run", flush=True
            )
            preload(base.modules)
            _try(_spread(waiting), base, options, until, Path(name))
    finally:
        KEPT.mkdir(exist_ok=True)
        found = {case.key: case.fate for case in cases if case.fate}
        _kept(member).write_text(json.dumps(known | found), "utf-8")


def _try(waiting: list[Case], base: Baseline, options: Options, until: float, folder: Path) -> None:
    trials: dict[int, Trial] = {}
    for number, case in enumerate(waiting):
        tests = base.tests_of(case.file, case.mutant.span)
        if tests is None:
            case.fate = "unreached"
            continue
        limit = 20 + 10 * sum(base.seconds[test] for test in tests)
        trials[number] = Trial(ROOT / case.file, case.tree, case.mutant.apply, tests, limit)
    told = time.monotonic()
    for done, (number, fate) in enumerate(run(trials, options.jobs, folder, until), 1):
        waiting[number].fate = fate
        if time.monotonic() - told > 10:
            told = time.monotonic()
            print(f"  {done} of {len(trials)}", flush=True)


def _spread(cases: list[Case]) -> list[Case]:
    """One mutant of each line first, so that a run cut short has looked everywhere."""
    turns = Counter[tuple[str, int]]()
    ranked: list[tuple[int, int, Case]] = []
    for number, case in enumerate(cases):
        where = (case.file, case.mutant.line)
        ranked.append((turns[where], number, case))
        turns[where] += 1
    return [case for _, _, case in sorted(ranked, key=lambda entry: entry[:2])]


def _stamp(folders: Iterable[Path]) -> str:
    """A hash over everything in some folders that could change a fate."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in folders for path in folder.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _kept(member: str) -> Path:
    return KEPT / f"{member.replace('/', '-')}.json"


def _known(member: str) -> dict[str, Fate]:
    path = _kept(member)
    return cast("dict[str, Fate]", json.loads(path.read_text("utf-8"))) if path.exists() else {}


def report(cases: list[Case], every: list[Case], scope: Scope) -> int:
    """Print what lives and what is stale; 1 when there is any of it."""
    excused = {reason.place for reason in scope.reasons}
    living = [case for case in cases if case.fate in LIVES and case.place not in excused]
    for case in living:
        what = "no test runs it" if case.fate == "unreached" else "every test passes"
        print(f"{case.file}:{case.mutant.line}: {what}\n    {case.source}\n    {case.mutant.change}")
    existing = {case.place for case in every}
    noticed = {case.place for case in cases if case.fate in {"killed", "timeout"}}
    still = {case.place for case in cases if case.fate in LIVES or case.fate is None}
    stale = [place for place in sorted(excused) if place not in existing or (place in noticed and place not in still)]
    for file, line, change in stale:
        print(f"tools/mutants.toml: a reason for nothing: {file}\n    {line}\n    {change}")
    counts = Counter(case.fate or "left out" for case in cases)
    print(
        f"{len(cases)} mutants: {counts['killed']} noticed, {counts['timeout']} by their time, "
        f"{counts['survived']} survive, {counts['unreached']} run by no test, {counts['left out']} left out; "
        f"{len(living)} without a reason"
    )
    return 1 if living or stale else 0


def main() -> int:
    """Run; 0: nothing lives without a reason, 1: something does, 2: the tests cannot judge."""
    options = read_options()
    os.chdir(ROOT)
    scope = read_scope(ROOT / "tools" / "mutants.toml")
    until = time.monotonic() + options.seconds
    every = cases_of(files_of(ROOT, scope))
    cases = asked(options, every)
    try:
        for member, group in groupby(cases, key=lambda case: member_of(case.file)):
            try_member(member, list(group), scope, options, until)
    except TrialError as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the next run goes on from here")
    return report(cases, every, scope)


if __name__ == "__main__":
    sys.exit(main())
