"""Amounts, numbers and dates as the French write them: decimal comma, no-break spaces, `1er`."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Final

from france.days import as_day

NO_BREAK: Final = "\u00a0"
"""Stands before a unit and before high punctuation."""

NARROW: Final = "\u202f"
"""Stands between groups of three digits."""

_PLAIN: Final = str.maketrans({NO_BREAK: " ", NARROW: " "})
_TENTH: Final = Decimal("0.1")
_MONTHS: Final = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)
_REMEMBERED: Final = 4096


def number(value: float) -> str:
    """A count, rounded to a whole number: 12 345."""
    return f"{value:,.0f}".replace(",", NARROW)


@lru_cache(_REMEMBERED)
def euros(cents: int) -> str:
    """An amount to the cent: 1 500,00 €."""
    return f"{_whole_euros(cents)},{abs(cents) % 100:02}{NO_BREAK}€"


@lru_cache(_REMEMBERED)
def short_euros(cents: int) -> str:
    """An amount, with cents only where there are some: 1 500 €."""
    return euros(cents) if cents % 100 else f"{_whole_euros(cents)}{NO_BREAK}€"


@lru_cache(_REMEMBERED)
def one_decimal(value: float) -> str:
    """A number with one decimal, halves rounded away from zero: 43,8."""
    return f"{Decimal(repr(value)).quantize(_TENTH, ROUND_HALF_UP)}".replace(".", ",")


@lru_cache(_REMEMBERED)
def short_day(day: date) -> str:
    """A day in figures: 23/11/2026."""
    return f"{day:%d/%m/%Y}"


@lru_cache(_REMEMBERED)
def long_day(value: date) -> str:
    """A day in words: 23 novembre 2026, with 1er; an aware instant is shown as the day it is in Paris."""
    day = as_day(value)
    return f"{'1er' if day.day == 1 else day.day} {_MONTHS[day.month - 1]} {day.year}"


def one_line(text: str) -> str:
    """The same text on one line, without control characters and double blanks."""
    if text.isprintable() and "  " not in text and text[:1] != " " and text[-1:] != " ":
        return text
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def plain(text: str) -> str:
    """The same text with spaces that people can type: for what is piped and searched."""
    return text.translate(_PLAIN)


def _whole_euros(cents: int) -> str:
    grouped = f"{abs(cents) // 100:,}".replace(",", NARROW)
    return f"-{grouped}" if cents < 0 else grouped
