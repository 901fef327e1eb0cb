"""Capacity is never exceeded and loads always equal what is open or was lately accepted, whatever the sequence."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,  # pyright: ignore[reportUnknownVariableType]
)

from common.declare.decision import Refusal, Schedule
from common.declare.message import Message
from matching.basis import load_of
from matching.needs.inputs import AcceptMatch, DeclineMatch
from matching.needs.model import CompanyNeeds, LoadsMoved, Match
from matching.needs.table import no_needs

SIRENS = ("732829320", "552100554", "542051180", "443061841")


class Life(RuleBasedStateMachine):
    """Companies diagnose, connecteurs answer, timers fall due in order; commands may come twice."""

    def __init__(self, make: Any) -> None:
        super().__init__()
        self.make = make
        self.now: datetime = make.now
        self.given: Any = make.given()
        self.states: dict[str, CompanyNeeds] = {siren: no_needs(siren) for siren in SIRENS}
        self.timers: dict[tuple[str, str], Schedule] = {}
        self.moved: Counter[str] = Counter()
        self.steps = 0

    @initialize(capacities=st.lists(st.integers(0, 3), min_size=2, max_size=6))
    def fill(self, capacities: list[int]) -> None:
        """A small directory of distinct institutions."""
        self.given = self.make.given(
            *[self.make.connector(n, capacity_30d=capacity) for n, capacity in enumerate(capacities)]
        )

    def apply(self, siren: str, item: Any) -> Any:
        """Decide an input, as the core does."""
        self.steps += 1
        cause = uuid5(UUID(int=1), str(self.steps))
        message = Message(item, siren, 0, cause, self.now, cause, "84")
        decision = self.make.told(self.states[siren], self.given, message)
        self.states[siren], self.given = decision.state, decision.given
        for row in decision.rows:
            assert isinstance(row, LoadsMoved)
            for connector_id in row.connector_ids:
                self.moved[connector_id] += row.by
        for change in decision.deadlines:
            if isinstance(change, Schedule):
                self.timers[siren, change.name] = change
            else:
                self.timers.pop((siren, change.name), None)
        return decision

    def matches(self) -> list[tuple[str, Match]]:
        """Every offer made, with its company."""
        return [(s, match) for s, state in self.states.items() for need in state.needs for match in need.matches]

    @rule(
        siren=st.sampled_from(SIRENS), subject=st.sampled_from(("cybersecurite", "donnees")), hours=st.integers(0, 400)
    )
    def diagnose(self, siren: str, subject: str, hours: int) -> None:
        """A company finishes a diagnosis some hours later."""
        self.wait(hours)
        self.apply(siren, self.make.diagnosis("cybersecurite", subject, diagnostic_id=str(self.steps)))

    @precondition(lambda self: self.matches())
    @rule(data=st.data(), accept=st.booleans(), twice=st.booleans())
    def answer(self, data: st.DataObject, accept: bool, twice: bool) -> None:
        """A connecteur answers an offer, open or not, once or twice."""
        siren, match = data.draw(st.sampled_from(self.matches()))
        item = AcceptMatch(match.match_id) if accept else DeclineMatch(match.match_id, "indisponible")
        first = self.apply(siren, item)
        if twice:
            again = self.apply(siren, item)
            assert again.events == again.rows == ()
            assert again.answer == first.answer or isinstance(again.answer, Refusal)

    @rule(hours=st.integers(1, 900))
    def wait(self, hours: int) -> None:
        """Time passes; what falls due is decided at its hour."""
        end = self.now + timedelta(hours=hours)
        while due := [(timer.due, key) for key, timer in self.timers.items() if timer.due <= end]:
            self.now, key = min(due)
            timer = self.timers.pop(key)
            self.apply(key[0], timer.input)
        self.now = end

    @invariant()
    def never_above_capacity(self) -> None:
        """No connecteur holds more than it can take."""
        for connector in self.given.basis.directory.connectors.values():
            assert 0 <= load_of(self.given.loads, self.given.basis, connector.id) <= connector.capacity_30d

    @invariant()
    def loads_are_what_is_open_or_lately_accepted(self) -> None:
        """The carried loads, the rows written and the states tell the same story."""
        days = timedelta(days=30)
        expected = Counter(
            match.connector_id
            for _, match in self.matches()
            if match.status == "propose"
            or (match.status == "accepte" and match.answered_at is not None and match.answered_at + days > self.now)
        )
        carried = {c: load_of(self.given.loads, self.given.basis, c) for c in self.given.basis.directory.numbers}
        assert {c: n for c, n in carried.items() if n} == dict(expected)
        assert {c: n for c, n in self.moved.items() if n} == dict(expected)

    @invariant()
    def one_acceptance_a_need_and_one_offer_an_institution(self) -> None:
        """First acceptance wins; nobody is asked twice; an open need has a timer."""
        for siren, state in self.states.items():
            for need in state.needs:
                statuses = Counter(match.status for match in need.matches)
                institutions = [match.institution_id for match in need.matches]
                assert statuses["accepte"] == (need.status == "pris_en_charge")
                assert bool(statuses["propose"]) == (need.status == "propose")
                assert len(institutions) == len(set(institutions))
                assert need.round <= 3
                assert ((siren, f"offers:{need.need_id}") in self.timers) == (need.status == "propose")


def test_capacity_holds_over_any_sequence(make: Any) -> None:
    machine: Any = lambda: Life(make)  # noqa: E731  a factory is enough, whatever the annotation says
    run_state_machine_as_test(machine, settings=settings(max_examples=60, stateful_step_count=30, deadline=None))
