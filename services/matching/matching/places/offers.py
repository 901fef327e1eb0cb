"""What a line of the directory asks of companies: to take back what they offered a connecteur that became inactive."""

from typing import Final

import msgspec

from common.declare.inputs import FollowUp
from common.declare.pool import Pool


class WithdrawOffers(FollowUp, frozen=True):
    """A connecteur is active no more: what it was offered goes to the next. Key: the SIREN that offered it."""

    connector_id: str


class Holder(msgspec.Struct, frozen=True, gc=False):
    """A company that may have an open offer with a connecteur, and its region."""

    siren: str
    region: str


def _nobody(_: str) -> tuple[Holder, ...]:
    return ()


HOLDERS: Final[Pool[tuple[Holder, ...]]] = Pool("offer_holders", tuple[Holder, ...], _nobody)
"""The companies that have open offers with a connecteur, its key. Nothing is locked: they decide for themselves."""
