"""`tools/new_service.py` makes a folder and adds a name, or says why not and writes nothing."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import new_service  # noqa: E402

WIRING = next(path for base in ("libs", "apps") for path in ROOT.glob(f"{base}/*/*/proof/wiring.py"))
PLACEHOLDER = re.compile(r"NAME|TITLE|CLASS|AGGREGATE")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the tool reads."""
    left_out = shutil.ignore_patterns(".*", "__pycache__", "results", "data")
    for name in ("libs", "apps", "services", "tests", "tools"):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=left_out)
    for name in ("pyproject.toml", "docker-compose.yml", "conftest.py", "README.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def made(tree: Path, name: str = "orchard", *more: str) -> int:
    return new_service.main([name, "--root", str(tree), *more])


def contents(tree: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def wiring(tree: Path) -> dict[str, tuple[str, ...]]:
    """The audit's table, read without running it."""
    module = ast.parse((tree / WIRING.relative_to(ROOT)).read_text("utf-8"))
    (table,) = [n.value for n in module.body if isinstance(n, ast.AnnAssign) and ast.unparse(n.target) == "CONSUMES"]
    assert table is not None
    return ast.literal_eval(table)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("labels", "already"),
        ("common", "taken by libs/common/common"),
        ("chaos", "taken by tests/chaos"),
        ("conftest", "taken by conftest.py"),
        ("mail", "container"),
        ("kafka", "container"),
        ("grant", "SQL"),
        ("json", "Python"),
        ("lambda", "Python"),
        ("httpx", "installed"),
        ("Orchard", "small letters"),
        ("2go", "small letters"),
        ("my_orchard", "small letters"),
        ("my-orchard", "small letters"),
        ("../orchard", "small letters"),
        ("formationé", "small letters"),
        ("", "small letters"),
        ("a" * 41, "40 at most"),
    ],
)
def test_a_name_that_cannot_be_is_refused(
    tree: Path, name: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(tree)
    assert made(tree, name) == 1
    said = capsys.readouterr()
    assert reason in said.err
    assert said.out == ""
    assert contents(tree) == before


def test_a_folder_that_is_there_is_left_alone(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "services" / "orchard").mkdir()
    assert made(tree) == 1
    assert "already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--title", 'a "title"', "double quotes"),
        ("--title", "two\nlines", "one line"),
        ("--title", "a \\", "backslashes"),
        ("--title", "a | cell", "bars"),
        ("--title", ".", "one line"),
        ("--title", "a" * 81, "80 letters"),
        ("--aggregate", "Trees", "small letters"),
        ("--aggregate", "../trees", "small letters"),
        ("--aggregate", "class", "small letters"),
        ("--aggregate", "migrations", "every service has"),
        ("--aggregate", "store", "every service has"),
        ("--aggregate", "ruleset", "another layer"),
        ("--aggregate", "places", "another layer"),
    ],
)
def test_words_cannot_break_the_project(
    tree: Path, option: str, value: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(tree)
    assert made(tree, "orchard", option, value) == 1
    assert reason in capsys.readouterr().err
    assert contents(tree) == before


def test_another_tree_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert made(tmp_path) == 1
    assert "not a tree of this project" in capsys.readouterr().err


def test_a_service_is_made(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(tree)
    assert made(tree, "orchard", "--title", "Formations : sessions et places") == 0
    folder = tree / "services" / "orchard"
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["name"] == "croissance-orchard"
    assert project["project"]["description"] == "Formations : sessions et places"
    assert project["project"]["entry-points"]["croissance.services"] == {"orchard": "orchard.app:APP"}
    assert project["tool"]["uv"]["build-backend"]["module-name"] == "orchard"
    written = contents(folder)
    assert [path for path, text in written.items() if PLACEHOLDER.search(f"{path} {text.decode()}")] == []
    changed = {path for path, text in contents(tree).items() if before.get(path) != text}
    edited = {tree / "pyproject.toml", tree / "README.md", tree / WIRING.relative_to(ROOT)}
    assert changed == edited | set(written)
    said = capsys.readouterr().out
    assert [path for path in changed if str(path.relative_to(tree)) not in said] == []
    assert [path for path, _ in new_service.BY_HAND if path not in said or not (ROOT / path).exists()] == []


def test_the_service_looks_like_the_others(tree: Path) -> None:
    """Its project differs from theirs by name, words and dependencies only."""
    assert made(tree) == 0
    mine, other = [
        tomllib.loads((tree / "services" / name / "pyproject.toml").read_text("utf-8").replace(name, "NAME"))
        for name in ("orchard", "labels")
    ]
    for project in (mine, other):
        del project["project"]["description"], project["project"]["dependencies"]
    assert mine == other


@pytest.mark.parametrize("name", ["orchard", "badges", "z" * 40])
def test_the_code_is_as_the_formatter_wants_it(tree: Path, name: str) -> None:
    """Whatever the name: it decides where an import stands and what fits a line."""
    assert made(tree, name, "--aggregate", "y" * 40, "--title", "é" * 80) == 0
    for command in (["format", "--check"], ["check"]):
        tool = str(Path(sys.executable).with_name("ruff"))
        done = subprocess.run(
            [tool, *command, "--no-cache", f"services/{name}"], cwd=tree, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


def test_two_services_are_made_one_after_the_other(tree: Path) -> None:
    names, pyproject = new_service.services(tree), tree / "pyproject.toml"
    before = tomllib.loads(pyproject.read_text("utf-8"))["tool"]["importlinter"]
    assert made(tree, "orchard") == made(tree, "experts") == 0
    after = tomllib.loads(pyproject.read_text("utf-8"))["tool"]["importlinter"]
    assert after["root_packages"] == [*before["root_packages"], "orchard", "experts"]
    assert new_service.incomplete_lists(pyproject.read_text("utf-8"), [*names, "orchard", "experts"]) == []
    assert pyproject.read_text("utf-8").count("(entries)") == 1
    assert "|CompanyRegistered| diagnostic & orchard & experts\n" in (tree / "README.md").read_text("utf-8")
    assert wiring(tree) == wiring(ROOT) | {"orchard": ("companies",), "experts": ("companies",)}


def test_a_forgotten_list_is_noticed() -> None:
    text = 'a = ["x", "y"]\nb = [{c = ["x", "z"]}]\n[d]\ne = ["z", "y", "x", "w"]\nf = ["x"]\n'
    assert new_service.incomplete_lists(text, ["x", "y", "z"]) == [["x", "y"], ["x", "z"]]


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("pyproject.toml", '"vouchers"', '"coupons"', "root_packages"),
        ("pyproject.toml", new_service.AGGREGATES, "folders", "no layer is marked"),
        (str(WIRING.relative_to(ROOT)), "CONSUMES", "READS", "CONSUMES"),
        ("README.md", "|CompanyRegistered|", "|Registered|", "picture"),
        ("README.md", "|every topic|", "|all|", "picture"),
    ],
)
def test_a_file_that_changed_its_shape_is_told(
    tree: Path, file: str, old: str, new: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (tree / file).read_text("utf-8")
    assert old in text
    (tree / file).write_text(text.replace(old, new), "utf-8")
    before = contents(tree)
    assert made(tree) == 1
    assert reason in capsys.readouterr().err
    assert contents(tree) == before
