"""The ledger against a dict that cannot be wrong, and the whole service against simple books."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec.structs import asdict, replace

from vouchers.ledger.accounts import MOVES, Account, Balances, LedgerError, Movement, apply, chained, post, replay

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
TOTAL = 10_000
ACCOUNTS: tuple[Account, ...] = ("disponible", "reserve", "engage", "ordonnance", "paye", "recouvre")


def movement(source: Account, target: Account, amount: int, index: int = 0) -> Movement:
    return Movement("e1", "v1", source, target, amount, NOW, UUID(int=1), index)


class LedgerMachine(RuleBasedStateMachine):
    """Random movements on the ledger and on a dict: they agree, and what is refused changes nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.balances = Balances(TOTAL)
        self.model: dict[str, int] = {**dict.fromkeys(ACCOUNTS, 0), "disponible": TOTAL}
        self.accepted: list[Movement] = []

    @rule(
        giver=st.sampled_from(ACCOUNTS),
        taker=st.sampled_from(ACCOUNTS),
        amount=st.integers(-5, TOTAL + 5) | st.sampled_from([1, TOTAL]),
    )
    def move(self, giver: Account, taker: Account, amount: int) -> None:
        row = movement(giver, taker, amount, len(self.accepted))
        after = apply(self.balances, row)
        possible = amount > 0 and (giver, taker) in MOVES and self.model[giver] >= amount
        assert isinstance(after, Balances) is possible
        if isinstance(after, Balances):
            self.balances = after
            self.model[giver] -= amount
            self.model[taker] += amount
            self.accepted.append(row)

    @invariant()
    def agrees_with_the_dict(self) -> None:
        assert asdict(self.balances) == self.model
        assert min(self.model.values()) >= 0
        assert self.balances.total == TOTAL

    @invariant()
    def replay_gives_the_balances(self) -> None:
        assert replay(TOTAL, self.accepted) == self.balances


TestLedger: Any = LedgerMachine.TestCase
TestLedger.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (movement("disponible", "reserve", 0), "above 0"),
        (movement("disponible", "paye", 5), "never goes"),
        (movement("disponible", "reserve", TOTAL + 1), "holds 10000"),
    ],
)
def test_what_is_impossible_is_said(row: Movement, reason: str) -> None:
    outcome = apply(Balances(TOTAL), row)
    assert isinstance(outcome, LedgerError)
    assert reason in outcome.reason
    with pytest.raises(ValueError, match=reason):
        post(Balances(TOTAL), row)


def test_a_changed_row_breaks_the_chain() -> None:
    row = movement("disponible", "reserve", 5)
    first = chained("", row)
    assert chained("", row) == first
    assert chained("", replace(row, amount_cents=6)) != first
    assert chained(first, row) != first


def test_the_money_of_an_envelope_is_that_of_all_its_accounts() -> None:
    assert Balances(1, 2, 4, 8, 16, 32).total == 63
