"""Thresholds as integers: a score is a number of parts, a threshold the number of parts that is at it.

A threshold is the decimal that the ruleset writes, not the binary number next to it.
"""

from fractions import Fraction
from math import ceil, floor


def fewest(threshold: float, top: int, parts: int) -> int:
    """The fewest parts that reach a threshold on 0-`top`: n parts are ≥ the threshold exactly if n is ≥ this."""
    return ceil(_at(threshold, top, parts))


def most(threshold: float, top: int, parts: int) -> int:
    """The most parts within a threshold on 0-`top`: n parts are ≤ the threshold exactly if n is ≤ this."""
    return floor(_at(threshold, top, parts))


def _at(threshold: float, top: int, parts: int) -> Fraction:
    return Fraction(str(threshold)) * parts / top
