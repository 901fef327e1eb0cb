"""The real six services under hundreds of seeded schedules; and each guard of the domain, taken away, is missed."""

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from common.declare.decision import Decision
from common.declare.service import Service
from common.testing.engine import InvariantError
from common.testing.memory import MemoryDatabase, MemoryStorage
from labels.applications import applying, outcomes
from labels.cohorts.inputs import PlacesOpen, SetCohortCap
from labels.places.cohort import Cohort
from matching.needs.inputs import CapacityFreed, OffersExpired
from notifications.messages.inputs import VoucherGranted
from notifications.messages.model import PENDING
from vouchers.files import deposit
from vouchers.files.inputs import WithdrawVoucher
from vouchers.ledger import book, envelope
from vouchers.ledger.accounts import Balances, Movement

from . import chain, storages

SCHEDULES = int(os.environ.get("CHAIN_SCHEDULES", "200"))
BLOCK = min(25, SCHEDULES)
Patch = pytest.MonkeyPatch
Change = Callable[[Decision[Any]], Decision[Any]]


@pytest.mark.parametrize("first", range(0, SCHEDULES, BLOCK))
def test_the_services_keep_their_promises(first: int) -> None:
    for seed in range(first, first + BLOCK):
        chain.simulate_chain(seed)


# --- mutations: each takes one guard away, and the simulator must notice


def otherwise(patch: Patch, name: str, inputs: tuple[type, ...], change: Change) -> None:
    """Let the rules of some inputs decide otherwise."""

    def changed(service: Service) -> Service:
        if service.name != name:
            return service
        return replace(service, aggregates=tuple(_with(each, inputs, change) for each in service.aggregates))

    patch.setattr(chain, "SERVICES", tuple(changed(service) for service in chain.SERVICES))


def _with(aggregate: Any, inputs: tuple[type, ...], change: Change) -> Any:
    def wrapped(rule: Any) -> Any:
        if rule.input not in inputs:
            return rule
        return replace(rule, decide=lambda *given: change(rule.decide(*given)))

    return replace(aggregate, rules=tuple(wrapped(rule) for rule in aggregate.rules))


def without(*fields: str) -> Change:
    return lambda decision: msgspec.structs.replace(decision, **dict.fromkeys(fields, ()))


def twice(decision: Decision[Any]) -> Decision[Any]:
    return msgspec.structs.replace(decision, rows=decision.rows * 2)


def an_envelope_gives_what_it_has_not(patch: Patch) -> None:
    def post(balances: Balances, movement: Movement) -> Balances:
        moved = {movement.from_account: -movement.amount_cents, movement.to_account: movement.amount_cents}
        names = Balances.__struct_fields__
        return Balances(*(getattr(balances, name) + moved.get(name, 0) for name in names))

    patch.setattr(book, "post", post)
    patch.setattr(envelope.Envelope, "has_room", lambda *_: True)


def a_cohort_has_no_end(patch: Patch) -> None:
    def grant(cohort: Cohort, region: str) -> Cohort:
        by_region = {**cohort.by_region, region: cohort.by_region.get(region, 0) + 1}
        return Cohort(cohort.year, cohort.cap, cohort.granted + 1, by_region)

    patch.setattr(applying, "newcomer_has_place", lambda *_: True)
    patch.setattr(outcomes, "grant", grant)


def a_company_may_have_several_cheques(patch: Patch) -> None:
    patch.setattr(deposit, "ACTIVE", frozenset[str]())


def money_that_came_back_is_offered_to_nobody(patch: Patch) -> None:
    otherwise(patch, "vouchers", (WithdrawVoucher,), without("follow_ups"))


def a_raised_cap_serves_nobody(patch: Patch) -> None:
    otherwise(patch, "labels", (SetCohortCap, PlacesOpen), without("follow_ups"))


def expired_offers_keep_their_room(patch: Patch) -> None:
    otherwise(patch, "matching", (OffersExpired,), without("rows", "draws"))


def room_is_freed_twice(patch: Patch) -> None:
    otherwise(patch, "matching", (CapacityFreed,), twice)


def a_fact_is_told_twice(patch: Patch) -> None:
    otherwise(patch, "notifications", (VoucherGranted,), twice)


def a_mail_is_settled_twice(patch: Patch) -> None:
    def always(_: MemoryDatabase, __: str) -> str:
        return "voucher_granted"

    patch.setitem(storages.STORAGES, "notifications", MemoryStorage(pools={PENDING.name: always}))


MUTATIONS = (
    an_envelope_gives_what_it_has_not,
    a_cohort_has_no_end,
    a_company_may_have_several_cheques,
    money_that_came_back_is_offered_to_nobody,
    a_raised_cap_serves_nobody,
    expired_offers_keep_their_room,
    room_is_freed_twice,
    a_fact_is_told_twice,
    a_mail_is_settled_twice,
)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_the_simulator_notices(mutation: Callable[[Patch], None], monkeypatch: Patch) -> None:
    mutation(monkeypatch)

    def look() -> None:
        for seed in range(60):
            chain.simulate_chain(seed)

    with pytest.raises(InvariantError):
        look()
