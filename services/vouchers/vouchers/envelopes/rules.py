"""Money that came back is offered to those who wait, in order of deposit.

A waiting file belongs to another company than the one that gave its money back: the decision that leaves money which a
waiting file could take sends `ServeWaiting` to the envelope, and the envelope sends `OfferRelease` to each file that is
next. In between nobody overtakes (`Envelope.has_room`). It ends by itself: an offer leads to the next round only when
it took its file off the list.
"""

from msgspec.structs import replace

from common.declare.aggregate import Nothing
from common.declare.decision import Decision, Follow
from common.declare.message import Message
from common.declare.pool import Pools, Ref
from vouchers.ledger.envelope import ENVELOPES
from vouchers.waiting.follow_ups import OfferRelease, ServeWaiting
from vouchers.waiting.head import WAITING, served_next


def serve_waiting(state: Nothing, pools: Pools, message: Message[ServeWaiting]) -> Decision[Nothing]:
    """Offer what is left to the files that are next; each decides for itself."""
    envelope = pools.get(ENVELOPES, message.key)
    if envelope is None:
        return Decision(state)
    head = pools.get(WAITING, message.key)
    if head.mark != envelope.mark:  # earlier decisions of this transaction moved it: read the list anew
        return Decision(state, follow_ups=(Follow(message.key, message.input),))
    offered = served_next(head.files, envelope.balances.disponible)
    return Decision(
        state,
        draws=(ENVELOPES.drawn(message.key, replace(envelope, offering=False)),) if envelope.offering else (),
        follow_ups=tuple(Follow(file.siren, OfferRelease(file.voucher_id), file.region) for file in offered),
    )


def envelope_and_list(message: Message[ServeWaiting], _: Nothing) -> tuple[Ref, ...]:
    """The envelope and its waiting list."""
    return ENVELOPES.at(message.key), WAITING.at(message.key)
