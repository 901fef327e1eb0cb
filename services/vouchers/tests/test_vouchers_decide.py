"""The life of a file, given what happened, when a command comes, then these events; the books agree after each step."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from msgspec.structs import replace

from common.codec import partition_of
from common.decision import Cancel, Rejection, Schedule
from common.event import Event
from common.message import Message
from vouchers import inputs
from vouchers.decide import decide
from vouchers.events import (
    BudgetReleased,
    BudgetReserved,
    EnvelopeExhausted,
    VoucherExpired,
    VoucherGranted,
    VoucherRefused,
    VoucherRenounced,
    VoucherRequested,
    VoucherWaitlisted,
)
from vouchers.model import (
    KEPT_CLOSED,
    Applicant,
    Balances,
    Declarations,
    Envelope,
    Envelopes,
    Line,
    Measure,
    Movement,
    Transition,
    VoucherAnswer,
    initial,
)
from vouchers.rules.ledger import replay
from vouchers.ruleset import Rules

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
SUPPLIER = "732829320"
FINE = Declarations(taxes_up_to_date=True, social_up_to_date=True, no_recovery_order=True)
COMPANY = inputs.Company("62.01Z", "84", date(2020, 1, 1), active=True, sme_category="petite")
A, B, C, D = "443061841", "552100554", "356000000", "542051180"
HELD = {"depose": "reserve", "accorde": "engage"}


@dataclass
class World:
    """Keys, one envelope and the messages so far: what the core does, without a database."""

    rules: Rules = field(default_factory=Rules)
    total: int = 250_000_000
    now: datetime = NOW
    states: dict[str, Applicant] = field(default_factory=dict[str, Applicant])
    envelopes: Envelopes = field(default_factory=Envelopes)
    movements: list[Movement] = field(default_factory=list[Movement])
    transitions: list[Transition] = field(default_factory=list[Transition])
    timers: dict[tuple[str, str], Schedule] = field(default_factory=dict[tuple[str, str], Schedule])
    answer: object = None
    count: int = 0

    def __post_init__(self) -> None:
        dated = ((datetime(2026, 1, 1, tzinfo=UTC), self.rules),)
        self.envelopes = Envelopes((Envelope("e1", "cheque", None, None, dated, Balances(self.total)),))

    @property
    def envelope(self) -> Envelope:
        return self.envelopes.items[0]

    def do(self, siren: str, item: object, *, at: datetime | None = None) -> tuple[Event, ...]:
        self.count += 1
        self.now = at or self.now + timedelta(seconds=1)
        cause = UUID(int=self.count)
        message = Message(item, siren, partition_of(siren), cause, self.now, cause)
        decision = decide(self.states.get(siren) or initial(siren), self.envelopes, message)
        self.states[siren] = decision.state
        self.envelopes = decision.shared
        self.movements += [row for row in decision.rows if isinstance(row, Movement)]
        self.transitions += [row for row in decision.rows if isinstance(row, Transition)]
        for change in decision.deadlines:
            if isinstance(change, Cancel):
                self.timers.pop((siren, change.name), None)
            else:
                self.timers[siren, change.name] = change
        self.answer = decision.answer
        self.check()
        return decision.events

    def check(self) -> None:
        """Replaying the movements gives the balances; what files hold is what the accounts hold."""
        balances = self.envelope.balances
        assert replay(self.total, self.movements) == balances
        held = {"reserve": 0, "engage": 0}
        waiting = 0
        for state in self.states.values():
            for file in state.files:
                waiting += file.status == "liste_attente"
                if file.held_cents:
                    held[HELD[file.status]] += file.held_cents
        assert held == {"reserve": balances.reserve, "engage": balances.engage}
        assert self.envelope.waiting == waiting

    def diagnosed(self, *sirens: str, company: inputs.Company = COMPANY) -> "World":
        for siren in sirens:
            measures = (Measure("m1", ()),)
            self.do(siren, inputs.DiagnosticCompleted(siren, f"d-{siren}", "complet", NOW, measures, company))
        return self

    def apply(self, siren: str, amount: int = 3_000_000, said: Declarations = FINE) -> tuple[Event, ...]:
        lines = (Line("site_ecommerce", SUPPLIER, amount, "m1"),)
        return self.do(siren, inputs.ApplyForVoucher("e1", lines, said))

    def file(self, siren: str) -> str:
        return self.states[siren].files[-1].id

    def status(self, siren: str) -> str:
        return self.states[siren].files[-1].status

    def rejection(self) -> Rejection:
        assert isinstance(self.answer, Rejection)
        return self.answer

    def told(self) -> VoucherAnswer:
        assert isinstance(self.answer, VoucherAnswer)
        return self.answer


def kinds(events: tuple[Event, ...]) -> list[type]:
    return [type(event) for event in events]


# --- deposit ---------------------------------------------------------------------------------------------------------


def test_an_eligible_file_is_granted_at_once() -> None:
    world = World().diagnosed(A)
    events = world.apply(A, 200_000)
    file = world.file(A)
    assert events == (
        VoucherRequested(A, file, "e1", 100_000, events[0].lines, 0, date(2026, 12, 23), "84"),  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
        BudgetReserved("e1", file, A, 100_000, 249_900_000, "depose", "84"),
        VoucherGranted(A, file, "e1", 100_000, 50, date(2027, 5, 23), date(2027, 11, 23), "84"),
    )
    assert world.envelope.balances == Balances(249_900_000, 0, 100_000)
    assert world.told().state == "accorde"
    assert world.told().granted_cents == 100_000
    assert [(row.from_status, row.to_status) for row in world.transitions] == [(None, "depose"), ("depose", "accorde")]
    assert world.timers == {}


def test_a_refusal_reserves_nothing_and_lists_every_reason() -> None:
    world = World().diagnosed(A, company=replace(COMPANY, sme_category="hors_pme"))
    events = world.apply(A, 100_000)
    assert isinstance(events[0], VoucherRefused)
    assert events[0].codes == ("hors_pme", "subvention_minimum")
    assert len(events[0].reasons) == 2
    assert kinds(events) == [VoucherRefused]
    assert world.movements == []
    assert world.told().state == "refuse"


def test_the_same_application_twice_is_one_file() -> None:
    world = World().diagnosed(A)
    world.apply(A)
    first = world.answer
    assert world.apply(A) == ()
    assert world.answer == first


def test_the_same_refused_application_twice_is_one_file_until_the_outcome_changes() -> None:
    world = World().diagnosed(A, company=replace(COMPANY, sme_category="hors_pme"))
    world.apply(A)
    first = world.answer
    assert world.apply(A) == ()
    assert world.answer == first
    world.do(A, inputs.CompanyProfileUpdated(A, COMPANY))
    assert VoucherGranted in kinds(world.apply(A))
    assert len(world.states[A].files) == 2


def test_another_application_while_one_runs_is_rejected_without_a_trace() -> None:
    world = World().diagnosed(A)
    world.apply(A)
    before = world.states[A]
    assert world.apply(A, 200_000) == ()
    rejection = world.rejection()
    assert (rejection.status, rejection.field, rejection.allowed) == (409, "siren", ("withdraw",))
    assert world.states[A] is before


def test_without_a_full_diagnosis_nothing_is_written() -> None:
    world = World()
    assert world.apply(A) == ()
    assert world.rejection().status == 409
    express = inputs.DiagnosticCompleted(A, "d", "express", NOW, (), COMPANY)
    world.do(A, express)
    assert world.states[A] == initial(A)


def test_a_missing_datum_is_no_refusal() -> None:
    world = World().diagnosed(A, company=replace(COMPANY, created_on=None))
    assert world.apply(A) == ()
    assert world.rejection().status == 409
    assert "date de création" in world.rejection().detail
    assert world.states[A].files == ()


def test_an_unknown_envelope_and_a_closed_one_are_rejected() -> None:
    world = World().diagnosed(A)
    world.do(A, inputs.ApplyForVoucher("nope", (), FINE))
    assert world.rejection().status == 404
    world.envelopes = Envelopes((replace(world.envelope, opens_on=date(2026, 12, 1)),))
    world.apply(A)
    assert "01/12/2026" in world.rejection().detail
    world.envelopes = Envelopes((replace(world.envelope, opens_on=None, closes_on=date(2026, 11, 22)),))
    world.apply(A)
    assert world.rejection().status == 409


def test_own_aid_of_the_window_count_for_de_minimis() -> None:
    world = World().diagnosed(A)
    said = replace(FINE, de_minimis_declared_cents=28_600_000)
    world.apply(A, said=said)
    assert world.told().granted_cents == 1_400_000
    world.do(A, inputs.WithdrawVoucher("e1", world.file(A), "dirigeant"))
    world.apply(A, said=replace(said, de_minimis_declared_cents=29_950_000))
    assert world.told().reasons[0].code == "de_minimis"


def test_rules_in_force_at_the_deposit_judge_the_file() -> None:
    world = World().diagnosed(A, B)
    later = NOW + timedelta(days=1)
    richer = dataclasses.replace(world.rules, version="cheque/2", rate_percent=70)
    world.envelopes = Envelopes((replace(world.envelope, rulesets=((later, richer), *world.envelope.rulesets)),))
    world.apply(A, 1_000_000)
    assert (world.told().granted_cents, world.told().ruleset_version) == (500_000, "cheque-2026/1")
    world.do(B, inputs.ApplyForVoucher("e1", (Line("cybersecurite", SUPPLIER, 1_000_000, "m1"),), FINE), at=later)
    assert (world.told().granted_cents, world.told().ruleset_version) == (700_000, "cheque/2")


def test_only_the_last_closed_files_are_kept_in_the_state() -> None:
    world = World().diagnosed(A)
    for number in range(KEPT_CLOSED + 5):
        world.apply(A, 100_000 + number)
    assert len(world.states[A].files) == KEPT_CLOSED
    assert world.states[A].files[-1].lines[0].amount_cents == 100_000 + KEPT_CLOSED + 4


# --- the waiting list ------------------------------------------------------------------------------------------------


def test_the_waiting_list_keeps_the_order_of_deposit_and_exhaustion_is_said_once() -> None:
    world = World(total=1_550_000).diagnosed(A, B, C)
    assert kinds(world.apply(A)) == [VoucherRequested, BudgetReserved, EnvelopeExhausted, VoucherGranted]
    events = world.apply(B)
    assert kinds(events) == [VoucherRequested, VoucherWaitlisted]
    assert isinstance(events[1], VoucherWaitlisted)
    assert events[1].position == 1
    events = world.apply(C, 200_000)
    assert isinstance(events[1], VoucherWaitlisted)
    assert events[1].position == 2
    assert [world.states[siren].files[0].place for siren in (B, C)] == [1, 2]
    assert world.told().position == 2


def test_nobody_overtakes_a_waiting_file_that_would_fit() -> None:
    world = World(total=1_500_000).diagnosed(A, B, C)
    world.apply(A)
    world.apply(B)
    assert world.status(B) == "liste_attente"
    events = world.do(A, inputs.WithdrawVoucher("e1", world.file(A), "dirigeant", "plus de projet"))
    assert kinds(events) == [BudgetReleased, VoucherRenounced]
    world.apply(C, 200_000)
    assert world.status(C) == "liste_attente"
    events = world.do(B, inputs.OfferRelease("e1", world.file(B)))
    assert kinds(events) == [BudgetReserved, EnvelopeExhausted, VoucherGranted]
    assert events[0] == BudgetReserved("e1", world.file(B), B, 1_500_000, 0, "liste_attente", "84")
    assert world.do(B, inputs.OfferRelease("e1", world.file(B))) == ()


def test_a_smaller_file_is_served_when_nobody_before_it_fits() -> None:
    world = World(total=1_700_000).diagnosed(A, B, C)
    world.apply(A)
    world.apply(B)
    world.apply(C, 400_000)
    assert (world.status(B), world.status(C)) == ("liste_attente", "accorde")


def test_an_offer_that_does_not_fit_leaves_the_file_waiting() -> None:
    world = World(total=1_500_000).diagnosed(A, B)
    world.apply(A)
    world.apply(B)
    assert world.do(B, inputs.OfferRelease("e1", world.file(B))) == ()
    assert world.status(B) == "liste_attente"


def test_an_offer_counts_the_ceilings_again() -> None:
    world = World(total=1_500_000).diagnosed(A, B)
    world.apply(A)
    world.apply(B)
    world.do(A, inputs.WithdrawVoucher("e1", world.file(A), "dirigeant"))
    world.do(B, inputs.CompanyProfileUpdated(B, replace(COMPANY, active=False)))
    events = world.do(B, inputs.OfferRelease("e1", world.file(B)))
    assert isinstance(events[0], VoucherRefused)
    assert events[0].codes == ("entreprise_inactive",)
    assert world.envelope.smallest_waiting_cents is None


def test_a_waiting_file_can_be_given_up_and_refused() -> None:
    world = World(total=1_500_000).diagnosed(A, B, C)
    for siren in (A, B, C):
        world.apply(siren)
    assert kinds(world.do(B, inputs.WithdrawVoucher("e1", world.file(B), "dirigeant"))) == [VoucherRenounced]
    assert kinds(world.do(C, inputs.RefuseVoucher("e1", world.file(C), "agent", "Hors sujet."))) == [VoucherRefused]
    assert (world.status(B), world.status(C), world.envelope.waiting) == ("retire", "refuse", 0)


# --- instructors -----------------------------------------------------------------------------------------------------

BY_HAND = Rules(auto_decision=False)


def test_by_hand_a_file_is_reserved_with_a_deadline() -> None:
    world = World(BY_HAND).diagnosed(A)
    assert kinds(world.apply(A)) == [VoucherRequested, BudgetReserved]
    assert world.envelope.balances == Balances(248_500_000, 1_500_000)
    (timer,) = world.timers.values()
    assert timer.due == datetime(2026, 12, 23, 23, tzinfo=UTC)
    assert world.told().reply_by == date(2026, 12, 23)


def test_a_grant_for_less_gives_the_difference_back() -> None:
    world = World(BY_HAND).diagnosed(A)
    world.apply(A)
    events = world.do(A, inputs.GrantVoucher("e1", world.file(A), "agent-7", "devis revu", 1_000_000))
    assert kinds(events) == [BudgetReleased, VoucherGranted]
    assert events[0] == BudgetReleased("e1", world.file(A), A, 500_000, 249_000_000, "accorde", "84")
    assert world.envelope.balances == Balances(249_000_000, 0, 1_000_000)
    assert world.timers == {}
    assert world.transitions[-1].actor == "agent-7"
    again = world.answer
    assert world.do(A, inputs.GrantVoucher("e1", world.file(A), "agent-7", "", 1_000_000)) == ()
    assert world.answer == again


@pytest.mark.parametrize("amount", [99_999, 1_500_001])
def test_a_grant_outside_the_limits_is_rejected(amount: int) -> None:
    world = World(BY_HAND).diagnosed(A)
    world.apply(A)
    assert world.do(A, inputs.GrantVoucher("e1", world.file(A), "agent", "", amount)) == ()
    assert (world.rejection().status, world.rejection().field) == (422, "amount_cents")


def test_a_refusal_by_hand_gives_the_money_back() -> None:
    world = World(BY_HAND).diagnosed(A)
    world.apply(A)
    events = world.do(A, inputs.RefuseVoucher("e1", world.file(A), "agent", "Dépense de confort."))
    assert kinds(events) == [BudgetReleased, VoucherRefused]
    assert isinstance(events[1], VoucherRefused)
    assert events[1].reasons == ("Dépense de confort.",)
    assert world.envelope.balances == Balances(250_000_000)
    assert world.do(A, inputs.RefuseVoucher("e1", world.file(A), "agent", "Dépense de confort.")) == ()


def test_a_company_that_closed_cannot_be_granted() -> None:
    world = World(BY_HAND).diagnosed(A)
    world.apply(A)
    world.do(A, inputs.CompanyProfileUpdated(A, replace(COMPANY, active=False)))
    assert world.do(A, inputs.GrantVoucher("e1", world.file(A), "agent")) == ()
    assert world.rejection().allowed == ("refuse", "withdraw")


def test_without_a_decision_the_reservation_expires() -> None:
    world = World(BY_HAND).diagnosed(A)
    world.apply(A)
    (timer,) = world.timers.values()
    events = world.do(A, timer.input, at=timer.due)
    assert kinds(events) == [BudgetReleased, VoucherExpired]
    assert world.envelope.balances == Balances(250_000_000)
    assert world.do(A, timer.input, at=timer.due) == ()


def test_large_grants_can_wait_for_a_person() -> None:
    world = World(Rules(review_over_cents=1_000_000)).diagnosed(A, B)
    world.apply(A)
    world.apply(B, 2_000_000)
    assert (world.status(A), world.status(B)) == ("depose", "accorde")


def test_illegal_transitions_say_what_is_allowed() -> None:
    world = World().diagnosed(A, B)
    world.apply(A)
    world.do(A, inputs.GrantVoucher("e1", world.file(A), "agent", "", 200_000))
    assert (world.rejection().status, world.rejection().allowed) == (409, ("withdraw",))
    world.do(A, inputs.RefuseVoucher("e1", world.file(A), "agent", "Trop tard."))
    assert world.rejection().status == 409
    world.do(A, inputs.WithdrawVoucher("e1", world.file(A), "dirigeant"))
    assert world.status(A) == "renonce"
    assert world.do(A, inputs.WithdrawVoucher("e1", world.file(A), "dirigeant")) == ()
    world.do(A, inputs.GrantVoucher("e1", world.file(A), "agent"))
    assert world.rejection().allowed == ()
    world.apply(B, 1000)
    world.do(B, inputs.WithdrawVoucher("e1", world.file(B), "dirigeant"))
    assert world.rejection().status == 409


@pytest.mark.parametrize(
    "command",
    [
        inputs.GrantVoucher("e1", "nope", "agent"),
        inputs.RefuseVoucher("e1", "nope", "agent", "Non."),
        inputs.WithdrawVoucher("e2", "nope", "agent"),
        inputs.OfferRelease("e1", "nope"),
    ],
)
def test_an_unknown_file_is_not_found(command: object) -> None:
    world = World().diagnosed(A)
    assert world.do(A, command) == ()
    assert world.rejection().status == 404


def test_a_deadline_of_a_file_that_is_gone_does_nothing() -> None:
    world = World()
    assert world.do(A, inputs.ReservationDue("e1", "nope")) == ()


def test_an_input_nobody_declared_is_a_bug() -> None:
    with pytest.raises(TypeError, match="str"):
        World().do(A, "?")


# --- what others tell ------------------------------------------------------------------------------------------------


def test_what_is_known_already_changes_nothing() -> None:
    world = World().diagnosed(A)
    label = inputs.LabelGranted(A, NOW + timedelta(days=700))
    world.do(A, label)
    before = world.states[A]
    world.do(A, label)
    world.diagnosed(A)
    world.do(A, inputs.CompanyProfileUpdated(A, COMPANY))
    assert world.states[A] is before


def test_the_newest_description_and_the_newest_diagnosis_win() -> None:
    world = World().diagnosed(A)
    stale = replace(COMPANY, active=False)
    world.do(A, inputs.CompanyProfileUpdated(A, stale), at=NOW - timedelta(days=1))
    profile, diagnostic = world.states[A].profile, world.states[A].diagnostic
    assert profile is not None
    assert profile.active
    old = inputs.DiagnosticCompleted(A, "old", "complet", NOW - timedelta(days=9), (), COMPANY)
    world.do(A, old, at=NOW + timedelta(hours=1))
    assert world.states[A].diagnostic is diagnostic


# --- anything, in any order ------------------------------------------------------------------------------------------

SIRENS = (A, B, C, D)
companies = st.sampled_from(SIRENS)


class LifeMachine(RuleBasedStateMachine):
    """Random commands, repeated and out of order, against one small envelope; `World.check` runs after each."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @initialize(total=st.integers(1_500_000, 4_000_000), automatic=st.booleans())
    def open(self, total: int, automatic: bool) -> None:
        self.world = World(Rules(auto_decision=automatic), total).diagnosed(*SIRENS)

    @rule(siren=companies, amount=st.sampled_from([150_000, 200_000, 1_000_000, 3_000_000]))
    def apply(self, siren: str, amount: int) -> None:
        room = self.world.envelope.has_room(min(amount // 2, 1_500_000))
        running = any(file.status in HELD or file.status == "liste_attente" for file in self.world.states[siren].files)
        self.world.apply(siren, amount)
        if not running and amount >= 200_000:
            assert (self.world.status(siren) != "liste_attente") is room

    @rule(siren=companies, amount=st.none() | st.integers(90_000, 1_600_000))
    def grant(self, siren: str, amount: int | None) -> None:
        self.decide(siren, lambda file: inputs.GrantVoucher("e1", file, "agent", "", amount))

    @rule(siren=companies)
    def refuse(self, siren: str) -> None:
        self.decide(siren, lambda file: inputs.RefuseVoucher("e1", file, "agent", "Non."))

    @rule(siren=companies)
    def withdraw(self, siren: str) -> None:
        self.decide(siren, lambda file: inputs.WithdrawVoucher("e1", file, "dirigeant"))

    @rule(siren=companies)
    def offer(self, siren: str) -> None:
        self.decide(siren, lambda file: inputs.OfferRelease("e1", file))

    @rule()
    def let_a_month_pass(self) -> None:
        for (siren, name), timer in list(self.world.timers.items()):
            del self.world.timers[siren, name]
            self.world.do(siren, timer.input, at=timer.due)

    def decide(self, siren: str, command: Callable[[str], object]) -> None:
        files = self.world.states[siren].files
        if files:
            file = files[len(self.world.movements) % len(files)].id
            self.world.do(siren, command(file))
            state, movements = self.world.states[siren], len(self.world.movements)
            if not isinstance(self.world.answer, Rejection):
                assert self.world.do(siren, command(file)) == ()
                assert (self.world.states[siren], len(self.world.movements)) == (state, movements)


TestLife: Any = LifeMachine.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
