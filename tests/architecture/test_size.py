"""Nothing grows past what a reader holds at once: the numbers and the way to count are those of ADR 19."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DECISION = (ROOT / "docs" / "adr" / "0019-sizes.md").read_text("utf-8")


def limit(what: str) -> int:
    """The number in the table of the decision."""
    found = re.search(rf"^\| {what} \| (\d+) \|$", DECISION, re.MULTILINE)
    assert found, f"the decision has no line for {what}"
    return int(found[1])


def code_files() -> dict[Path, int]:
    """Every Python file that is no test, relative to the root, with its lines."""
    found = [path for top in ("apps", "libs", "services", "tools", "benchmarks") for path in (ROOT / top).rglob("*.py")]
    relative = [path.relative_to(ROOT) for path in found]
    return {path: len((ROOT / path).read_text("utf-8").splitlines()) for path in relative if "tests" not in path.parts}


def folder_of(path: Path) -> Path | None:
    """The folder of a service that a file counts in: `services/vouchers/vouchers/files`, or the package itself."""
    parts = path.parts
    in_package = parts[0] == "services" and len(parts) > 3 and parts[1] == parts[2]
    return Path(*parts[: 4 if len(parts) > 4 else 3]) if in_package else None


def test_no_file_is_longer_than_a_reader_holds() -> None:
    files = code_files()
    assert len(files) > 100
    most = limit("a file")
    assert {str(path): lines for path, lines in sorted(files.items()) if lines > most} == {}


def test_no_folder_of_a_service_is_more_than_one_thing() -> None:
    folders = Counter[Path]()
    for path, lines in code_files().items():
        folder = folder_of(path)
        if folder:
            folders[folder] += lines
    assert len({folder.parts[1] for folder in folders}) >= 6
    most = limit("a folder of a service")
    assert {str(folder): lines for folder, lines in sorted(folders.items()) if lines > most} == {}


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("services/labels/labels/service.py", "services/labels/labels"),
        ("services/labels/labels/cohorts/decide.py", "services/labels/labels/cohorts"),
        ("services/labels/labels/cohorts/rules/dates.py", "services/labels/labels/cohorts"),
        ("services/matching/tools/build_holidays.py", None),
        ("libs/common/common/core/inbox.py", None),
    ],
)
def test_a_file_counts_in_the_folder_of_its_aggregate(path: str, folder: str | None) -> None:
    assert folder_of(Path(path)) == (Path(folder) if folder else None)
