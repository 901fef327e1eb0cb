"""Loads of connecteurs as a persistent vector: a decision that moves three of them copies three small blocks.

A load is found by the number of its connecteur in the directory. Nothing is ever changed in place.
"""

from collections.abc import Iterable
from typing import Final, TypeAlias

Loads: TypeAlias = tuple[list[int], ...]
"""Blocks of `BLOCK` loads: number n stands at `loads[n >> SHIFT][n & MASK]`. Lists, since JSON has no other arrays."""

SHIFT: Final = 7
BLOCK: Final = 1 << SHIFT
MASK: Final = BLOCK - 1
_EMPTY: Final = [0] * BLOCK

NONE: Final[Loads] = ()


def load_at(loads: Loads, number: int) -> int:
    """The load of a connecteur."""
    return loads[number >> SHIFT][number & MASK]


def reaching(loads: Loads, size: int) -> Loads:
    """The loads with room for `size` connecteurs; new ones have none."""
    missing = (size + MASK >> SHIFT) - len(loads)
    return loads + (_EMPTY,) * missing if missing > 0 else loads


def with_counts(loads: Loads, counts: Iterable[tuple[int, int]]) -> Loads:
    """The loads with these (number, count)."""
    blocks = list(loads)
    for number, count in counts:
        _own(blocks, loads, number)[number & MASK] = count
    return tuple(blocks)


def with_moves(loads: Loads, moves: Iterable[tuple[int, int]]) -> Loads:
    """The loads moved by these (number, amount), one after the other; never below zero."""
    blocks = list(loads)
    for number, by in moves:
        block, slot = _own(blocks, loads, number), number & MASK
        load = block[slot] + by
        block[slot] = max(0, load)
    return tuple(blocks)


def _own(blocks: list[list[int]], loads: Loads, number: int) -> list[int]:
    """The block of a number, copied once before it is written."""
    place = number >> SHIFT
    block = blocks[place]
    if block is loads[place]:
        block = blocks[place] = block[:]
    return block
