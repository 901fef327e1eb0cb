"""Where results go: the standard output. Talk for people goes to the error stream (`console`)."""

import sys
from typing import Final

from rich.console import Console

from france import typography

PIPED_WIDTH: Final = 140
"""Columns of a table that goes to a file or a pipe."""

out = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
"""Results for people: tables and lines that may be piped."""


def euros(cents: int) -> str:
    """Cents as euros: 1 234,56 €, with a plain space before the sign, which people can type to search what is piped."""
    return typography.euros(cents).replace(typography.NO_BREAK, " ")
