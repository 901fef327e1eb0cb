"""The double-entry ledger of an envelope: movements between accounts, never negative, total constant."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from hashlib import sha256
from typing import Final, Literal
from uuid import UUID

import msgspec

Account = Literal["disponible", "reserve", "engage", "ordonnance", "paye", "recouvre"]


class Balances(msgspec.Struct, frozen=True, gc=False):
    """The accounts of an envelope, in euro cents; none is ever negative and their sum never changes."""

    disponible: int
    reserve: int = 0
    engage: int = 0
    ordonnance: int = 0
    paye: int = 0
    recouvre: int = 0

    @property
    def total(self) -> int:
        """The money of the envelope, wherever it is."""
        return self.disponible + self.reserve + self.engage + self.ordonnance + self.paye + self.recouvre


class Movement(msgspec.Struct, frozen=True, gc=False):
    """A ledger movement: `amount_cents` goes from one account of the envelope to another. Never changed.

    Attributes:
        envelope_id: the envelope.
        voucher_id: the file it is for.
        from_account: the account that gives.
        to_account: the account that gets.
        amount_cents: how much, above 0.
        at: when.
        cause: id of what caused it.
        index: rank among the movements of the same cause, from 0.
    """

    envelope_id: str
    voucher_id: str
    from_account: Account
    to_account: Account
    amount_cents: int
    at: datetime
    cause: UUID
    index: int


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A movement as the ledger keeps it.

    Attributes:
        number: rank in its envelope, from 1, without gap.
        movement: what moved.
        hash: of it and of the entry before, see `chained`.
    """

    number: int
    movement: Movement
    hash: str


MOVES: Final[frozenset[tuple[Account, Account]]] = frozenset(
    {
        ("disponible", "reserve"),
        ("reserve", "disponible"),
        ("reserve", "engage"),
        ("engage", "disponible"),
        ("engage", "ordonnance"),
        ("ordonnance", "engage"),
        ("ordonnance", "paye"),
        ("paye", "recouvre"),
        ("recouvre", "disponible"),
    }
)
"""The only ways money may go."""

_PLACE: Final[dict[Account, int]] = {
    "disponible": 0,
    "reserve": 1,
    "engage": 2,
    "ordonnance": 3,
    "paye": 4,
    "recouvre": 5,
}


@dataclass(frozen=True, slots=True)
class LedgerError:
    """Why a movement is impossible."""

    reason: str


def apply(balances: Balances, movement: Movement) -> Balances | LedgerError:
    """The balances after a movement, or why it cannot be made. The total is the same before and after."""
    source, target, amount = movement.from_account, movement.to_account, movement.amount_cents
    if amount <= 0:
        return LedgerError(f"a movement of {amount} cents: must be above 0")
    if (source, target) not in MOVES:
        return LedgerError(f"money never goes from {source} to {target}")
    cents = [
        balances.disponible,
        balances.reserve,
        balances.engage,
        balances.ordonnance,
        balances.paye,
        balances.recouvre,
    ]
    cents[_PLACE[source]] -= amount
    cents[_PLACE[target]] += amount
    left = cents[_PLACE[source]]
    if left < 0:
        return LedgerError(f"{source} holds {left + amount} cents, {amount} are asked")
    return Balances(*cents)


def post(balances: Balances, movement: Movement) -> Balances:
    """Apply a movement that the caller has checked.

    Raises:
        ValueError: it is impossible, which is a bug: nothing of the decision is kept.
    """
    match apply(balances, movement):
        case LedgerError(reason):
            raise ValueError(reason)
        case after:
            return after


def replay(total_cents: int, movements: Iterable[Movement]) -> Balances:
    """The balances that all movements of an envelope lead to, from the first day on."""
    return reduce(post, movements, Balances(total_cents))


def chained(previous: str, movement: Movement) -> str:
    """The hash of a movement chained to the one before it (SHA-256, hexadecimal): a changed row breaks the chain."""
    text = (
        f"{previous}|{movement.envelope_id}|{movement.voucher_id}|{movement.from_account}|{movement.to_account}"
        f"|{movement.amount_cents}|{movement.at.isoformat()}|{movement.cause}|{movement.index}"
    )
    return sha256(text.encode()).hexdigest()
