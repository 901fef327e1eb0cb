"""Where results go: the standard output. Talk for people goes to the error stream (`console`).

What a line or a cell says often comes from outside: a key, a reason, a name. It is shown as it is: nothing in it is
markup, the name of a smiley or an order to the terminal.
"""

import json
import re
import sys
import unicodedata
from collections.abc import Callable
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from france import typography

PIPED_WIDTH: Final = 140
"""Columns of a table that goes to a file or a pipe."""

UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories of characters that are obeyed and not seen: controls, direction of reading, half pairs, breaks."""

_UNUSUAL: Final = re.compile("[^ -~\xa1-\xac\xae-\xff]")
"""What has to be looked at: most characters need not."""


def visible(text: str, keep: str = "\n\t") -> str:
    """A text in which every character that would be obeyed is told as an escape (ESC: x1b), save those of `keep`."""
    return _UNUSUAL.sub(lambda found: found[0] if found[0] in keep else _told(found[0], _escape), text)


def one_line(text: str) -> str:
    """The same on one line: what comes from outside cannot add lines of its own."""
    return visible(text, keep="")


def json_text(value: Any, indent: int | None = None) -> str:
    """A value as JSON (RFC 8259), French letters as they are; what would be obeyed is escaped in JSON's own way.

    Raises:
        ValueError: a number that JSON has no text for (NaN, an infinity).
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, default=str)
    return _UNUSUAL.sub(lambda found: found[0] if found[0] == "\n" else _told(found[0], _json_escape), text)


def _told(character: str, escape: Callable[[str], str]) -> str:
    return escape(character) if unicodedata.category(character) in UNSEEN else character


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _json_escape(character: str) -> str:
    return json.dumps(character)[1:-1]


class Plain(Console):
    """A console that shows every text as it is, in lines, cells, headings and titles alike."""

    def render_str(self, text: str, **options: Any) -> Text:
        """A text as it is, whatever is asked for; rich sends each string that it is given through here."""
        as_it_is: dict[str, Any] = {**options, "markup": False, "emoji": False, "highlight": False}
        return super().render_str(visible(text), **as_it_is)


out = Plain(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
"""Results for people: tables and lines that may be piped."""


def euros(cents: int) -> str:
    """Cents as euros: 1 234,56 €, with a plain space before the sign, which people can type to search what is piped."""
    return typography.euros(cents).replace(typography.NO_BREAK, " ")
