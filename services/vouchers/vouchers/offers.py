"""The loop of the waiting list: money that came back is offered to those who wait, in order of deposit.

A waiting file belongs to another company than the one that gave its money back, so the decision that releases cannot
serve it. This loop asks PostgreSQL who is next and sends each an `OfferRelease` command, decided like any other under
the lock of the envelope: two processes that offer the same file, or an offer that comes late, change nothing. Between
the release and the offer nobody overtakes: a new application that would fit waits while a file before it fits too.
"""

import asyncio
from typing import Final

from common.commands import Command
from common.decision import Rejection
from common.runtime import Context
from vouchers import store
from vouchers.inputs import OfferRelease
from vouchers.model import Applicant, Envelopes

PAUSE_SECONDS: Final = 1.0
"""How often the waiting lists are looked at."""


async def offer_released_money(context: Context[Applicant, Envelopes]) -> None:
    """Serve the waiting lists until cancelled."""
    while True:
        if not await offer_once(context):
            await asyncio.sleep(PAUSE_SECONDS)


async def offer_once(context: Context[Applicant, Envelopes]) -> bool:
    """Offer what is left to those who are next; False: nobody waits for an amount that is there."""
    async with context.reading() as connection:
        offers = await store.next_offers(connection)
    if not offers:
        return False
    commands = [
        Command(OfferRelease(offer.envelope_id, offer.voucher_id), offer.siren, offer.region) for offer in offers
    ]
    answers = await context.execute_all(commands)
    return not any(isinstance(answer, Rejection) for answer in answers)
