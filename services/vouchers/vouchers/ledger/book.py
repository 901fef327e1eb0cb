"""The money side of one decision: movements of one file on one envelope, and the events they lead to."""

from datetime import datetime, timedelta
from typing import Any, Final

from common.declare.event import Event
from common.declare.message import Message
from vouchers.events import BudgetReleased, BudgetReserved, EnvelopeExhausted
from vouchers.ledger.accounts import Account, Entry, Movement, chained, post
from vouchers.ledger.envelope import Envelope

TICK: Final = timedelta(microseconds=1)
"""The least that keeps two times apart."""


class Book:
    """Collects what a single decision books; local to that decision, so the rules stay pure.

    Movements are numbered and chained as they are made: the ledger has no gap and shows every change of a row.

    Args:
        envelope: the envelope before the decision.
        message: what causes the movements.
        min_grant_cents: less than this left means exhausted.
        siren: the company.
        region: INSEE code of its region.
        voucher_id: the file.
    """

    __slots__ = (
        "_balances",
        "_chain",
        "_envelope",
        "_message",
        "_min_grant",
        "_places",
        "_region",
        "_siren",
        "_smallest",
        "_voucher_id",
        "_waited_at",
        "_waiting",
        "entries",
        "events",
    )

    def __init__(
        self,
        envelope: Envelope,
        message: Message[Any],
        *,
        min_grant_cents: int,
        siren: str,
        region: str,
        voucher_id: str,
    ) -> None:
        self.entries: list[Entry] = []
        self.events: list[Event] = []
        self._envelope = envelope
        self._balances = envelope.balances
        self._chain = envelope.chain
        self._waiting = envelope.waiting
        self._places = envelope.places
        self._smallest = envelope.smallest_waiting_cents
        self._waited_at = envelope.waited_at
        self._min_grant = min_grant_cents
        self._siren = siren
        self._region = region
        self._voucher_id = voucher_id
        self._message = message

    @property
    def offering(self) -> bool:
        """Whether money was being offered before the decision."""
        return self._envelope.offering

    def reserve(self, amount_cents: int, reason: str) -> None:
        """Set money aside for the file: disponible → reserve."""
        self._move("disponible", "reserve", amount_cents)
        self._tell(BudgetReserved, amount_cents, reason)

    def engage(self, amount_cents: int) -> None:
        """The right is granted: reserve → engage."""
        self._move("reserve", "engage", amount_cents)

    def release(self, account: Account, amount_cents: int, reason: str) -> None:
        """Money comes back: reserve or engage → disponible. Nothing happens for 0."""
        if amount_cents == 0:
            return
        self._move(account, "disponible", amount_cents)
        self._tell(BudgetReleased, amount_cents, reason)

    def _tell(self, event: type[BudgetReserved | BudgetReleased], amount_cents: int, reason: str) -> None:
        self.events.append(
            event(
                envelope_id=self._envelope.id,
                voucher_id=self._voucher_id,
                siren=self._siren,
                amount_cents=amount_cents,
                available_after_cents=self._balances.disponible,
                reason=reason,
                region=self._region,
            )
        )

    def join_queue(self, amount_cents: int) -> tuple[int, int, datetime]:
        """Put the file on the waiting list; returns its place (order of deposit), its rank now, and its time.

        The time is that of the deposit, never before that of a file ahead of it: requests of several processes reach
        the list in another order than they came in, by milliseconds.
        """
        self._waiting += 1
        self._places += 1
        self._waited_at = max(self._message.time, self._waited_at + TICK)
        self._smallest = amount_cents if self._smallest is None else min(self._smallest, amount_cents)
        return self._places, self._waiting, self._waited_at

    def leave_queue(self) -> None:
        """Take the file off the waiting list; the smallest amount that waits stays known as a lower bound."""
        self._waiting -= 1
        if self._waiting == 0:
            self._smallest = None

    def close(self) -> Envelope:
        """The envelope after the decision; says once that less than the smallest grant is left."""
        envelope, left, smallest = self._envelope, self._balances.disponible, self._smallest
        exhausted = left < self._min_grant
        if exhausted and not envelope.exhausted:
            self.events.append(EnvelopeExhausted(envelope_id=envelope.id, available_cents=left))
        return Envelope(
            envelope.id,
            envelope.programme,
            envelope.opens_on,
            envelope.closes_on,
            envelope.rulesets,
            self._balances,
            exhausted,
            self._waiting,
            self._places,
            smallest,
            envelope.movements + len(self.entries),
            self._chain,
            envelope.offering or (smallest is not None and smallest <= left),
            self._waited_at,
        )

    def _move(self, source: Account, target: Account, amount_cents: int) -> None:
        message, entries = self._message, self.entries
        movement = Movement(
            self._envelope.id,
            self._voucher_id,
            source,
            target,
            amount_cents,
            message.time,
            message.id,
            len(entries),
        )
        self._balances = post(self._balances, movement)
        self._chain = chained(self._chain, movement)
        entries.append(Entry(self._envelope.movements + len(entries) + 1, movement, self._chain))
