"""Scores compared exactly: as integers, whatever binary number carried them."""

from typing import Final

BILLION: Final = 1_000_000_000


def exact(score: float) -> int:
    """A score, a bar or a difference of scores in billionths of a point.

    A score is a fraction of small whole numbers, published as the binary number next to it, or next to that: two that
    differ do so by more than a thousandth of a point, and no bar is written with more than five decimals. So the
    billionths of scores and bars compare as the fractions do.
    """
    return round(score * BILLION)
