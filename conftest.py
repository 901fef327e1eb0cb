"""What holds for every test: none depends on how fast the machine is, on luck, or on what lies beside it.

The examples of a property are the same in each run, so a gate never falls for a reason that is not in the change;
`--hypothesis-profile=explore` draws new ones.

A skipped test proves nothing: it is an error, unless its reason begins with `MACHINE` and names what is missing there.
"""

import json
import re
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any, Final, TypeAlias

import httpx
import pytest
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator

settings.register_profile("explore", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("project", settings.get_profile("explore"), derandomize=True)
settings.load_profile("project")

MACHINE: Final = "machine: "


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of sample records; its README names their sources."""
    return Path(__file__).parent / "tests" / "samples"


# --- answers are what their document says ----------------------------------------------------------------------------

Hooks: TypeAlias = dict[str, list[Callable[[httpx.Response], Awaitable[None]]]]


def closed(document: dict[str, Any]) -> dict[str, Any]:
    """An OpenAPI document in which no object has a name that it does not list, as partners may one day see some."""
    copy = json.loads(json.dumps(document))
    for schema in copy["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return copy


def _answered(document: dict[str, Any], request: httpx.Request) -> dict[str, Any]:
    """What the document says of a request; of two addresses that fit, the one with more words of its own."""
    method, fitting = request.method.lower(), list[tuple[int, str]]()
    for path, operations in document["paths"].items():
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))
        if method in operations and re.fullmatch(pattern, request.url.path):
            fitting.append((len(re.sub(r"\{\w+\}", "", path)), path))
    return document["paths"][max(fitting)[1]][method]["responses"] if fitting else {}


@pytest.fixture(scope="session")
def held() -> Callable[[Any], Hooks]:
    """Hooks for a client of doors: an answer of 2xx that is not what the document of the doors says fails the test."""

    def hooks(doors: Any) -> Hooks:
        document = closed(doors.openapi())

        async def judge(response: httpx.Response) -> None:
            asked = response.request
            if response.is_success and asked.method != "HEAD" and asked.url.path.startswith("/v1/"):
                await response.aread()
                kind = response.headers["content-type"].partition(";")[0]
                body = response.json() if kind == "application/json" else response.text
                said = _answered(document, asked)[str(response.status_code)]["content"][kind]["schema"]
                schema = {**said, "components": document["components"]}
                Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(body)  # pyright: ignore[reportUnknownMemberType]

        return {"response": [judge]}

    return hooks


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
