"""The money side of one decision: movements of one file on one envelope, and the events they lead to."""

from dataclasses import replace
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
        siren: the company.
        region: INSEE code of its region.
        voucher_id: the file.
        message: what causes the movements.
    """

    def __init__(self, envelope: Envelope, siren: str, region: str, voucher_id: str, message: Message[object]) -> None:
        self.envelope = envelope
        self.movements: list[Movement] = []
        self.events: list[Event] = []
        self._siren = siren
        self._region = region
        self._voucher_id = voucher_id
        self._message = message

    def reserve(self, amount_cents: int, reason: str) -> None:
        """Set money aside for the file: disponible → reserve."""
        self._move("disponible", "reserve", amount_cents)
        left = self.envelope.balances.disponible
        self.events.append(
            BudgetReserved(self.envelope.id, self._voucher_id, self._siren, amount_cents, left, reason, self._region)
        )

    def engage(self, amount_cents: int) -> None:
        """The right is granted: reserve → engage."""
        self._move("reserve", "engage", amount_cents)

    def release(self, account: Account, amount_cents: int, reason: str) -> None:
        """Money comes back: reserve or engage → disponible. Nothing happens for 0."""
        if amount_cents == 0:
            return
        self._move(account, "disponible", amount_cents)
        left = self.envelope.balances.disponible
        self.events.append(
            BudgetReleased(self.envelope.id, self._voucher_id, self._siren, amount_cents, left, reason, self._region)
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
        envelope = self.envelope
        smallest = envelope.smallest_waiting_cents
        self.envelope = replace(
            envelope,
            waiting=envelope.waiting + 1,
            places=envelope.places + 1,
            smallest_waiting_cents=amount_cents if smallest is None else min(smallest, amount_cents),
        )
        return self.envelope.places, self.envelope.waiting

    def leave_queue(self) -> None:
        """Take the file off the waiting list; the smallest amount that waits stays known as a lower bound."""
        waiting = self.envelope.waiting - 1
        smallest = self.envelope.smallest_waiting_cents if waiting else None
        self.envelope = replace(self.envelope, waiting=waiting, smallest_waiting_cents=smallest)

    def close(self, min_grant_cents: int) -> None:
        """Say once that the envelope is exhausted, when less than the smallest grant is left."""
        left = self.envelope.balances.disponible
        exhausted = left < min_grant_cents
        if exhausted and not self.envelope.exhausted:
            self.events.append(EnvelopeExhausted(self.envelope.id, left))
        if exhausted != self.envelope.exhausted:
            self.envelope = replace(self.envelope, exhausted=exhausted)

    def _move(self, source: Account, target: Account, amount_cents: int) -> None:
        message = self._message
        movement = Movement(
            self.envelope.id,
            self._voucher_id,
            source,
            target,
            amount_cents,
            message.time,
            message.id,
            len(self.movements),
        )
        self.envelope = replace(self.envelope, balances=post(self.envelope.balances, movement))
        self.movements.append(movement)
