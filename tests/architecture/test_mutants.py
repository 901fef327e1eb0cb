"""The mutation run makes the changes it says, in the files it says, and judges them as it says."""

import ast
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

from mutants.grow import grow  # noqa: E402
from mutants.scope import Reason, files_of, matches, member_of, read_scope  # noqa: E402
from mutants.trial import Chosen, Trial, baseline, run  # noqa: E402

SCOPE = read_scope(ROOT / "tools" / "mutants.toml")


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("a < b", {"a < b → a <= b"}),
        ("x = a and b", {"a and b → a or b", "a and b → a", "a and b → b"}),
        ("x = not a", {"not a → a"}),
        ("x = a + b", {"a + b → a - b"}),
        ("x = 3", {"3 → 4", "3 → 2"}),
        ("x = True", {"True → False"}),
        ("x = min(a)", {"min(a) → max(a)"}),
        ("x = a[b:c]", {"b:c → :c", "b:c → b:"}),
        ("if a:\n    f()", {"a → True", "a → False", "f() → pass"}),
        ("def f():\n    return a", {"return a → return None"}),
        ("raise E", {"raise E → pass"}),
        ("a.b = c", {"a.b = c → pass"}),
        ("a += b", {"a += b → a -= b", "a += b → pass"}),
        ("for a in b:\n    continue", {"continue → break"}),
        ("x: 'A | None' = 'text'", set[str]()),
        ('"""Words."""', set[str]()),
        ("@d(1)\nclass A(B, k=1): ...", set[str]()),
    ],
)
def test_what_is_changed(source: str, changes: set[str]) -> None:
    assert {mutant.change for mutant in grow(ast.parse(source))} == changes


def test_a_change_is_made_where_it_is_named() -> None:
    tree = ast.parse("x = 1\ny = 1, 1\n")
    first, _, last = (mutant for mutant in grow(tree) if mutant.change == "1 → 2")
    last.apply()
    assert (first.line, last.line, ast.unparse(tree)) == (1, 2, "x = 1\ny = (1, 2)")


@pytest.mark.parametrize(
    ("file", "glob", "held"),
    [
        ("libs/common/common/core/a/b.py", "libs/common/common/core/**/*.py", True),
        ("libs/common/common/core/b.py", "libs/common/common/core/**/*.py", True),
        ("libs/common/common/kafka/b.py", "libs/common/common/core/**/*.py", False),
        ("services/x/x/files/store.py", "**/store.py", True),
        ("services/x/x/files/a.py", "services/*/a.py", False),
    ],
)
def test_stars_stay_in_a_folder_and_double_ones_do_not(file: str, glob: str, held: bool) -> None:
    assert matches(file, [glob]) is held


def test_every_service_has_pure_rooms() -> None:
    members = {member_of(file) for file in files_of(ROOT, SCOPE)}
    assert {f"services/{path.name}" for path in (ROOT / "services").iterdir() if path.is_dir()} <= members


def test_every_reason_is_for_a_change_that_exists() -> None:
    existing = [
        (file, text.splitlines()[mutant.line - 1].strip(), mutant.change)
        for file, text in ((file, (ROOT / file).read_text("utf-8")) for file in files_of(ROOT, SCOPE))
        for mutant in grow(ast.parse(text))
    ]
    assert [reason for reason in SCOPE.reasons if not any(map(reason.excuses, existing))] == []
    assert [reason for reason in SCOPE.reasons if len(reason.why) < 20] == []


@pytest.mark.parametrize(
    ("line", "excused"),
    [
        ("LIMIT: Final = 3", True),
        ("LIMIT: Final = *", True),
        ("*: Final = *", True),
        ("LIMIT", False),
        ("* = 4", False),
    ],
)
def test_a_reason_may_be_for_each_of_a_kind(line: str, *, excused: bool) -> None:
    reason = Reason("services/*/a.py", line, "3 → *", "A size.")
    assert reason.excuses(("services/x/a.py", "LIMIT: Final = 3", "3 → 4")) is excused
    assert not reason.excuses(("services/x/a.py", "LIMIT: Final = 3", "4 → 3"))


def make_member(root: Path) -> Path:
    """A package with one rule, and a test that looks at half of it."""
    package, tests = root / "libs" / "tried" / "tried_rule", root / "libs" / "tried" / "tests"
    package.mkdir(parents=True)
    tests.mkdir()
    (root / "pyproject.toml").write_text("[tool.pytest.ini_options]\npythonpath = ['libs/tried']\n", "utf-8")
    (package / "__init__.py").write_text("", "utf-8")
    rule = package / "rule.py"
    rule.write_text("def least(a):\n    return min(a, 3)\n\n\ndef alone(a):\n    return -a\n", "utf-8")
    (tests / "test_it.py").write_text(
        "from tried_rule.rule import least\n\n\ndef test_least():\n    assert least(2) == 2\n", "utf-8"
    )
    return rule


def test_a_noticed_change_is_told_from_one_that_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = make_member(tmp_path)
    monkeypatch.chdir(tmp_path)
    seen = baseline(tmp_path, "libs/tried", ["libs/tried/tests"], tmp_path, Chosen())
    tree = ast.parse(rule.read_text("utf-8"))
    trials: dict[int, Trial] = {}
    outcomes: dict[str, str] = {}
    changes: dict[int, str] = {}
    for number, mutant in enumerate(grow(tree)):
        tests = seen.tests_of("libs/tried/tried_rule/rule.py", mutant.span)
        changes[number] = mutant.change
        if tests is None:
            outcomes[mutant.change] = "unreached"
        else:
            trials[number] = Trial(rule, tree, mutant.apply, tests, 60)
    outcomes |= {changes[number]: told for number, told in run(trials, 2, tmp_path, time.monotonic() + 60)}
    assert outcomes == {
        "return min(a, 3) → return None": "killed",
        "min(a, 3) → max(a, 3)": "killed",
        "3 → 4": "survived",
        "3 → 2": "survived",
        "return -a → return None": "unreached",
        "-a → a": "unreached",
    }
