"""Tests in forks of a process that has loaded the libraries but none of the project's modules.

A fork costs a hundredth of what a fresh interpreter costs, and a change made in one is gone with it.
"""

import ast
import gc
import importlib
import importlib.machinery
import json
import os
import resource
import signal
import sys
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any, Literal, TypeAlias

import coverage
import hypothesis
import pytest

Fate: TypeAlias = Literal["killed", "timeout", "survived", "unreached"]

_STACK_FIXTURES = frozenset({"dsn", "bootstrap", "open_postgres"})
_MEMORY_BYTES = 4 << 30
_NO_TESTS = 5  # pytest's own code; 1 is a failure, 2 to 4 a change that keeps the tests from being loaded
_BROKEN = 70
_OPTIONS = (
    *("-x", "-q", "--no-header", "--tb=line", "--assert=plain", "-p", "no:cacheprovider"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)


class TrialError(Exception):
    """The tests do not pass on the code as it is, so that they can judge no mutant."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the tests of a member do on the code as it is.

    Attributes:
        seconds: test → how long it takes.
        reached: file, relative → line → the tests that run it; "" stands for the import.
        modules: the modules of libraries that they load.
    """

    seconds: dict[str, float]
    reached: dict[str, dict[int, list[str]]]
    modules: list[str]

    def tests_of(self, file: str, span: tuple[int, int]) -> list[str] | None:
        """The tests that can notice a change, quickest first; None when no test runs these lines.

        What runs at import is seen by no test alone, and may be read by a test that runs no line of the file: then
        the tests that run something of the file come first, and after them all others.
        """
        lines = self.reached.get(file, {})
        near = {test for line in range(span[0], span[1] + 1) for test in lines.get(line, ())}
        tests = near
        if "" in near:
            near = {test for found in lines.values() for test in found}
            tests = set(self.seconds)
        known = (test for test in tests if test in self.seconds)
        found = sorted(known, key=lambda test: (test not in near, self.seconds[test], test))
        return found or None


class Chosen:
    """A pytest plugin: the tests to run in their order, the same examples each time, and what each took."""

    def __init__(
        self, tests: Collection[str] = (), without: Collection[str] = (), stack: Sequence[str] | None = None
    ) -> None:
        """Take these tests; of none, all that need neither broker nor database.

        With `stack` only the others, and all whose path begins with one of these. Tests whose name has one of the words
        of `without` in it judge nothing.
        """
        self.rank = {test: rank for rank, test in enumerate(tests)}
        self.without = without
        self.stack = stack
        self.seconds: dict[str, float] = {}

    def pytest_sessionstart(self) -> None:
        """Let hypothesis draw the same examples in each fork, and not look for the smallest."""
        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        chosen = hypothesis.settings(derandomize=True, database=None, phases=phases)
        hypothesis.settings.register_profile("mutants", chosen)
        hypothesis.settings.load_profile("mutants")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the chosen ones."""
        if self.rank:
            kept = sorted((item for item in items if item.nodeid in self.rank), key=lambda item: self.rank[item.nodeid])
        else:
            usable = (item for item in items if self._is_meant(item))
            kept = [item for item in usable if not any(words in item.nodeid for words in self.without)]
        items[:] = kept

    def _is_meant(self, item: pytest.Item) -> bool:
        if self.stack is None:
            return not _needs_stack(item)
        return _needs_stack(item) or item.nodeid.startswith(tuple(self.stack))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up set-up, call and tear-down."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration


def _needs_stack(item: pytest.Item) -> bool:
    fixtures: Sequence[str] = getattr(item, "fixturenames", ())
    call: Any = getattr(item, "callspec", None)
    on_postgres = call is not None and "postgres" in call.params.values()
    return item.get_closest_marker("stack") is not None or not _STACK_FIXTURES.isdisjoint(fixtures) or on_postgres


def _fork(child: Callable[[], int], log: Path) -> int:
    """Run `child` in a fork of its own group, its words in `log`; returns the process id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # other threads: none of them holds a lock of ours
        pid = os.fork()
    if pid:
        return pid
    code = _BROKEN
    try:
        os.setsid()
        gc.disable()  # a fork is short; a collection would copy every page of its parent
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        words = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(words, 1)
        os.dup2(words, 2)
        code = int(child())
    finally:
        sys.stdout.flush()
        os._exit(code)


def baseline(root: Path, member: str, paths: Sequence[str], folder: Path, plugin: Chosen) -> Baseline:
    """Run the tests of a member on the code as it is, and see which test runs which line.

    Raises:
        TrialError: one fails.
    """
    told, log, data = folder / "baseline.json", folder / "baseline.log", folder / "baseline.coverage"

    def child() -> int:
        measure = coverage.Coverage(data_file=str(data), source=[str(root / member)], branch=False)
        measure.start()
        code = pytest.main([*_OPTIONS, *paths], plugins=[plugin, _Contexts(measure)])
        measure.stop()
        measure.save()
        told.write_text(json.dumps({"seconds": plugin.seconds, "modules": _library_modules()}), "utf-8")
        return code

    _, status = os.waitpid(_fork(child, log), 0)
    if status:
        raise TrialError(f"the tests of {member} fail on the code as it is:\n{log.read_text('utf-8')[-4000:]}")
    found = json.loads(told.read_text("utf-8"))
    lines = coverage.CoverageData(basename=str(data))
    lines.read()
    reached = {
        str(Path(file).relative_to(root)): {line: list(tests) for line, tests in lines.contexts_by_lineno(file).items()}
        for file in lines.measured_files()
    }
    return Baseline(found["seconds"], reached, found["modules"])


class _Contexts:
    """A pytest plugin: coverage notes each line under the test that runs it."""

    def __init__(self, measure: coverage.Coverage) -> None:
        self.measure = measure

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Name the test from here on."""
        self.measure.switch_context(nodeid)

    def pytest_runtest_logfinish(self) -> None:
        """No test runs until the next one starts."""
        self.measure.switch_context("")


def _library_modules() -> list[str]:
    libraries = importlib.machinery.PathFinder.find_spec("pytest")
    home = str(Path(libraries.origin).parents[1]) if libraries and libraries.origin else ""
    loaded = [(name, getattr(module, "__file__", None)) for name, module in sys.modules.items()]
    return [name for name, file in loaded if file and file.startswith(home)]


def preload(modules: Sequence[str]) -> None:
    """Load libraries once, for every fork to come."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries about the order they are loaded in
        for name in modules:
            try:
                importlib.import_module(name)
            except Exception:  # noqa: BLE001, S112  # a part that wants to be loaded by another: each fork does it
                continue


@dataclass(frozen=True, slots=True)
class Trial:
    """One mutant to try: the file, its tree, how to change it, and the tests that judge."""

    file: Path
    tree: ast.Module
    apply: Callable[[], None]
    tests: Sequence[str]
    limit_seconds: float


def _judge(trial: Trial) -> int:
    """In a fork: make the change, let the import see it, run the tests."""
    trial.apply()
    code = compile(ast.fix_missing_locations(trial.tree), str(trial.file), "exec", dont_inherit=True)
    loader = importlib.machinery.SourceFileLoader
    as_it_is = loader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, fullname: str) -> CodeType | None:
        return code if Path(self.path) == trial.file else as_it_is(self, fullname)

    loader.get_code = get_code  # type: ignore[method-assign]
    files = dict.fromkeys(test.split("::", 1)[0] for test in trial.tests)
    return pytest.main([*_OPTIONS, *files], plugins=[Chosen(trial.tests)])


def run(trials: Mapping[int, Trial], jobs: int, folder: Path, until: float) -> Iterator[tuple[int, Fate]]:
    """Try mutants, `jobs` at a time, until a moment of the monotonic clock; gives (number, fate) as they end.

    Raises:
        TrialError: a fork broke outside the tests, which is a fault of this tool.
    """
    waiting = list(trials.items())
    running: dict[int, tuple[int, float]] = {}
    try:
        while running or (waiting and time.monotonic() < until):
            while waiting and len(running) < jobs and time.monotonic() < until:
                number, trial = waiting.pop(0)
                pid = _fork(lambda trial=trial: _judge(trial), folder / f"{number}.log")
                running[pid] = (number, time.monotonic() + trial.limit_seconds)
            for pid, (number, limit) in list(running.items()):
                fate = _ended(pid, late=time.monotonic() > limit, log=folder / f"{number}.log")
                if fate:
                    del running[pid]
                    yield number, fate
            time.sleep(0.005)
    finally:
        for pid in running:
            os.killpg(pid, signal.SIGKILL)


def _ended(pid: int, *, late: bool, log: Path) -> Fate | None:
    """What a fork came to; None while it runs. One that is late is stopped.

    Raises:
        TrialError: it broke outside the tests.
    """
    ended, status = os.waitpid(pid, os.WNOHANG)
    if not ended and late:
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return "timeout"
    if not ended:
        return None
    code = os.waitstatus_to_exitcode(status)
    if code == _BROKEN:
        raise TrialError(log.read_text("utf-8")[-4000:])
    return "survived" if code in {0, _NO_TESTS} else "killed"
