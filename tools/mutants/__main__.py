"""`python -m mutants`: try every small wrong change to the pure rooms; exit 1 when one lives without a written reason.

What was tried is kept in `.mutants/`, member by member: a run goes on where an earlier one ended, and a member whose
code or tests changed is tried again (with `--living` only what lived before: while tests are being added).
"""

import argparse
import ast
import hashlib
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from .grow import Mutant, grow
from .scope import Reason, Scope, base_of, changed_lines, files_of, matches, member_of, read_scope
from .trial import Baseline, Chosen, Fate, Trial, TrialError, baseline, preload, run

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".mutants"
LIVES: frozenset[Fate] = frozenset({"survived", "unreached"})


@dataclass(slots=True)
class Case:
    """A mutant of a file, and what became of it; None: not tried.

    Attributes:
        number: of the mutant in its file.
        key: what it is recognised by in `.mutants/`, wherever its line moves.
    """

    file: str
    text: str
    tree: ast.Module
    mutant: Mutant
    number: int
    key: str
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
    living: bool
    stack: bool


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
    parser.add_argument("--living", action="store_true", help="take as noticed what was, though code or tests changed")
    parser.add_argument(
        "--stack",
        action="store_true",
        help="let tests on a broker and a database judge what lives (run it through embedded)",
    )
    return Options(**vars(parser.parse_args()))


def cases_of(files: Iterable[str]) -> list[Case]:
    """Every mutant of every file."""
    cases: list[Case] = []
    for file in files:
        text = (ROOT / file).read_text("utf-8")
        tree = ast.parse(text)
        alike = Counter[tuple[str, str]]()
        for number, mutant in enumerate(grow(tree)):
            case = Case(file, text, tree, mutant, number, "")
            alike[case.place[1:]] += 1
            case.key = "\0".join((*case.place, str(alike[case.place[1:]])))
            cases.append(case)
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
    stamp = _stamp([*(ROOT / path for path in scope.tests_of(member)), ROOT / member])
    known = _Known(member, {}) if options.fresh else _Known.read(member)
    for case in cases:
        case.fate = known.fate(case, stamp, living=options.living)
    try:
        waiting = [case for case in cases if case.fate is None][: options.limit]
        _hear(member, waiting, scope, options, until, stack=False)
        if options.stack:
            living = [case for case in cases if case.fate in LIVES and not scope.excuses(case.place)]
            _hear(member, living, scope, options, until, stack=True)
    finally:
        known.keep(cases, stamp)


def _hear(member: str, waiting: list[Case], scope: Scope, options: Options, until: float, *, stack: bool) -> None:
    """Let the tests judge that need nothing but Python, or those that need a broker or a database."""
    if not waiting or time.monotonic() >= until:
        return
    tests = scope.stack_tests_of(member) if stack else scope.tests_of(member)
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        started = time.monotonic()
        chosen = Chosen(without=scope.without, stack=scope.stack if stack else None)
        base = baseline(ROOT, member, tests, Path(name), chosen)
        took = time.monotonic() - started
        print(f"{member}: {len(waiting)} mutants, {len(base.seconds)} tests, {took:.0f} s to see them run", flush=True)
        preload(base.modules)
        _try(_spread(waiting), base, options, until, Path(name))


def _try(waiting: list[Case], base: Baseline, options: Options, until: float, folder: Path) -> None:
    trials: dict[int, Trial] = {}
    for number, case in enumerate(waiting):
        tests = base.tests_of(case.file, case.mutant.span)
        if tests is None:
            case.fate = case.fate or "unreached"
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


@dataclass(frozen=True, slots=True)
class _Known:
    """What earlier runs found of a member: key → fate, and the stamp of the code and tests it was found with."""

    member: str
    fates: dict[str, tuple[Fate, str]]

    @classmethod
    def read(cls, member: str) -> "_Known":
        """From `.mutants/`; empty when there is nothing."""
        path = cls._path(member)
        return cls(member, json.loads(path.read_text("utf-8")) if path.exists() else {})

    @staticmethod
    def _path(member: str) -> Path:
        return KEPT / f"{member.replace('/', '-')}.json"

    def fate(self, case: Case, stamp: str, *, living: bool) -> Fate | None:
        """What is known of a case under this code and these tests; `living`: under any, unless it lived."""
        fate, found_with = self.fates.get(case.key, (None, ""))
        return fate if found_with == stamp or (living and fate not in LIVES) else None

    def keep(self, cases: Iterable[Case], stamp: str) -> None:
        """Write down what was found beside what was known."""
        KEPT.mkdir(exist_ok=True)
        found = {case.key: (case.fate, stamp) for case in cases if case.fate}
        self._path(self.member).write_text(json.dumps(self.fates | found), "utf-8")


def report(cases: list[Case], every: list[Case], scope: Scope) -> int:
    """Print what lives and what is stale; 1 when there is any of it."""
    living = [case for case in cases if case.fate in LIVES and not scope.excuses(case.place)]
    for case in living:
        what = "no test runs it" if case.fate == "unreached" else "every test passes"
        print(f"{case.file}:{case.mutant.line}: {what}\n    {case.source}\n    {case.mutant.change}")
    stale = [reason for reason in scope.reasons if _is_stale(reason, cases, every)]
    for reason in stale:
        print(f"tools/mutants.toml: a reason for nothing: {reason.file}\n    {reason.line}\n    {reason.change}")
    counts = Counter(case.fate or "left out" for case in cases)
    print(
        f"{len(cases)} mutants: {counts['killed']} noticed, {counts['timeout']} by their time, "
        f"{counts['survived']} survive, {counts['unreached']} run by no test, {counts['left out']} left out; "
        f"{len(living)} without a reason"
    )
    return 1 if living or stale else 0


def _is_stale(reason: Reason, cases: Iterable[Case], every: Iterable[Case]) -> bool:
    """Whether nothing is left that a reason is needed for: no such line, or each such change is noticed."""
    tried = [case.fate for case in cases if reason.excuses(case.place)]
    if tried:
        return all(fate in {"killed", "timeout"} for fate in tried)
    return not any(reason.excuses(case.place) for case in every)


def main() -> int:
    """Run; 0: nothing lives without a reason, 1: something does, 2: the tests cannot judge."""
    options = read_options()
    os.chdir(ROOT)
    for number in (signal.SIGINT, signal.SIGTERM):  # else a run in the background keeps nothing
        signal.signal(number, signal.default_int_handler)
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
