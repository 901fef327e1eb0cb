"""Peers of a company: size class × NAF section × region, and the statistics of a cell."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Literal, TypeAlias

import msgspec

from diagnostic.events import Company


class Cell(msgspec.Struct, frozen=True, gc=False):
    """The peers a company is compared with: size class × NAF section × region; "" where unknown."""

    size: str
    section: str
    region: str


SizeClass: TypeAlias = Literal["micro", "petite", "moyenne", "grande"]
"""By headcount: under 10, 10 to 49, 50 to 249, 250 and more."""

_SIZE_OF: Final[dict[str, SizeClass]] = {
    **dict.fromkeys(("NN", "00", "01", "02", "03"), "micro"),
    **dict.fromkeys(("11", "12"), "petite"),
    **dict.fromkeys(("21", "22", "31"), "moyenne"),
    **dict.fromkeys(("32", "41", "42", "51", "52", "53"), "grande"),
}

_SECTION_STARTS: Final = (
    *((1, "A"), (5, "B"), (10, "C"), (35, "D"), (36, "E"), (41, "F"), (45, "G"), (49, "H"), (55, "I"), (58, "J")),
    *((64, "K"), (68, "L"), (69, "M"), (77, "N"), (84, "O"), (85, "P"), (86, "Q"), (90, "R"), (94, "S"), (97, "T")),
    (99, "U"),
)
"""First division of each section of NAF rév. 2; NAF 2025 keeps the divisions, so peers stay comparable across both."""


def _sections() -> dict[str, str]:
    table: dict[str, str] = {}
    ends = [start for start, _ in _SECTION_STARTS[1:]] + [100]
    for (start, section), end in zip(_SECTION_STARTS, ends, strict=True):
        table.update({f"{division:02d}": section for division in range(start, end)})
    return table


_SECTION_OF: Final = _sections()


def cell_of(company: Company) -> Cell:
    """The peers of a company."""
    return Cell(_SIZE_OF.get(company.headcount_code, ""), _SECTION_OF.get(company.naf[:2], ""), company.region)


def widenings(cell: Cell) -> list[Cell]:
    """The cell, then wider ones in the order to try: without region, without section, everybody."""
    wider = [cell, Cell(cell.size, cell.section, ""), Cell(cell.size, "", ""), Cell("", "", "")]
    return list(dict.fromkeys(wider))


@dataclass(frozen=True, slots=True)
class Bucket:
    """Companies whose global score rounds down to `score` (0-100): how many, and the sum of their scores."""

    score: int
    count: int
    total: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a cell shows: how many companies, their mean, their quartiles."""

    count: int
    mean: float
    first_quartile: float
    median: float
    third_quartile: float


def statistics(buckets: Sequence[Bucket]) -> Statistics:
    """Mean (exact) and quartiles (interpolated inside one-point buckets) of a histogram sorted by score."""
    count = sum(bucket.count for bucket in buckets)
    mean = sum(bucket.total for bucket in buckets) / count
    first, median, third = (_quantile(buckets, count * share) for share in (0.25, 0.5, 0.75))
    return Statistics(count, mean, first, median, third)


def _quantile(buckets: Sequence[Bucket], rank: float) -> float:
    ends = list(accumulate(bucket.count for bucket in buckets))
    place = bisect_left(ends, rank)
    bucket = buckets[place]
    width = min(1.0, 100.0 - bucket.score)
    return bucket.score + width * (rank - ends[place] + bucket.count) / bucket.count


def percentile(buckets: Sequence[Bucket], value: float) -> float:
    """Share of the cell (0-100) strictly below a score plus half of its ties, a tie being the same one-point bucket."""
    here = int(value)
    below = sum(bucket.count for bucket in buckets if bucket.score < here)
    ties = sum(bucket.count for bucket in buckets if bucket.score == here)
    return 100 * (below + ties / 2) / sum(bucket.count for bucket in buckets)
