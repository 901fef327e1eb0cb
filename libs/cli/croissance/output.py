"""Where results go: the standard output. Talk for people goes to the error stream (`console`)."""

import sys
from typing import Final

from rich.console import Console

PIPED_WIDTH: Final = 140
"""Columns of a table that goes to a file or a pipe."""

out = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
"""Results for people: tables and lines that may be piped."""


def number(value: float) -> str:
    """A count as the French write it: 12 345."""
    return f"{value:,.0f}".replace(",", "\u202f")


def euros(cents: int) -> str:
    """Cents as euros: 1 234,56 €."""
    whole, rest = divmod(abs(cents), 100)
    sign = "-" if cents < 0 else ""
    return f"{sign}{number(whole)},{rest:02d} €"
