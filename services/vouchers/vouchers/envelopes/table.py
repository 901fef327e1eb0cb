"""The table of the envelopes."""

from typing import Final

from common.declare.aggregate import Aggregate, Nothing, nothing, on
from vouchers.envelopes.rules import envelope_and_list, serve_waiting
from vouchers.waiting.follow_ups import ServeWaiting

ENVELOPE_RULES: Final[Aggregate[Nothing]] = Aggregate(
    "envelopes", Nothing, nothing, (on(ServeWaiting, serve_waiting, pools=envelope_and_list),)
)
