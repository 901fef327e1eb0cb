"""Where results go: the standard output. Talk for people goes to the error stream (`console`)."""

from rich.console import Console

out = Console(highlight=False)
"""Results for people: tables and lines that may be piped."""


def number(value: float) -> str:
    """A count as the French write it: 12 345."""
    return f"{value:,.0f}".replace(",", "\u202f")


def euros(cents: int) -> str:
    """Cents as euros: 1 234,56 €."""
    whole, rest = divmod(abs(cents), 100)
    sign = "-" if cents < 0 else ""
    return f"{sign}{number(whole)},{rest:02d} €"
