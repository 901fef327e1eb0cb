"""SIREN: the number of a company, key of almost every event."""

from typing import Final

_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
"""What the Luhn key counts of a digit that it doubles."""

# Luhn adds up digit by digit, every second one doubled: so it may be added up by blocks of three, from tables.
OUTER: Final = {f"{block:03}": block // 100 + _DOUBLED[block // 10 % 10] + block % 10 for block in range(1000)}
"""Sums of blocks of three digits of which the one in the middle is doubled."""

MIDDLE: Final = {
    f"{block:03}": _DOUBLED[block // 100] + block // 10 % 10 + _DOUBLED[block % 10] for block in range(1000)
}
"""Sums of blocks of three digits of which the first and the last are doubled."""


def is_siren(digits: str) -> bool:
    """Whether these are nine bare digits with a right key (Luhn), and not all zeros."""
    try:
        total = OUTER[digits[:3]] + MIDDLE[digits[3:6]] + OUTER[digits[6:]]
    except KeyError:  # not three digits thrice
        return False
    return total > 0 and total % 10 == 0
