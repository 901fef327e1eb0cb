"""The commands of a document, as a reader would paste them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a block of shell.

    Attributes:
        section: the headings above it, outermost first, without the document's title.
        line: where it begins, counted from one.
        text: with its continuation lines, without the comment behind it.
    """

    section: tuple[str, ...]
    line: int
    text: str


def commands(document: str) -> Iterator[Command]:
    """Every command in the blocks marked `sh` of a Markdown document, in order."""
    headings: list[str] = []
    fence, begun, kept = "", 0, ""
    for number, line in enumerate(document.splitlines(), 1):
        if line.startswith("```"):
            fence = "" if fence else line[3:].strip() or "text"
        elif not fence and (heading := re.match(r"(#+) (.+)", line)):
            depth = len(heading[1]) - 2
            headings = [*headings[: max(depth, 0)], heading[2]] if depth >= 0 else []
        elif fence == "sh":
            begun = begun if kept else number
            kept += line
            if line.endswith("\\"):
                kept += "\n"
            elif kept.strip():
                bare = re.sub(r"\s+# [^'\"]*$", "", kept)
                if not bare.startswith("#"):
                    yield Command(tuple(headings), begun, bare)
                kept = ""
