"""An envelope: money that many companies ask for, a pool of the service."""

from datetime import UTC, date, datetime
from typing import Final, NamedTuple

import msgspec

from common.declare.pool import Pool
from vouchers.ledger.accounts import Balances
from vouchers.ruleset import Ruleset

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of a waiting list that nobody joined."""


class Mark(NamedTuple):
    """Where the ledger and the waiting list of an envelope stand: equal marks, equal lists and accounts."""

    movements: int
    waiting: int
    places: int


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """Money that many companies ask for.

    Attributes:
        id: its name, e.g. `cheque-2026`.
        programme: a company has at most one active file in it.
        opens_on: first Paris calendar day of deposit; None: open since it exists.
        closes_on: last one; None: open until closed.
        rulesets: (valid from, rule set), newest first.
        balances: its accounts.
        exhausted: `EnvelopeExhausted` was said and no money came back since.
        waiting: files on the waiting list.
        places: numbers given on the waiting list so far.
        smallest_waiting_cents: what the smallest waiting file asks for, or less; None: none waits.
        movements: entries of its ledger.
        chain: hash of the last of them.
        offering: a `ServeWaiting` of it is on its way, so that no decision needs to send another one.
        waited_at: the time given to the file that joined its waiting list last (UTC).
    """

    id: str
    programme: str
    opens_on: date | None
    closes_on: date | None
    rulesets: tuple[tuple[datetime, Ruleset], ...]
    balances: Balances
    exhausted: bool = False
    waiting: int = 0
    places: int = 0
    smallest_waiting_cents: int | None = None
    movements: int = 0
    chain: str = ""
    offering: bool = False
    waited_at: datetime = NEVER

    @property
    def mark(self) -> Mark:
        """Where it stands."""
        return Mark(self.movements, self.waiting, self.places)

    def ruleset_at(self, time: datetime) -> Ruleset:
        """The rule set in force at an instant (the oldest one before any was)."""
        for valid_from, ruleset in self.rulesets:
            if valid_from <= time:
                return ruleset
        return self.rulesets[-1][1]

    def ruleset_named(self, version: str, time: datetime) -> Ruleset:
        """The rule set that judged a file, or the one in force if it is gone."""
        for _, ruleset in self.rulesets:
            if ruleset.version == version:
                return ruleset
        return self.ruleset_at(time)

    def has_room(self, amount_cents: int) -> bool:
        """Whether a new file may be served: enough is left, and nobody who waits could be served before it."""
        left = self.balances.disponible
        smallest = self.smallest_waiting_cents
        return amount_cents <= left and (smallest is None or smallest > left)


def _nobody_opened_it(_: str) -> Envelope | None:
    return None


ENVELOPES: Final[Pool[Envelope | None]] = Pool("budget", Envelope, _nobody_opened_it)
"""The envelopes by id, None where there is none. Its name sorts before the one of the waiting list: locked first."""
