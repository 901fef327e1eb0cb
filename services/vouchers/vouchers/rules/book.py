"""The money side of one decision: movements of one file on one envelope, and the events they lead to."""

from typing import Final

from common.event import Event
from common.message import Message
from vouchers.events import BudgetReleased, BudgetReserved, EnvelopeExhausted
from vouchers.model import Account, Envelope, Movement, VoucherFile
from vouchers.rules.ledger import post

HELD_IN: Final[dict[str, Account]] = {"depose": "reserve", "accorde": "engage"}
"""The account that holds the money of a file, by status."""


class Book:
    """Collects what a single decision books; local to that decision, so the rules stay pure.

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
        "_envelope",
        "_message",
        "_min_grant",
        "_places",
        "_region",
        "_siren",
        "_smallest",
        "_voucher_id",
        "_waiting",
        "events",
        "movements",
    )

    def __init__(
        self,
        envelope: Envelope,
        message: Message[object],
        *,
        min_grant_cents: int,
        siren: str,
        region: str,
        voucher_id: str,
    ) -> None:
        self.movements: list[Movement] = []
        self.events: list[Event] = []
        self._envelope = envelope
        self._balances = envelope.balances
        self._waiting = envelope.waiting
        self._places = envelope.places
        self._smallest = envelope.smallest_waiting_cents
        self._min_grant = min_grant_cents
        self._siren = siren
        self._region = region
        self._voucher_id = voucher_id
        self._message = message

    def reserve(self, amount_cents: int, reason: str) -> None:
        """Set money aside for the file: disponible → reserve."""
        self._move("disponible", "reserve", amount_cents)
        left = self._balances.disponible
        self.events.append(
            BudgetReserved(self._envelope.id, self._voucher_id, self._siren, amount_cents, left, reason, self._region)
        )

    def engage(self, amount_cents: int) -> None:
        """The right is granted: reserve → engage."""
        self._move("reserve", "engage", amount_cents)

    def release(self, account: Account, amount_cents: int, reason: str) -> None:
        """Money comes back: reserve or engage → disponible. Nothing happens for 0."""
        if amount_cents == 0:
            return
        self._move(account, "disponible", amount_cents)
        left = self._balances.disponible
        self.events.append(
            BudgetReleased(self._envelope.id, self._voucher_id, self._siren, amount_cents, left, reason, self._region)
        )

    def release_all(self, file: VoucherFile, reason: str) -> int:
        """Give back all that the ledger holds for a file; returns how much."""
        account = HELD_IN.get(file.status)
        if account is None:
            return 0
        self.release(account, file.held_cents, reason)
        return file.held_cents

    def join_queue(self, amount_cents: int) -> tuple[int, int]:
        """Put the file on the waiting list; returns its place (order of deposit) and its rank now."""
        self._waiting += 1
        self._places += 1
        self._smallest = amount_cents if self._smallest is None else min(self._smallest, amount_cents)
        return self._places, self._waiting

    def leave_queue(self) -> None:
        """Take the file off the waiting list; the smallest amount that waits stays known as a lower bound."""
        self._waiting -= 1
        if self._waiting == 0:
            self._smallest = None

    def close(self) -> Envelope:
        """The envelope after the decision; says once that less than the smallest grant is left."""
        envelope, left = self._envelope, self._balances.disponible
        exhausted = left < self._min_grant
        if exhausted and not envelope.exhausted:
            self.events.append(EnvelopeExhausted(envelope.id, left))
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
            self._smallest,
            envelope.movements,
            envelope.chain,
        )

    def _move(self, source: Account, target: Account, amount_cents: int) -> None:
        message = self._message
        movement = Movement(
            self._envelope.id,
            self._voucher_id,
            source,
            target,
            amount_cents,
            message.time,
            message.id,
            len(self.movements),
        )
        self._balances = post(self._balances, movement)
        self.movements.append(movement)
