"""Which files are mutated, which lines changed, and which survivors have a written reason."""

import re
import subprocess
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a mutant may live, or each of a kind: `*` stands for any text.

    Attributes:
        file: relative to the root.
        line: the source of its line, without the indent.
        change: what the mutant does, as the run prints it.
        why: in a sentence.
    """

    file: str
    line: str
    change: str
    why: str

    def excuses(self, place: tuple[str, str, str]) -> bool:
        """Whether a mutant, by file, line and change, is one of these."""
        return all(map(_is_like, (self.file, self.line, self.change), place))


@cache
def _like(words: str) -> re.Pattern[str]:
    return re.compile(re.escape(words).replace(r"\*", ".*"), re.DOTALL)


def _is_like(words: str, text: str) -> bool:
    return words == text or ("*" in words and _like(words).fullmatch(text) is not None)


@dataclass(frozen=True, slots=True)
class Scope:
    """tools/mutants.toml.

    Attributes:
        rooms: globs of the files to mutate; `**` crosses folders.
        but: globs taken out again.
        tests: member → the folders whose tests judge it; its own `tests` when not named.
        stack: beside them, the tests that judge with a broker and a database.
        without: words in the names of tests that judge no mutant.
        reasons: the survivors that are accepted.
    """

    rooms: Sequence[str]
    but: Sequence[str]
    tests: Mapping[str, Sequence[str]]
    stack: Sequence[str]
    without: Sequence[str]
    reasons: Sequence[Reason]

    def holds(self, file: str) -> bool:
        """Whether a file, relative to the root, is in a pure room."""
        return matches(file, self.rooms) and not matches(file, self.but)

    def tests_of(self, member: str) -> Sequence[str]:
        """Where the tests of `libs/…` or `services/…` are."""
        return self.tests.get(member, (f"{member}/tests",))

    def stack_tests_of(self, member: str) -> Sequence[str]:
        """Where the tests are that judge what lives, with a broker and a database."""
        return (*self.tests_of(member), *self.stack)

    def excuses(self, place: tuple[str, str, str]) -> bool:
        """Whether a mutant, by file, line and change, may live."""
        return any(reason.excuses(place) for reason in self.reasons)


def matches(file: str, globs: Iterable[str]) -> bool:
    """Whether one of the globs names the file: `*` stays in a folder, `**/` crosses any number of them."""
    return any(_pattern(glob).fullmatch(file) for glob in globs)


def _pattern(glob: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*/|\*\*)", glob)
    any_folder = {"**/": "(?:.*/)?", "**": ".*"}
    return re.compile("".join(any_folder.get(part) or re.escape(part).replace(r"\*", "[^/]*") for part in parts))


def read_scope(path: Path) -> Scope:
    """The scope and the reasons.

    Raises:
        KeyError: an entry lacks a field.
    """
    found = tomllib.loads(path.read_text("utf-8"))
    reasons = [Reason(one["file"], one["line"], one["change"], one["why"]) for one in found.get("reason", [])]
    tests: dict[str, list[str]] = found.get("tests", {})
    return Scope(found["rooms"], found.get("but", []), tests, found.get("stack", []), found.get("without", []), reasons)


def member_of(file: str) -> str:
    """`libs/common` of `libs/common/common/inbox.py`."""
    return "/".join(file.split("/")[:2])


def files_of(root: Path, scope: Scope) -> list[str]:
    """Every file of the pure rooms."""
    found = (str(path.relative_to(root)) for top in ("libs", "services") for path in (root / top).rglob("*.py"))
    return sorted(file for file in found if scope.holds(file))


def changed_lines(root: Path, base: str) -> dict[str, set[int]]:
    """By file, the lines that differ from a commit; files git does not know yet count whole.

    Raises:
        subprocess.CalledProcessError: git does not know `base`.
    """
    changed: dict[str, set[int]] = {}
    for part in _git(root, "diff", "--unified=0", "--no-color", "--no-ext-diff", base, "--", "*.py").split(
        "\ndiff --git "
    ):
        name = re.search(r"^\+\+\+ b/(.+)$", part, re.MULTILINE)
        if name:
            hunks = [(int(start), int(count or 1)) for start, count in _HUNK.findall(part)]
            changed[name[1]] = {line for start, count in hunks for line in range(start, start + count)}
    for name in _git(root, "ls-files", "--others", "--exclude-standard", "--", "*.py").split():
        changed[name] = set(range(1, len((root / name).read_text("utf-8").splitlines()) + 1))
    return changed


def base_of(root: Path) -> str | None:
    """The commit the work started from: where it left its upstream or main, else the last one; None without git."""
    for other in ("@{upstream}", "origin/main", "main"):
        try:
            return _git(root, "merge-base", "HEAD", other).strip()
        except (OSError, subprocess.CalledProcessError):
            continue
    try:
        return _git(root, "rev-parse", "HEAD").strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True)  # noqa: S603, S607
    return done.stdout
