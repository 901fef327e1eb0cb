"""The head of a waiting list, a pool of the service that is only read, under the lock of its envelope."""

from collections.abc import Sequence
from itertools import accumulate, takewhile
from typing import Final

import msgspec

from common.declare.pool import Pool
from vouchers.ledger.envelope import Mark

BOUND: Final = 500
"""Files that are looked at, hence served, at once."""


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """A file that waits.

    Attributes:
        siren: its company.
        region: INSEE code of the company's region, or "".
        voucher_id: the file.
        asked_cents: what it asks for, in euro cents.
    """

    siren: str
    region: str
    voucher_id: str
    asked_cents: int


class Head(msgspec.Struct, frozen=True, gc=False):
    """The files of an envelope that are next.

    Attributes:
        mark: where the envelope stood when the list was read; the list is stale once the envelope stands elsewhere.
        files: the first ones in order of deposit, `BOUND` at most, then the first one behind them that fits alone.
    """

    mark: Mark
    files: tuple[Waiting, ...] = ()


NOBODY: Final = Head(Mark(0, 0, 0))


def _nobody(_: str) -> Head:
    return NOBODY


WAITING: Final[Pool[Head]] = Pool("waiting", Head, _nobody)
"""The heads of the waiting lists by envelope."""


def served_next(files: Sequence[Waiting], left_cents: int) -> tuple[Waiting, ...]:
    """Whom `left_cents` serves: the first ones that fit together; when the first asks too much, the first that fits."""
    upto = accumulate(file.asked_cents for file in files[:BOUND])
    together = sum(1 for _ in takewhile(lambda cents: cents <= left_cents, upto))
    if together:
        return tuple(files[:together])
    return next(((file,) for file in files if file.asked_cents <= left_cents), ())
