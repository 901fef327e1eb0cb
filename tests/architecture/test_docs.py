"""The documents speak of code that exists."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = [file.parent for base in ("libs", "apps", "services") for file in ROOT.glob(f"{base}/*/*/__init__.py")]
PACKAGES = sorted({folder.name for folder in FOLDERS} - {"croissance", "tests"})
"""Every package of the project, but the one whose name topics begin with."""

NAME = re.compile(rf"`((?:{'|'.join(PACKAGES)})(?:\.\w+)+)`")
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("services/*/README.md")])


def exists(path: str) -> bool:
    """Whether a dotted name leads to something."""
    parts = path.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            fields: dict[str, object] = getattr(found, "__dataclass_fields__", {})
            if not hasattr(found, part) and part not in fields:
                return False
            found = getattr(found, part, None)
        return True
    return False


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_name_exists(document: Path) -> None:
    missing = [name for name in NAME.findall(document.read_text("utf-8")) if not exists(name)]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    links = LINK.findall(document.read_text("utf-8"))
    missing = [link for link in links if not (document.parent / link).exists()]
    assert missing == []


def test_every_decision_is_listed() -> None:
    index = (ROOT / "docs" / "adr" / "README.md").read_text("utf-8")
    unlisted = [adr.name for adr in ROOT.glob("docs/adr/0*.md") if adr.name not in index]
    assert unlisted == []


def module_of(name: str) -> str:
    """The module that a dotted name stands in."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        path = "/".join(parts[:cut])
        if any((folder.parent / f"{path}.py").is_file() for folder in FOLDERS):
            return path
    raise LookupError(name)


def test_the_tour_of_an_event_is_short() -> None:
    """Twelve files, and six times back to one that was read before."""
    visited: list[str] = []
    returns = 0
    for name in NAME.findall((ROOT / "docs" / "life-of-an-event.md").read_text("utf-8")):
        module = module_of(name)
        if not visited or visited[-1] != module:
            returns += module in visited
            visited.append(module)
    assert "notifications/messages/deliveries" in visited
    assert len(set(visited)) <= 12
    assert returns <= 6
