"""The double-entry ledger of an envelope: movements between accounts, never negative, total constant."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from hashlib import sha256
from typing import Final

from vouchers.model import Account, Balances, Movement

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


def seal(previous: str, movement: Movement) -> str:
    """The hash of a movement chained to the one before it (SHA-256, hexadecimal): a changed row breaks the chain."""
    text = (
        f"{previous}|{movement.envelope_id}|{movement.voucher_id}|{movement.from_account}|{movement.to_account}"
        f"|{movement.amount_cents}|{movement.at.isoformat()}|{movement.cause}|{movement.index}"
    )
    return sha256(text.encode()).hexdigest()
