"""The table of the needs of companies."""

from typing import Final

from common.declare.aggregate import Aggregate, on
from matching.basis import every_load
from matching.needs.answers import accept, decline
from matching.needs.delays import expire, free
from matching.needs.inputs import AcceptMatch, CapacityFreed, DeclineMatch, DiagnosticCompleted, OffersExpired
from matching.needs.model import CompanyNeeds
from matching.needs.opening import diagnosed
from matching.needs.withdrawing import withdraw
from matching.places.offers import WithdrawOffers


def no_needs(siren: str) -> CompanyNeeds:
    """A company that never had a need."""
    return CompanyNeeds(siren)


NEEDS: Final[Aggregate[CompanyNeeds]] = Aggregate(
    "needs",
    CompanyNeeds,
    no_needs,
    (
        on(DiagnosticCompleted, diagnosed, of="diagnostic", pools=every_load),
        on(AcceptMatch, accept, pools=every_load),
        on(DeclineMatch, decline, pools=every_load),
        on(OffersExpired, expire, pools=every_load),
        on(CapacityFreed, free, pools=every_load),
        on(WithdrawOffers, withdraw, pools=every_load),
    ),
)
