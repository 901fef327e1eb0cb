"""Each wrong import, and each module that nothing names, makes `make imports` fail: seen on a copy of the tree."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PURE = "a declaration and all it leads to is pure"
SERVICE = "one shape for all services"
WRONG = [
    ("services/labels/labels/applications/score.py", "import sqlite3", PURE),
    ("services/labels/labels/applications/term.py", "import pathlib", PURE),
    ("services/labels/labels/places/cohort.py", "from common.core import clock", PURE),
    ("libs/france/france/siren.py", "import urllib.request", PURE),
    ("services/vouchers/vouchers/ledger/accounts.py", "import vouchers.store", SERVICE),
    ("services/labels/labels/cohorts/cap.py", "import labels.applications.score", SERVICE),
    ("services/labels/labels/app.py", "import vouchers.events", "services never import each other"),
    ("apps/cli/croissance/console.py", "import companies.events", "mechanism and applications know no service"),
    ("services/labels/labels/api/public.py", "import common.testing.rules", "test doubles stay in tests"),
    ("libs/common/common/declare/event.py", "import common.http.problems", "rooms of the core"),
    ("libs/embedded/embedded/ports.py", "import embedded.stack", "the embedded stack: arrows point down"),
]
NAMELESS = [
    "services/labels/labels",
    "libs/common/common",
    "libs/france/france",
    "libs/embedded/embedded",
    "apps/cli/croissance",
]


def linted(tree: Path) -> str:
    """What import-linter says of a tree, unfolded; it must refuse."""
    packages = [
        str(path.parent.parent)
        for base in ("libs", "apps", "services")
        for path in tree.glob(f"{base}/*/*/__init__.py")
    ]
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tree), *packages]), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the code that can be broken."""
    ignored = shutil.ignore_patterns("tests", "__pycache__", "data", "*.egg-info")
    for base in ("libs", "apps", "services"):
        shutil.copytree(ROOT / base, tmp_path / base, ignore=ignored)
    (tmp_path / "tools").mkdir()
    for file in ("pyproject.toml", "tools/nothing_but.py"):
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def test_a_wrong_import_is_refused_by_the_rule_that_forbids_it(tree: Path) -> None:
    for file, line, _ in WRONG:
        path = tree / file
        path.write_text(f"{path.read_text('utf-8')}\n{line}\n", "utf-8")
    said = linted(tree)
    broken = said.split("Broken contracts", 1)[1]
    for file, line, rule in WRONG:
        assert re.search(rf"^{re.escape(rule)}.* BROKEN$", said, re.MULTILINE), (rule, said)
        _, *names = Path(file).with_suffix("").parts[1:]
        importer, imported = ".".join(names), re.split(r"\s+", line)[1]
        assert importer in broken, importer
        assert imported.split(".")[0] in broken, imported


@pytest.mark.parametrize("folder", NAMELESS)
def test_a_module_that_no_layer_names_is_refused(tree: Path, folder: str) -> None:
    (tree / folder / "nameless.py").touch()
    assert "nameless" in linted(tree)
