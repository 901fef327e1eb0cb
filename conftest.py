"""What holds for every test: none depends on how fast the machine is, on luck, or on what lies beside it.

The examples of a property are the same in each run, so a gate never falls for a reason that is not in the change;
`--hypothesis-profile=explore` draws new ones.

A skipped test proves nothing: it is an error, unless its reason begins with `MACHINE` and names what is missing there.
"""

from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("project", settings.get_profile("explore"), derandomize=True)
settings.load_profile("project")

MACHINE: Final = "machine: "


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of sample records; its README names their sources."""
    return Path(__file__).parent / "tests" / "samples"


def _judge(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip that does not name the machine into a failure."""
    if report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    where = report.longrepr
    reason = where[2].removeprefix("Skipped: ") if isinstance(where, tuple) else str(where)
    if not reason.startswith(MACHINE):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid}: skipped without naming the machine as the reason: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip of a test."""
    report = yield
    _judge(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A skip of a whole file."""
    report = yield
    _judge(report)
    return report
