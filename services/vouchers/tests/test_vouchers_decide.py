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
from msgspec import UNSET
from msgspec.structs import replace

from common.core.codec import Codec, partition_of
from common.declare.aggregate import NOTHING
from common.declare.decision import Cancel, Decision, Refusal, Schedule
from common.declare.event import Event
from common.declare.message import Message
from common.declare.pool import Ref
from common.testing.rules import after, decided, message_of, rule_of
from vouchers.eligibility.facts import Declarations, Line, Measure
from vouchers.events import (
    BudgetReleased,
    BudgetReserved,
    EnvelopeExhausted,
    VoucherExpired,
    VoucherGranted,
    VoucherRefused,
    VoucherRenounced,
    VoucherRequested,
    VoucherReserved,
    VoucherWaitlisted,
)
from vouchers.events import Line as PublishedLine
from vouchers.files import inputs
from vouchers.files.model import HELD_IN, KEPT_CLOSED, Applicant, Transition, VoucherAnswer, VoucherFile, initial
from vouchers.ledger.accounts import Balances, Entry, chained, replay
from vouchers.ledger.envelope import ENVELOPES, Envelope
from vouchers.ruleset import Ruleset
from vouchers.service import SERVICE
from vouchers.waiting.follow_ups import OfferRelease, ServeWaiting
from vouchers.waiting.head import BOUND, WAITING, Head, Waiting, served_next

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
SUPPLIER = "732829320"
FINE = Declarations(taxes_up_to_date=True, social_up_to_date=True, no_recovery_order=True)
COMPANY = inputs.Company("62.01Z", "84", date(2020, 1, 1), active=True, sme_category="petite")
A, B, C, D = "443061841", "552100554", "356000000", "542051180"


@dataclass
class World:
    """Keys, one envelope and the messages so far: what the core does, without a database.

    Follow-ups wait in a list, as they would in the table of deadlines: `settle` decides them.
    """

    ruleset: Ruleset = field(default_factory=Ruleset)
    total: int = 250_000_000
    now: datetime = NOW
    states: dict[str, Applicant] = field(default_factory=dict[str, Applicant])
    pools: dict[Ref, Any] = field(default_factory=dict[Ref, Any])
    entries: list[Entry] = field(default_factory=list[Entry])
    transitions: list[Transition] = field(default_factory=list[Transition])
    timers: dict[tuple[str, str], Schedule] = field(default_factory=dict[tuple[str, str], Schedule])
    follow_ups: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    answer: object = None
    count: int = 0

    def __post_init__(self) -> None:
        dated = ((datetime(2026, 1, 1, tzinfo=UTC), self.ruleset),)
        self.put(Envelope("e1", "cheque", None, None, dated, Balances(self.total)))

    @property
    def envelope(self) -> Envelope:
        return self.pools[ENVELOPES.at("e1")]

    def put(self, envelope: Envelope) -> None:
        self.pools[ENVELOPES.at("e1")] = envelope

    def waiting(self) -> list[VoucherFile]:
        files = [file for state in self.states.values() for file in state.files if file.status == "liste_attente"]
        return sorted(files, key=lambda file: file.place)

    def read_list(self) -> None:
        """What the store does under the lock of the envelope: the head of the list, and the smallest that waits."""
        whose = {file.id: (state.siren, "84") for state in self.states.values() for file in state.files}
        files = tuple(Waiting(*whose[file.id], file.id, file.asked_cents) for file in self.waiting())
        self.pools[WAITING.at("e1")] = Head(self.envelope.mark, files)
        smallest = min((file.asked_cents for file in self.waiting()), default=None)
        self.put(replace(self.envelope, smallest_waiting_cents=smallest))

    def do(self, siren: str, item: object, *, at: datetime | None = None, fresh: bool = True) -> tuple[Event, ...]:
        """Decide one input; `fresh`: first of its transaction, so that pools were just read."""
        self.count += 1
        self.now = at or self.now + timedelta(seconds=1)
        cause = UUID(int=self.count)
        message = Message[Any](item, siren, partition_of(siren), cause, self.now, cause)
        if fresh:
            self.read_list()
        if isinstance(item, ServeWaiting):
            self.settle_one(decided(SERVICE, NOTHING, message, self.pools))
            return ()
        known = {ENVELOPES.at("nope"): None, **self.pools}
        decision = decided(SERVICE, self.states.get(siren) or initial(siren), message, known)
        self.states[siren] = decision.state
        for change in decision.deadlines:
            if isinstance(change, Cancel):
                self.timers.pop((siren, change.name), None)
            else:
                self.timers[siren, change.name] = change
        self.settle_one(decision)
        return tuple(event for event in decision.events if isinstance(event, Event))

    def settle_one(self, decision: Decision[Any]) -> None:
        self.pools = after(self.pools, decision.draws)
        self.entries += [row for row in decision.rows if isinstance(row, Entry)]
        self.transitions += [row for row in decision.rows if isinstance(row, Transition)]
        self.follow_ups += [(follow.key, follow.input) for follow in decision.follow_ups]
        self.answer = decision.answer
        self.check()

    def settle(self) -> list[Event]:
        """Decide follow-ups until none is left, each in a transaction of its own; they must end by themselves."""
        events: list[Event] = []
        most = 10 * (1 + len(self.waiting()))
        for _ in range(most):
            if not self.follow_ups:
                break
            events += self.do(*self.follow_ups.pop(0))
        assert not self.follow_ups, f"still something to follow up after {most} decisions"
        left = self.envelope.balances.disponible
        assert all(file.asked_cents > left for file in self.waiting())
        assert not self.envelope.offering
        return events

    def check(self) -> None:
        """The ledger gives the balances and shows no gap; what files hold is what the accounts hold."""
        balances = self.envelope.balances
        assert replay(self.total, (entry.movement for entry in self.entries)) == balances
        chain = ""
        for number, entry in enumerate(self.entries, start=1):
            chain = chained(chain, entry.movement)
            assert (entry.number, entry.hash) == (number, chain)
        assert (self.envelope.movements, self.envelope.chain) == (len(self.entries), chain)
        held = {"reserve": 0, "engage": 0}
        for state in self.states.values():
            for file in state.files:
                if file.held_cents:
                    held[HELD_IN[file.status]] += file.held_cents
        assert held == {"reserve": balances.reserve, "engage": balances.engage}
        assert self.envelope.waiting == len(self.waiting())
        sent = sum(isinstance(item, ServeWaiting) for _, item in self.follow_ups)
        assert sent == self.envelope.offering

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

    def refusal(self) -> Refusal:
        assert isinstance(self.answer, Refusal)
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
        VoucherRequested(
            siren=A,
            voucher_id=file,
            envelope_id="e1",
            amount_asked_cents=100_000,
            lines=(PublishedLine("site_ecommerce", SUPPLIER, 200_000, "m1"),),
            de_minimis_declared_cents=0,
            reply_by=date(2026, 12, 23),
            region="84",
            reserved=True,
            calculation="",
        ),
        BudgetReserved(
            envelope_id="e1",
            voucher_id=file,
            siren=A,
            amount_cents=100_000,
            available_after_cents=249_900_000,
            reason="depose",
            region="84",
        ),
        VoucherGranted(
            siren=A,
            voucher_id=file,
            envelope_id="e1",
            amount_cents=100_000,
            rate_percent=50,
            agreement_by=date(2027, 5, 23),
            claim_by=date(2027, 11, 23),
            region="84",
            ceiling="",
            calculation="",
        ),
    )
    assert world.envelope.balances == Balances(249_900_000, 0, 100_000)
    assert world.told().state == "accorde"
    assert world.told().granted_cents == 100_000
    assert [(row.index, row.from_status, row.to_status) for row in world.transitions] == [
        (0, None, "depose"),
        (1, "depose", "accorde"),
    ]
    assert world.timers == {}
    (kept,) = world.states[A].files
    assert (kept.place, kept.position) == (0, 0)


def test_a_refusal_reserves_nothing_and_lists_every_reason() -> None:
    world = World().diagnosed(A, company=replace(COMPANY, sme_category="hors_pme"))
    events = world.apply(A, 100_000)
    assert isinstance(events[0], VoucherRefused)
    assert events[0].codes == ("hors_pme", "subvention_minimum")
    assert len(events[0].reasons) == 2
    assert kinds(events) == [VoucherRefused]
    assert world.entries == []
    assert world.told().state == "refuse"
    (file,) = world.states[A].files
    assert (file.asked_cents, file.reply_by, file.reasons) == (0, None, world.told().reasons)


def test_spend_that_would_give_a_right_is_asked_for_by_no_refused_file() -> None:
    world = World().diagnosed(A, company=replace(COMPANY, sme_category="hors_pme"))
    world.apply(A)
    assert (world.told().state, world.told().asked_cents, world.told().reply_by) == ("refuse", 0, None)


def test_what_fails_is_refused_even_where_something_is_missing() -> None:
    world = World().diagnosed(A, company=replace(COMPANY, sme_category="inconnu"))
    (refused,) = world.apply(A, said=replace(FINE, taxes_up_to_date=False))
    assert isinstance(refused, VoucherRefused)
    assert refused.codes == ("obligations_fiscales", "pme_inconnue")


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
    world.do(A, inputs.CompanyProfileUpdated(A, COMPANY, 2))
    assert VoucherGranted in kinds(world.apply(A))
    assert len(world.states[A].files) == 2


def test_a_refused_application_that_differs_in_anything_is_a_file_of_its_own() -> None:
    world = World().diagnosed(A, company=replace(COMPANY, sme_category="hors_pme"))
    world.pools[ENVELOPES.at("e2")] = replace(world.envelope, id="e2")
    lines = (Line("site_ecommerce", SUPPLIER, 3_000_000, "m1"),)
    first = inputs.ApplyForVoucher("e1", lines, FINE)
    others = (
        replace(first, envelope_id="e2"),
        replace(first, lines=lines * 2),
        replace(first, declarations=replace(FINE, other_public_aid_cents=1)),
    )
    for number, command in enumerate((first, *others), start=1):
        world.do(A, command)
        assert len(world.states[A].files) == number
    world.do(A, inputs.CompanyProfileUpdated(A, replace(COMPANY, active=False), 2))
    world.do(A, first)
    assert [reason.code for reason in world.told().reasons] == ["entreprise_inactive"]
    assert len(world.states[A].files) == 5


def test_another_application_while_one_runs_is_rejected_without_a_trace() -> None:
    world = World().diagnosed(A)
    world.apply(A)
    before = world.states[A]
    assert world.apply(A, 200_000) == ()
    refusal = world.refusal()
    assert (refusal.kind, refusal.field, refusal.allowed) == ("illegal", "siren", ("withdraw",))
    assert world.apply(A, said=replace(FINE, de_minimis_declared_cents=1)) == ()
    assert world.refusal().code == "cheque_deja_en_cours"
    assert world.states[A] is before


def test_a_file_that_runs_in_another_programme_is_no_obstacle() -> None:
    world = World().diagnosed(A)
    world.apply(A, 100_000)
    (file,) = world.states[A].files
    elsewhere = replace(file, status="accorde", programme="another")
    world.states[A] = replace(world.states[A], files=(elsewhere,))
    assert VoucherGranted in kinds(world.apply(A))


def test_without_a_full_diagnosis_nothing_is_written() -> None:
    world = World()
    assert world.apply(A) == ()
    assert world.refusal().kind == "illegal"
    express = inputs.DiagnosticCompleted(A, "d", "express", NOW, (), COMPANY)
    world.do(A, express)
    assert world.states[A] == initial(A)


def test_a_missing_datum_is_no_refusal() -> None:
    world = World().diagnosed(A, company=replace(COMPANY, created_on=None))
    assert world.apply(A) == ()
    assert world.refusal().kind == "illegal"
    assert "date de création" in world.refusal().detail
    assert world.states[A].files == ()


def test_an_unknown_envelope_and_a_closed_one_are_rejected() -> None:
    world = World().diagnosed(A)
    world.do(A, inputs.ApplyForVoucher("nope", (), FINE))
    assert world.refusal().kind == "unknown"
    world.put(replace(world.envelope, opens_on=date(2026, 12, 1)))
    world.apply(A)
    assert "01/12/2026" in world.refusal().detail
    world.put(replace(world.envelope, opens_on=None, closes_on=date(2026, 11, 22)))
    world.apply(A)
    assert world.refusal().kind == "illegal"
    assert "jusqu'au 22/11/2026 inclus" in world.refusal().detail


def test_an_envelope_takes_files_from_its_first_day_to_its_last() -> None:
    world = World().diagnosed(A)
    world.put(replace(world.envelope, opens_on=date(2026, 11, 23), closes_on=date(2026, 11, 23)))
    world.apply(A)
    assert world.told().state == "accorde"


def test_own_aid_of_the_window_count_for_de_minimis() -> None:
    world = World().diagnosed(A)
    said = replace(FINE, de_minimis_declared_cents=28_600_000)
    world.apply(A, said=said)
    assert world.told().granted_cents == 1_400_000
    world.do(A, inputs.WithdrawVoucher(world.file(A), "dirigeant"))
    world.apply(A, said=replace(said, de_minimis_declared_cents=29_950_000))
    assert world.told().reasons[0].code == "de_minimis"


def test_rules_in_force_at_the_deposit_judge_the_file() -> None:
    world = World().diagnosed(A, B)
    later = NOW + timedelta(days=1)
    richer = dataclasses.replace(world.ruleset, version="cheque/2", rate_percent=70)
    world.put(replace(world.envelope, rulesets=((later, richer), *world.envelope.rulesets)))
    world.apply(A, 1_000_000)
    assert (world.told().granted_cents, world.told().ruleset_version) == (500_000, "cheque-2026/1")
    world.do(B, inputs.ApplyForVoucher("e1", (Line("cybersecurite", SUPPLIER, 1_000_000, "m1"),), FINE), at=later)
    assert (world.told().granted_cents, world.told().ruleset_version) == (700_000, "cheque/2")


def test_only_the_last_closed_files_are_kept_in_the_state() -> None:
    world = World().diagnosed(A)
    for number in range(KEPT_CLOSED + 5):
        world.apply(A, 100_000 + number)
    assert len(world.states[A].files) == KEPT_CLOSED
    assert world.states[A].files[0].lines[0].amount_cents == 100_000 + 5
    assert world.states[A].files[-1].lines[0].amount_cents == 100_000 + KEPT_CLOSED + 4


def test_a_file_that_runs_is_kept_beside_the_closed_ones() -> None:
    world = World().diagnosed(A)
    for number in range(KEPT_CLOSED):
        world.apply(A, 100_000 + number)
    world.apply(A)
    assert [file.status for file in world.states[A].files] == ["refuse"] * KEPT_CLOSED + ["accorde"]


def test_a_file_is_judged_by_its_own_rule_set_and_where_it_is_gone_by_the_one_in_force() -> None:
    old, new = Ruleset(version="v/1"), Ruleset(version="v/2")
    dated = ((datetime(2027, 1, 1, tzinfo=UTC), new), (datetime(2026, 1, 1, tzinfo=UTC), old))
    envelope = replace(World().envelope, rulesets=dated)
    late = datetime(2027, 1, 1, tzinfo=UTC)
    for version, time, rules in (("v/1", late, old), ("v/2", NOW, new), ("gone", NOW, old), ("gone", late, new)):
        assert envelope.ruleset_named(version, time) is rules
    assert envelope.ruleset_at(datetime(2020, 1, 1, tzinfo=UTC)) is old, "the oldest before any was in force"


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


def test_a_file_that_waits_is_promised_neither_money_nor_a_day() -> None:
    world = World(total=1_500_000).diagnosed(A, B)
    (requested, *_) = world.apply(A)
    assert isinstance(requested, VoucherRequested)
    assert requested.reserved
    (requested, *_) = world.apply(B)
    assert isinstance(requested, VoucherRequested)
    assert not requested.reserved
    assert (world.told().state, world.told().reply_by) == ("liste_attente", None)


def test_the_order_of_the_waiting_list_is_the_order_of_the_times_that_people_are_shown() -> None:
    world = World(total=1_000_000).diagnosed(A, B, C)
    late = NOW + timedelta(minutes=1)
    for siren, at in ((A, late), (B, late - timedelta(milliseconds=250)), (C, late + timedelta(seconds=1))):
        lines = (Line("site_ecommerce", SUPPLIER, 3_000_000, "m1"),)
        world.do(siren, inputs.ApplyForVoucher("e1", lines, FINE), at=at)
    times = [file.submitted_at for file in world.waiting()]
    assert times == [late, late + timedelta(microseconds=1), late + timedelta(seconds=1)]
    assert [row.at for row in world.transitions] == times
    assert world.envelope.waited_at == times[-1]


def test_the_same_waiting_file_again_is_told_no_position_that_was_counted_then() -> None:
    world = World(total=1_000_000).diagnosed(A)
    world.apply(A)
    assert world.told().position == 1
    world.apply(A)
    assert (world.told().state, world.told().position) == ("liste_attente", None)


def test_a_waiting_file_whose_money_is_there_is_told_so_when_a_person_decides() -> None:
    world = World(Ruleset(auto_decision=False), total=1_500_000).diagnosed(A, B)
    world.apply(A)
    world.apply(B)
    world.do(A, inputs.WithdrawVoucher(world.file(A), "dirigeant"))
    (told,) = [event for event in world.settle() if isinstance(event, VoucherReserved)]
    file = world.states[B].files[0]
    assert (told.siren, told.voucher_id, told.envelope_id, told.region) == (B, file.id, "e1", "84")
    assert (told.amount_cents, told.calculation) == (1_500_000, file.calculation)
    assert told.reply_by == file.reply_by == date(2026, 12, 23)


def test_the_instructor_who_lowers_a_grant_is_named_as_what_cut_it() -> None:
    world = World(Ruleset(auto_decision=False)).diagnosed(A)
    world.apply(A, 400_000)
    assert (world.told().ceiling, world.told().calculation) == (UNSET, UNSET)
    world.do(A, inputs.GrantVoucher(world.file(A), "agent", "", 150_000))
    assert world.told().ceiling == "instructeur"
    assert str(world.told().calculation).endswith(
        "soit 2\u202f000,00\u00a0€, ramenés à 1\u202f500,00\u00a0€\u00a0: c’est le montant fixé par l’instructeur."
    )


def test_an_amount_counted_again_names_the_ceiling_that_it_meets_then() -> None:
    rules = Ruleset(auto_decision=False)
    world = World(rules).diagnosed(A)
    world.apply(A, 400_000, replace(FINE, de_minimis_declared_cents=29_850_000))
    assert (world.told().asked_cents, world.told().ceiling) == (150_000, "de_minimis")
    (file,) = world.states[A].files
    lower = replace(file, declarations=replace(file.declarations, de_minimis_declared_cents=0))
    world.states[A] = replace(world.states[A], files=(lower,))
    world.do(A, inputs.GrantVoucher(file.id, "agent"))
    assert (world.told().granted_cents, world.told().calculation) == (150_000, file.calculation)


def test_nobody_overtakes_a_waiting_file_that_would_fit() -> None:
    world = World(total=1_500_000).diagnosed(A, B, C)
    world.apply(A)
    world.apply(B)
    assert world.status(B) == "liste_attente"
    events = world.do(A, inputs.WithdrawVoucher(world.file(A), "dirigeant", "plus de projet"))
    assert kinds(events) == [BudgetReleased, VoucherRenounced]
    world.apply(C, 200_000)
    assert world.status(C) == "liste_attente"
    events = world.do(B, OfferRelease(world.file(B)))
    assert kinds(events) == [BudgetReserved, EnvelopeExhausted, VoucherGranted]
    assert events[0] == BudgetReserved(
        envelope_id="e1",
        voucher_id=world.file(B),
        siren=B,
        amount_cents=1_500_000,
        available_after_cents=0,
        reason="liste_attente",
        region="84",
    )
    assert world.do(B, OfferRelease(world.file(B))) == ()


def test_an_envelope_with_just_the_least_grant_left_is_not_exhausted() -> None:
    assert EnvelopeExhausted not in kinds(World(total=1_600_000).diagnosed(A).apply(A))
    assert EnvelopeExhausted in kinds(World(total=1_599_999).diagnosed(A).apply(A))


def test_the_smallest_that_waits_is_known_within_a_transaction_too() -> None:
    world = World(total=1_500_000).diagnosed(A, B, C, D)
    world.apply(A)
    for siren, amount, smallest in ((B, 3_000_000, 1_500_000), (C, 1_000_000, 500_000), (D, 2_000_000, 500_000)):
        lines = (Line("site_ecommerce", SUPPLIER, amount, "m1"),)
        world.do(siren, inputs.ApplyForVoucher("e1", lines, FINE), fresh=False)
        assert world.envelope.smallest_waiting_cents == smallest


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
    assert world.do(B, OfferRelease(world.file(B))) == ()
    assert world.status(B) == "liste_attente"


def test_an_offer_counts_the_ceilings_again() -> None:
    world = World(total=1_500_000).diagnosed(A, B)
    world.apply(A)
    world.apply(B)
    world.do(A, inputs.WithdrawVoucher(world.file(A), "dirigeant"))
    world.do(B, inputs.CompanyProfileUpdated(B, replace(COMPANY, active=False), 2))
    events = world.do(B, OfferRelease(world.file(B)))
    assert isinstance(events[0], VoucherRefused)
    assert events[0].codes == ("entreprise_inactive",)
    assert world.envelope.smallest_waiting_cents is None


def test_an_offer_gives_the_lesser_of_what_was_asked_and_what_the_ceilings_leave_now() -> None:
    asks_all = replace(FINE, de_minimis_declared_cents=28_800_000)
    for declared, granted, ceiling in ((29_000_000, 1_000_000, "de_minimis"), (0, 1_200_000, "de_minimis")):
        world = World(total=1_500_000).diagnosed(A, B)
        world.apply(A)
        world.apply(B, said=asks_all)
        (file,) = world.states[B].files
        assert (file.status, file.asked_cents) == ("liste_attente", 1_200_000)
        changed = replace(file, declarations=replace(FINE, de_minimis_declared_cents=declared))
        world.states[B] = replace(world.states[B], files=(changed,))
        world.do(A, inputs.WithdrawVoucher(world.file(A), "dirigeant"))
        world.settle()
        (served,) = world.states[B].files
        assert (served.status, served.held_cents, served.ceiling) == ("accorde", granted, ceiling)
        assert (served.calculation == file.calculation) is (granted == file.asked_cents)


def test_an_offer_to_a_file_that_is_gone_does_nothing() -> None:
    assert World().diagnosed(A).do(A, OfferRelease("nope")) == ()


def test_a_waiting_file_can_be_given_up_and_refused() -> None:
    world = World(total=1_500_000).diagnosed(A, B, C)
    for siren in (A, B, C):
        world.apply(siren)
    assert kinds(world.do(B, inputs.WithdrawVoucher(world.file(B), "dirigeant"))) == [VoucherRenounced]
    assert kinds(world.do(C, inputs.RefuseVoucher(world.file(C), "agent", "Hors sujet."))) == [VoucherRefused]
    assert (world.status(B), world.status(C), world.envelope.waiting) == ("retire", "refuse", 0)


# --- money that came back --------------------------------------------------------------------------------------------


def queue_of(*amounts: int, left: int) -> tuple[int, ...]:
    files = [Waiting(f"{rank}", "84", f"f{rank}", cents) for rank, cents in enumerate(amounts)]
    return tuple(file.asked_cents for file in served_next(files, left))


def test_those_who_are_next() -> None:
    assert queue_of(5, 4, 3, left=9) == (5, 4)
    assert queue_of(5, 4, 3, left=8) == (5,)
    assert queue_of(5, 4, 3, left=4) == (4,)
    assert queue_of(5, 4, 3, left=2) == ()
    assert queue_of(left=9) == ()
    assert len(queue_of(*[1] * (BOUND + 7), left=10_000)) == BOUND


def test_money_that_comes_back_is_offered_by_the_envelope() -> None:
    world = World(total=3_000_000).diagnosed(A, B, C, D)
    for siren in (A, B, C, D):
        world.apply(siren)
    assert world.follow_ups == []
    world.do(A, inputs.WithdrawVoucher(world.file(A), "dirigeant"))
    assert world.follow_ups == [("e1", ServeWaiting())]
    world.do(B, inputs.WithdrawVoucher(world.file(B), "dirigeant"))
    assert world.follow_ups == [("e1", ServeWaiting())], "one is on its way already"
    world.do(*world.follow_ups.pop())
    assert world.follow_ups == [(C, OfferRelease(world.file(C))), (D, OfferRelease(world.file(D)))]
    events = world.settle()
    assert kinds(tuple(events)) == [BudgetReserved, VoucherGranted, BudgetReserved, EnvelopeExhausted, VoucherGranted]
    assert (world.status(C), world.status(D)) == ("accorde", "accorde")


def test_what_a_served_file_leaves_is_offered_again() -> None:
    world = World(total=1_500_000).diagnosed(A, B, C)
    for siren, amount in ((A, 3_000_000), (B, 3_000_000), (C, 400_000)):
        world.apply(siren, amount)
    world.do(B, inputs.CompanyProfileUpdated(B, replace(COMPANY, active=False), 2))
    world.do(A, inputs.WithdrawVoucher(world.file(A), "dirigeant"))
    world.settle()
    assert (world.status(B), world.status(C)) == ("refuse", "accorde")


def test_nothing_is_followed_up_when_nothing_fits() -> None:
    world = World(total=2_000_000).diagnosed(A, B, C)
    world.apply(A, 2_000_000)
    world.apply(B)
    world.apply(C)
    world.do(A, inputs.WithdrawVoucher(world.file(A), "dirigeant"))
    world.settle()
    assert (world.status(B), world.status(C)) == ("accorde", "liste_attente")
    assert world.follow_ups == []
    world.do("e1", ServeWaiting())
    assert world.follow_ups == []
    world.do(C, OfferRelease(world.file(C)))
    assert world.follow_ups == []


def test_a_list_read_before_this_transaction_moved_the_envelope_is_read_anew() -> None:
    world = World(total=3_000_000).diagnosed(A, B, C, D)
    for siren in (A, B, C, D):
        world.apply(siren)
    world.do(A, inputs.WithdrawVoucher(world.file(A), "dirigeant"))
    world.read_list()
    world.do(C, OfferRelease(world.file(C)), fresh=False)
    world.follow_ups.clear()
    world.put(replace(world.envelope, offering=True))
    message = message_of(ServeWaiting(), "e1", NOW)
    again = decided(SERVICE, NOTHING, message, world.pools)
    assert [(follow.key, follow.input) for follow in again.follow_ups] == [("e1", ServeWaiting())]
    assert again.draws == ()


def test_an_envelope_that_offers_nothing_is_not_written_again() -> None:
    world = World()
    world.read_list()
    for offering in (False, True):
        world.put(replace(world.envelope, offering=offering))
        written = decided(SERVICE, NOTHING, message_of(ServeWaiting(), "e1", NOW), world.pools).draws
        assert [draw.value.offering for draw in written] == ([False] if offering else [])


def test_the_list_that_nobody_joined_is_that_of_an_envelope_where_nothing_happened() -> None:
    assert WAITING.initial("e1") == Head(World().envelope.mark)


def test_an_envelope_that_is_gone_serves_nobody() -> None:
    message = message_of(ServeWaiting(), "e9", NOW)
    known: dict[Ref, Any] = {ENVELOPES.at("e9"): None, WAITING.at("e9"): WAITING.initial("e9")}
    assert decided(SERVICE, NOTHING, message, known).follow_ups == ()


def test_a_newcomer_that_waits_for_nobody_is_served_at_once() -> None:
    """Within a transaction the smallest that waits is a lower bound: who waits because of it is offered the money."""
    world = World(total=1_700_000).diagnosed(A, B, C, D)
    world.apply(A)
    world.apply(B)
    world.apply(C, 800_000)
    world.do(C, inputs.WithdrawVoucher(world.file(C), "dirigeant"))
    world.put(replace(world.envelope, smallest_waiting_cents=200_000))
    lines = (Line("site_ecommerce", SUPPLIER, 400_000, "m1"),)
    world.do(D, inputs.ApplyForVoucher("e1", lines, FINE), fresh=False)
    assert world.status(D) == "liste_attente"
    world.settle()
    assert (world.status(B), world.status(D)) == ("liste_attente", "accorde")


def test_an_envelope_is_kept_as_json_with_its_rule_sets() -> None:
    codec = Codec(SERVICE)
    world = World(Ruleset(auto_decision=False), total=1_500_000).diagnosed(A, B)
    world.apply(A)
    world.apply(B)
    world.read_list()
    for pool in (ENVELOPES, WAITING):
        kept = world.pools[pool.at("e1")]
        assert codec.decode_pool[pool.name](codec.encode(kept)) == kept


# --- instructors -----------------------------------------------------------------------------------------------------

BY_HAND = Ruleset(auto_decision=False)


def test_by_hand_a_file_is_reserved_with_a_deadline() -> None:
    world = World(BY_HAND).diagnosed(A)
    assert kinds(world.apply(A)) == [VoucherRequested, BudgetReserved]
    assert world.envelope.balances == Balances(248_500_000, 1_500_000)
    (timer,) = world.timers.values()
    assert timer.due == datetime(2026, 12, 23, 23, tzinfo=UTC)
    assert timer.name == f"reservation:{world.file(A)}"
    assert world.told().reply_by == date(2026, 12, 23)
    assert (world.told().asked_cents, world.told().granted_cents) == (1_500_000, 0)


def test_the_deadline_of_a_reservation_goes_with_it_and_no_other_is_called_off() -> None:
    world = World(BY_HAND).diagnosed(A)
    world.apply(A)
    command = inputs.WithdrawVoucher(world.file(A), "dirigeant")
    for called_off in ((Cancel(f"reservation:{world.file(A)}"),), ()):
        decision = decided(SERVICE, world.states[A], message_of(command, A, NOW), world.pools)
        assert decision.deadlines == called_off
        world.do(A, inputs.GrantVoucher(world.file(A), "agent"))


def test_the_file_that_is_named_is_decided_on_and_only_its_envelope_read() -> None:
    world = World(BY_HAND).diagnosed(A)
    world.apply(A, 100_000)
    world.apply(A)
    refused, deposited = world.states[A].files
    world.states[A] = replace(world.states[A], files=(replace(refused, envelope_id="e2"), deposited))
    command = inputs.GrantVoucher(deposited.id, "agent")
    named = rule_of(SERVICE, command).pools
    assert named is not None
    assert tuple(named(message_of(command, A, NOW), world.states[A])) == (ENVELOPES.at("e1"),)
    world.do(A, command)
    assert (world.told().voucher_id, world.told().state) == (deposited.id, "accorde")


def test_a_file_whose_envelope_is_gone_is_not_found() -> None:
    world = World(BY_HAND).diagnosed(A)
    world.apply(A)
    command = message_of(inputs.GrantVoucher(world.file(A), "agent"), A, NOW)
    answer = decided(SERVICE, world.states[A], command, {ENVELOPES.at("e1"): None}).answer
    assert isinstance(answer, Refusal)
    assert answer.kind == "unknown"


@pytest.mark.parametrize("why", ["", "plus de projet"])
def test_the_reason_of_who_gives_up_is_kept_where_one_is_given(why: str) -> None:
    world = World().diagnosed(A)
    world.apply(A)
    world.do(A, inputs.WithdrawVoucher(world.file(A), "dirigeant", why))
    assert [(reason.code, reason.sentence) for reason in world.told().reasons] == ([("renonce", why)] if why else [])
    assert world.transitions[-1].reason == why


def test_a_grant_for_less_gives_the_difference_back() -> None:
    world = World(BY_HAND).diagnosed(A)
    world.apply(A)
    events = world.do(A, inputs.GrantVoucher(world.file(A), "agent-7", "devis revu", 1_000_000))
    assert kinds(events) == [BudgetReleased, VoucherGranted]
    assert events[0] == BudgetReleased(
        envelope_id="e1",
        voucher_id=world.file(A),
        siren=A,
        amount_cents=500_000,
        available_after_cents=249_000_000,
        reason="accorde",
        region="84",
    )
    assert world.envelope.balances == Balances(249_000_000, 0, 1_000_000)
    assert world.timers == {}
    assert world.transitions[-1].actor == "agent-7"
    again = world.answer
    assert world.do(A, inputs.GrantVoucher(world.file(A), "agent-7", "", 1_000_000)) == ()
    assert world.answer == again


@pytest.mark.parametrize("amount", [100_000, 1_500_000])
def test_a_grant_at_its_limits_is_given(amount: int) -> None:
    world = World(BY_HAND).diagnosed(A)
    world.apply(A)
    world.do(A, inputs.GrantVoucher(world.file(A), "agent", "", amount))
    assert world.told().granted_cents == amount


@pytest.mark.parametrize("amount", [99_999, 1_500_001])
def test_a_grant_outside_the_limits_is_rejected(amount: int) -> None:
    world = World(BY_HAND).diagnosed(A)
    world.apply(A)
    assert world.do(A, inputs.GrantVoucher(world.file(A), "agent", "", amount)) == ()
    assert (world.refusal().kind, world.refusal().field) == ("invalid", "amount_cents")


def test_a_refusal_by_hand_gives_the_money_back() -> None:
    world = World(BY_HAND).diagnosed(A)
    world.apply(A)
    events = world.do(A, inputs.RefuseVoucher(world.file(A), "agent", "Dépense de confort."))
    assert kinds(events) == [BudgetReleased, VoucherRefused]
    assert isinstance(events[1], VoucherRefused)
    assert events[1].reasons == ("Dépense de confort.",)
    assert world.envelope.balances == Balances(250_000_000)
    assert world.do(A, inputs.RefuseVoucher(world.file(A), "agent", "Dépense de confort.")) == ()
    assert world.told().state == "refuse"


def test_a_company_that_closed_cannot_be_granted() -> None:
    world = World(BY_HAND).diagnosed(A)
    world.apply(A)
    world.do(A, inputs.CompanyProfileUpdated(A, replace(COMPANY, active=False), 2))
    assert world.do(A, inputs.GrantVoucher(world.file(A), "agent")) == ()
    assert world.refusal().allowed == ("refuse", "withdraw")


def test_without_a_decision_the_reservation_expires() -> None:
    world = World(BY_HAND).diagnosed(A)
    world.apply(A)
    (timer,) = world.timers.values()
    events = world.do(A, timer.input, at=timer.due)
    assert kinds(events) == [BudgetReleased, VoucherExpired]
    assert world.envelope.balances == Balances(250_000_000)
    assert world.do(A, timer.input, at=timer.due) == ()


def test_large_grants_can_wait_for_a_person() -> None:
    world = World(Ruleset(review_over_cents=1_000_000)).diagnosed(A, B)
    world.apply(A)
    world.apply(B, 2_000_000)
    assert (world.status(A), world.status(B)) == ("depose", "accorde")


def test_illegal_transitions_say_what_is_allowed() -> None:
    world = World().diagnosed(A, B)
    world.apply(A)
    world.do(A, inputs.GrantVoucher(world.file(A), "agent", "", 200_000))
    assert (world.refusal().kind, world.refusal().allowed) == ("illegal", ("withdraw",))
    world.do(A, inputs.RefuseVoucher(world.file(A), "agent", "Trop tard."))
    assert world.refusal().kind == "illegal"
    world.do(A, inputs.WithdrawVoucher(world.file(A), "dirigeant"))
    assert world.status(A) == "renonce"
    assert world.do(A, inputs.WithdrawVoucher(world.file(A), "dirigeant")) == ()
    assert world.told().state == "renonce"
    world.do(A, inputs.GrantVoucher(world.file(A), "agent"))
    assert world.refusal().allowed == ()
    world.apply(B, 1000)
    world.do(B, inputs.WithdrawVoucher(world.file(B), "dirigeant"))
    assert world.refusal().kind == "illegal"


@pytest.mark.parametrize(
    "command",
    [
        inputs.GrantVoucher("nope", "agent"),
        inputs.RefuseVoucher("nope", "agent", "Non."),
        inputs.WithdrawVoucher("nope", "agent"),
    ],
)
def test_an_unknown_file_is_not_found(command: object) -> None:
    world = World().diagnosed(A)
    assert world.do(A, command) == ()
    assert world.refusal().kind == "unknown"


def test_a_deadline_of_a_file_that_is_gone_does_nothing() -> None:
    world = World()
    assert world.do(A, inputs.ReservationDue("nope")) == ()


def test_every_input_has_one_rule_and_every_event_its_producer() -> None:
    assert [kind.__name__ for kind in SERVICE.inputs(object)] == [
        "DiagnosticCompleted",
        "CompanyProfileUpdated",
        "LabelGranted",
        "ApplyForVoucher",
        "GrantVoucher",
        "RefuseVoucher",
        "WithdrawVoucher",
        "ReservationDue",
        "OfferRelease",
        "ServeWaiting",
    ]
    assert {name: [kind.__name__ for kind in kinds] for name, kinds in SERVICE.consumes.items()} == {
        "companies": ["CompanyProfileUpdated"],
        "diagnostic": ["DiagnosticCompleted"],
        "labels": ["LabelGranted"],
    }


def test_pools_are_named_from_the_file_in_the_state() -> None:
    world = World().diagnosed(A)
    world.apply(A)
    for item in (
        inputs.GrantVoucher(world.file(A), "agent"),
        inputs.RefuseVoucher(world.file(A), "agent", "Non."),
        inputs.WithdrawVoucher(world.file(A), "dirigeant"),
        inputs.ReservationDue(world.file(A)),
        OfferRelease(world.file(A)),
    ):
        named = rule_of(SERVICE, item).pools
        assert named is not None
        assert tuple(named(message_of(item, A, NOW), world.states[A])) == (ENVELOPES.at("e1"),)
        assert tuple(named(message_of(item, A, NOW), initial(A))) == ()
    named = rule_of(SERVICE, ServeWaiting()).pools
    assert named is not None
    refs = tuple(named(message_of(ServeWaiting(), "e1", NOW), NOTHING))
    assert refs == tuple(sorted(refs)) == (ENVELOPES.at("e1"), WAITING.at("e1"))
    for told in (inputs.LabelGranted(A, NOW), inputs.CompanyProfileUpdated(A, COMPANY, 2)):
        assert rule_of(SERVICE, told).pools is None


# --- what others tell ------------------------------------------------------------------------------------------------


def test_what_is_known_already_changes_nothing() -> None:
    world = World().diagnosed(A)
    label = inputs.LabelGranted(A, NOW + timedelta(days=700))
    world.do(A, label)
    before = world.states[A]
    world.do(A, label)
    world.diagnosed(A)
    world.do(A, inputs.CompanyProfileUpdated(A, COMPANY, 1))
    assert world.states[A] is before


def test_the_label_that_lasts_longest_counts() -> None:
    world = World()
    days = {days: NOW + timedelta(days=days) for days in (300, 700)}
    for told, until in ((300, 300), (700, 700), (300, 700)):
        world.do(A, inputs.LabelGranted(A, days[told]))
        assert world.states[A].labelled_until == days[until]


def test_of_two_descriptions_of_one_version_the_one_told_last_counts() -> None:
    world = World().diagnosed(A)
    world.do(A, inputs.CompanyProfileUpdated(A, replace(COMPANY, active=False), 1))
    profile = world.states[A].profile
    assert profile is not None
    assert not profile.active


def test_an_old_diagnosis_may_bring_a_newer_description() -> None:
    world = World().diagnosed(A)
    before = world.states[A].diagnostic
    ceased = replace(COMPANY, active=False)
    world.do(A, inputs.DiagnosticCompleted(A, "old", "complet", NOW - timedelta(days=9), (), ceased, 2))
    profile = world.states[A].profile
    assert profile is not None
    assert (profile.active, world.states[A].diagnostic) == (False, before)


def test_the_newest_description_and_the_newest_diagnosis_win() -> None:
    world = World().diagnosed(A)
    ceased = replace(COMPANY, active=False)
    world.do(A, inputs.CompanyProfileUpdated(A, ceased, 3), at=NOW - timedelta(days=1))
    for crossing in (
        inputs.CompanyProfileUpdated(A, COMPANY, 2),
        inputs.DiagnosticCompleted(A, "with its snapshot", "complet", NOW, (), COMPANY, 2),
    ):
        world.do(A, crossing, at=NOW + timedelta(seconds=1))
    profile, diagnostic = world.states[A].profile, world.states[A].diagnostic
    assert profile is not None
    assert (profile.active, profile.version) == (False, 3)
    assert diagnostic is not None
    assert diagnostic.id == "with its snapshot"
    world.do(A, inputs.DiagnosticCompleted(A, "newer", "complet", NOW, (), COMPANY, 4))
    newer = world.states[A].profile
    assert newer is not None
    assert newer.active
    diagnostic = world.states[A].diagnostic
    old = inputs.DiagnosticCompleted(A, "old", "complet", NOW - timedelta(days=9), (), COMPANY)
    world.do(A, old, at=NOW + timedelta(hours=1))
    assert world.states[A].diagnostic is diagnostic


def test_a_company_that_ceased_gets_no_cheque_by_a_diagnosis_that_did_not_know_of_it_yet() -> None:
    world = World()
    world.do(A, inputs.CompanyProfileUpdated(A, replace(COMPANY, active=False), 2))
    world.do(
        A,
        inputs.DiagnosticCompleted(A, "d", "complet", NOW, (Measure("m1", ()),), COMPANY),
        at=NOW + timedelta(seconds=1),
    )
    refused = world.apply(A)[-1]
    assert isinstance(refused, VoucherRefused)
    assert refused.codes == ("entreprise_inactive",)


def test_a_diagnosis_is_kept_as_what_it_calls_for_where_its_referential_is_known() -> None:
    told = inputs.DiagnosticCompleted(
        A, "d", "complet", NOW, (Measure("m1", ()),), COMPANY, 1, ("cybersecurite",), "DMA-PME/2026.1", "0f"
    )
    world = World()
    world.do(A, told)
    known = world.states[A].diagnostic
    assert known is not None
    assert (known.referential, known.called_measures, known.measures, known.spend_categories) == (
        ("DMA-PME/2026.1", "0f", (), ())
    )
    for other in (replace(told, referential="DMA-PME/2099.1"), replace(told, called_measures="")):
        elsewhere = World()
        elsewhere.do(A, other)
        known = elsewhere.states[A].diagnostic
        assert known is not None
        assert (known.referential, known.measures, known.spend_categories) == ("", told.measures, ("cybersecurite",))


def test_all_that_is_missing_is_named_in_one_answer() -> None:
    world = World()
    world.do(A, inputs.CompanyProfileUpdated(A, replace(COMPANY, sme_category="inconnu", created_on=None), 2))
    assert world.apply(A) == ()
    refusal = world.refusal()
    assert refusal.code == "diagnostic_complet_requis"
    for words in ("Aucun diagnostic complet", "La taille de l'entreprise", "La date de création"):
        assert refusal.detail.count(words) == 1


def test_of_two_diagnoses_of_one_instant_the_one_told_last_counts() -> None:
    """The order of a company's events is that of its topic; instants may be equal."""
    world = World().diagnosed(A)
    world.do(A, inputs.DiagnosticCompleted(A, "same-instant", "complet", NOW, (), COMPANY))
    diagnostic = world.states[A].diagnostic
    assert diagnostic is not None
    assert diagnostic.id == "same-instant"


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
        self.world = World(Ruleset(auto_decision=automatic), total).diagnosed(*SIRENS)

    @rule(siren=companies, amount=st.sampled_from([150_000, 200_000, 1_000_000, 3_000_000]))
    def apply(self, siren: str, amount: int) -> None:
        self.world.read_list()
        room = self.world.envelope.has_room(min(amount // 2, 1_500_000))
        running = any(
            file.status in HELD_IN or file.status == "liste_attente" for file in self.world.states[siren].files
        )
        self.world.apply(siren, amount)
        if not running and amount >= 200_000:
            assert (self.world.status(siren) != "liste_attente") is room

    @rule(siren=companies, amount=st.none() | st.integers(90_000, 1_600_000))
    def grant(self, siren: str, amount: int | None) -> None:
        self.decide(siren, lambda file: inputs.GrantVoucher(file, "agent", "", amount))

    @rule(siren=companies)
    def refuse(self, siren: str) -> None:
        self.decide(siren, lambda file: inputs.RefuseVoucher(file, "agent", "Non."))

    @rule(siren=companies)
    def withdraw(self, siren: str) -> None:
        self.decide(siren, lambda file: inputs.WithdrawVoucher(file, "dirigeant"))

    @rule(siren=companies)
    def offer(self, siren: str) -> None:
        self.decide(siren, OfferRelease)

    @rule()
    def follow_one_up(self) -> None:
        if self.world.follow_ups:
            self.world.do(*self.world.follow_ups.pop(0))

    @rule()
    def settle(self) -> None:
        self.world.settle()

    @rule()
    def let_a_month_pass(self) -> None:
        for (siren, name), timer in list(self.world.timers.items()):
            del self.world.timers[siren, name]
            self.world.do(siren, timer.input, at=timer.due)

    def decide(self, siren: str, command: Callable[[str], object]) -> None:
        files = self.world.states[siren].files
        if files:
            file = files[len(self.world.entries) % len(files)].id
            self.world.do(siren, command(file))
            state, movements = self.world.states[siren], len(self.world.entries)
            if not isinstance(self.world.answer, Refusal):
                assert self.world.do(siren, command(file)) == ()
                assert (self.world.states[siren], len(self.world.entries)) == (state, movements)


TestLife: Any = LifeMachine.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
