"""The tests need nothing beside the repository, and none is skipped in silence."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UP = re.compile(r"Path\(__file__\)((?:\.resolve\(\)|\.parents?\b(?:\[\d+\])?)+)")
STEP = re.compile(r"\.parents\[(\d+)\]|\.parent\b")


def files() -> list[Path]:
    """Every Python file of the tests, and what they share."""
    found = [path for top in ("apps", "libs", "services", "tests", "tools") for path in (ROOT / top).rglob("*.py")]
    return [ROOT / "conftest.py", *(path for path in found if "tests" in path.relative_to(ROOT).parts)]


def steps(expression: str) -> int:
    """How many folders up an expression goes from its file: `.parents[1].parent` is 3."""
    return sum(int(index) + 1 if index else 1 for index in STEP.findall(expression))


def test_no_test_reads_beside_the_repository() -> None:
    outside: dict[str, str] = {}
    seen = 0
    for path in files():
        depth = len(path.relative_to(ROOT).parts)
        for up in UP.findall(path.read_text("utf-8")):
            seen += 1
            if steps(up) > depth:
                outside[str(path.relative_to(ROOT))] = up
    assert seen > 5
    assert outside == {}


@pytest.mark.parametrize(
    ("expression", "up"),
    [(".parents[1].parent", 3), (".resolve().parents[2]", 3), (".parent", 1), (".parent.parent", 2)],
)
def test_steps_up_are_counted(expression: str, up: int) -> None:
    assert UP.fullmatch(f"Path(__file__){expression}")
    assert steps(expression) == up


SKIPS = """
import unittest

import pytest


@pytest.mark.skipif(True, reason="machine: no such tool")
def test_named() -> None:
    pass


@pytest.mark.skip(reason="some other day")
def test_marked() -> None:
    pass


def test_inside() -> None:
    pytest.skip("the sample is not here")


@unittest.skip("by another door")
def test_unittest() -> None:
    pass


@pytest.mark.xfail(reason="known", strict=True)
def test_expected() -> None:
    raise AssertionError
"""


def test_a_skip_that_does_not_name_the_machine_is_an_error(tmp_path: Path) -> None:
    shutil.copy(ROOT / "conftest.py", tmp_path)
    (tmp_path / "test_skips.py").write_text(SKIPS, "utf-8")
    (tmp_path / "test_whole_file.py").write_text('import pytest\npytest.importorskip("not_a_module")\n', "utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run([*command, "--continue-on-collection-errors"], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout
    assert "2 failed, 1 skipped, 1 xfailed, 2 errors" in done.stdout  # a mark ends a test before it begins
    assert "skipped without naming the machine as the reason: the sample is not here" in done.stdout
    assert "skipped without naming the machine as the reason: could not import 'not_a_module'" in done.stdout
