"""Make a new service: its folder from `tools/service_template`, its name where no rule derives it.

What it makes runs. It edits the import rules, the audit's wiring and the picture in the README; everything else follows
from the declaration: `make contracts` writes contracts, Compose, Kubernetes and Prometheus.
"""

import argparse
import builtins
import importlib.util
import keyword
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = Path(__file__).resolve().parent / "service_template"
LONGEST: Final = 40
"""Letters: `croissance-NAME-` and what Kubernetes adds to it fit in its 63."""
LONGEST_TITLE: Final = 80
"""Letters: a title stands in the first line of a docstring."""

_SQL: Final = (
    "all analyse analyze and any array as asc both case cast check collate column constraint create default desc "
    "distinct do else end except false fetch for foreign from grant group having in initially intersect into lateral "
    "leading limit localtime not null offset on only or order placing primary public references returning select some "
    "table then to trailing true union unique user using variadic when where window with"
)
AGGREGATES: Final = "aggregates: siblings that never import each other"
"""The comment that marks their layer in the root `pyproject.toml`."""
SQL_WORDS: Final = frozenset(_SQL.split())
"""Words that PostgreSQL does not take as the name of a schema without quotes, and its own schema."""

MODULES: Final = frozenset({"api", "app", "events", "migrations", "service", "store", "tests"})
"""What a service has beside its aggregates."""

BY_HAND: Final = (
    ("docs/glossary.md", "its words"),
    ("docs/guarantees.md", "a promise it makes, and the test that holds it"),
    ("CHANGELOG.md", "one line"),
    ("requirements.lock", "make lock, only if it needs a package that nobody had"),
    ("deploy/k8s/services.toml", "only if it is special: it sends mail"),
)
"""What a person still writes outside the folder of the service."""


class Refused(Exception):
    """The service cannot be made; the text says why."""


def check_name(name: str, root: Path) -> None:
    """See that a service may have this name.

    Raises:
        Refused: it may not, and why.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*", name) or len(name) > LONGEST:
        raise Refused(
            f"“{name}” cannot name a service: small letters a to z and digits, a letter first, {LONGEST} at most "
            "(it names a Python package, a schema, a topic, a pod)"
        )
    if name in SQL_WORDS:
        raise Refused(f"“{name}” is a word of SQL and would have to be quoted as a schema")
    if name in services(root) or (root / "services" / name).exists():
        raise Refused(f"there is a service “{name}” already: services/{name}")
    taken = packages(root).get(name)
    if taken is not None:
        raise Refused(f"“{name}” is taken by {taken.relative_to(root)}")
    if name in containers(root):
        raise Refused(f"“{name}” is taken by a container of docker-compose.yml")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in {*dir(builtins), *sys.stdlib_module_names}:
        raise Refused(f"“{name}” is a word or a module of Python")
    if importlib.util.find_spec(name) is not None:
        raise Refused(f"“{name}” is an installed package")


def services(root: Path) -> list[str]:
    """Names of the services of a tree, in alphabetical order."""
    return sorted(file.parent.name for file in root.glob("services/*/pyproject.toml"))


def packages(root: Path) -> dict[str, Path]:
    """Importable names of a tree beside its services, with what has them."""
    found = [file.parent for base in ("libs", "apps") for file in root.glob(f"{base}/*/*/__init__.py")]
    found += [path for base in (".", "tests") for path in (root / base).iterdir() if path.is_dir()]
    found += [*root.glob("*.py"), *root.glob("tools/*.py")]
    return {path.stem: path for path in found}


def containers(root: Path) -> set[str]:
    """Names in the network of the Compose file."""
    return set(re.findall(r"^  ([a-z][\w-]*):$", (root / "docker-compose.yml").read_text("utf-8"), re.MULTILINE))


def rendered(template: Path, words: Mapping[str, str]) -> dict[str, str]:
    """Every file of the template, by path, with the words filled in, in paths too."""
    pattern = re.compile(rf"(?<![A-Z])(?:{'|'.join(words)})(?![A-Z](?![a-z]))")  # CLASSNoted, not NAMES

    def fill(text: str) -> str:
        return pattern.sub(lambda found: words[found[0]], text)

    files = sorted(path for path in template.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {fill(path.relative_to(template).as_posix()): fill(path.read_text("utf-8")) for path in files}


def _lists(node: object) -> Iterator[list[str]]:
    """Every list of words of a TOML document."""
    if isinstance(node, dict):
        for value in node.values():  # pyright: ignore[reportUnknownVariableType]
            yield from _lists(value)  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(node, list):
        if all(isinstance(item, str) for item in node):  # pyright: ignore[reportUnknownVariableType]
            yield node  # pyright: ignore[reportUnknownVariableType]
        else:
            for item in node:  # pyright: ignore[reportUnknownVariableType]
                yield from _lists(item)  # pyright: ignore[reportUnknownArgumentType]


def incomplete_lists(pyproject: str, names: Sequence[str]) -> list[list[str]]:
    """Lists of the root `pyproject.toml` that hold two services or more, but not all."""
    return [found for found in _lists(tomllib.loads(pyproject)) if 2 <= len(set(found) & set(names)) < len(set(names))]


def with_name_in_lists(pyproject: str, names: Sequence[str], name: str) -> str:
    """The root `pyproject.toml` with a new name after the last service of every list that holds them all.

    import-linter wants them named: it takes no pattern for root packages.
    """

    def extended(found: re.Match[str]) -> str:
        listed = re.findall(r'"([^"\n]*)"', found[0])
        if not set(names) <= set(listed):
            return found[0]
        last = max((found[0].rindex(f'"{one}"'), one) for one in names)
        at = last[0] + len(last[1]) + 2
        return f'{found[0][:at]}, "{name}"{found[0][at:]}'

    changed = re.sub(r"\[[^\[\]]*\]", extended, pyproject)
    if not names or changed == pyproject:
        raise Refused("pyproject.toml: no list names every service; root_packages of import-linter should")
    return changed


def with_aggregate_in_layers(pyproject: str, aggregate: str) -> str:
    """The same with a folder in the layer of aggregates: no module stands where no layer names it."""
    others = re.sub(rf"^.*  # {AGGREGATES}$", "", pyproject, flags=re.MULTILINE)
    if f"({aggregate})" in others:
        raise Refused(f"“{aggregate}” cannot be an aggregate: another layer of pyproject.toml has it")
    changed, found = re.subn(
        rf"^(    \"\(\w+\)(?: \| \(\w+\))*)(\",  # {AGGREGATES})$",
        lambda line: line[0] if f"({aggregate})" in line[1] else f"{line[1]} | ({aggregate}){line[2]}",
        pyproject,
        count=1,
        flags=re.MULTILINE,
    )
    if not found:
        raise Refused(f"pyproject.toml: no layer is marked “{AGGREGATES}”")
    return changed


def with_arrows(readme: str, name: str) -> str:
    """The README with the service in its picture: it reads the register, and its topic is open to regions."""
    for arrow in (r"companies -->\|CompanyRegistered\| [\w &]+", r"[\w &]+(?= -\.->\|every topic\|)"):
        readme, found = re.subn(rf"^    {arrow}", rf"\g<0> & {name}", readme, count=1, flags=re.MULTILINE)
        if not found:
            raise Refused("README.md: its picture is not as this tool knows it: CompanyRegistered, every topic")
    return readme


def _words(name: str, title: str, aggregate: str) -> dict[str, str]:
    """What stands for the words of the template."""
    return {"NAME": name, "TITLE": title.strip(" ."), "CLASS": name.capitalize(), "AGGREGATE": aggregate}


def with_wiring(wiring: str, name: str) -> str:
    """The audit's own table of who reads whom, with a service that reads the register."""
    changed, found = re.subn(
        r"^(CONSUMES\b[^\n]*\{\n.*?)^\}",
        rf'\g<1>    "{name}": ("companies",),\n}}',
        wiring,
        count=1,
        flags=re.MULTILINE | re.DOTALL,
    )
    if not found:
        raise Refused("the table CONSUMES of the audit is not where it was")
    return changed


def planned(root: Path, name: str, title: str, aggregate: str) -> dict[Path, str]:
    """Every file to write, new and changed. Nothing is written before all of them are known.

    Raises:
        Refused: the name may not be, or a file that should be edited is not as this tool knows it.
    """
    if not (root / "services").is_dir():
        raise Refused(f"{root} is not a tree of this project: it has no services/")
    check_name(name, root)
    if not re.fullmatch(r"[a-z][a-z0-9]*", aggregate) or len(aggregate) > LONGEST or keyword.iskeyword(aggregate):
        raise Refused(f"“{aggregate}” cannot name a folder of rules: small letters and digits, {LONGEST} at most")
    if aggregate in MODULES:
        raise Refused(f"“{aggregate}” cannot name a folder of rules: every service has a module of this name")
    if not title.strip(" .") or not title.isprintable() or len(title) > LONGEST_TITLE or {'"', "\\", "|"} & {*title}:
        raise Refused(
            f"a title is one line of {LONGEST_TITLE} letters at most, without double quotes, backslashes, bars"
        )
    if not formatter().exists():
        raise Refused(f"{formatter().name} is not beside {sys.executable}: make setup")
    files = {
        root / "services" / name / path: text
        for path, text in rendered(TEMPLATE, _words(name, title, aggregate)).items()
    }
    pyproject = root / "pyproject.toml"
    listed = with_name_in_lists(pyproject.read_text("utf-8"), services(root), name)
    files[pyproject] = with_aggregate_in_layers(listed, aggregate)
    wirings = [path for base in ("libs", "apps") for path in root.glob(f"{base}/*/*/proof/wiring.py")]
    if len(wirings) != 1:
        raise Refused(f"the wiring of the audit (proof/wiring.py) stands {len(wirings)} times under libs/ and apps/")
    files[wirings[0]] = with_wiring(wirings[0].read_text("utf-8"), name)
    files[root / "README.md"] = with_arrows((root / "README.md").read_text("utf-8"), name)
    return files


def formatter() -> Path:
    """The program that formats code here."""
    return Path(sys.executable).with_name("ruff")


def write(root: Path, name: str, files: Mapping[Path, str]) -> None:
    """Write the files, then format the code: where an import stands, and what fits a line, depends on the name."""
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for command in (["check", "--select", "I", "--fix"], ["format"]):
        subprocess.run(  # noqa: S603  a program of the development environment
            [formatter(), *command, "--quiet", "--no-cache", f"services/{name}"], cwd=root, check=True
        )


def told(root: Path, name: str, files: Mapping[Path, str]) -> Iterator[str]:
    """What was done and what is left, for people."""
    own = root / "services" / name
    yield "written:"
    yield from (f"  {path.relative_to(root)}" for path in files if path.is_relative_to(own))
    yield "one name added:"
    yield from (f"  {path.relative_to(root)}" for path in files if not path.is_relative_to(own))
    yield "yours to write:"
    yield f"  services/{name}/: README.md, declaration, events, inputs, state, rules, SQL, doors, tests"
    wiring = next(path for path in files if path.name == "wiring.py")
    yield f"  {wiring.relative_to(root)}: whom it reads, and what the audit verifies of it"
    yield from (f"  {path}: {what}" for path, what in BY_HAND)
    yield "then: make contracts (installs it, writes contracts and deployment), make check"


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the service; 1 with the reason when it may not be made, and then nothing was written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", metavar="NAME", help="import name: small letters and digits (training)")
    parser.add_argument(
        "--aggregate", default="entries", metavar="FOLDER", help="what it keeps, folder and kind (default: entries)"
    )
    parser.add_argument("--title", help="one French line for people (default: the name)")
    parser.add_argument(
        "--root", type=Path, default=ROOT, metavar="DIR", help="the tree to make it in (default: this one)"
    )
    wish: Any = parser.parse_args(arguments)
    root: Path = wish.root.resolve()
    try:
        files = planned(root, wish.name, wish.title or wish.name, wish.aggregate)
    except Refused as refusal:
        print(f"new_service: {refusal}", file=sys.stderr)
        return 1
    write(root, wish.name, files)
    print("\n".join(told(root, wish.name, files)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
