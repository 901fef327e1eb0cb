"""A connecteur made inactive cannot accept, and loses its open offers to the next."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from common.core import clock
from common.core.commands import Ask
from common.core.requests import apply_commands
from common.declare.decision import Follow, Refusal, Schedule
from common.process.context import Context
from common.testing.rules import decided, message_of
from matching.directory.inputs import PutConnector, ReleaseOffers
from matching.directory.model import Line
from matching.directory.rules import LOOK_AGAIN, its_holders
from matching.events import ConnectorMatched, MatchExpired, NeedUnserved
from matching.needs.inputs import AcceptMatch
from matching.needs.model import CompanyNeeds, LoadsMoved, MatchAnswer
from matching.needs.table import NEEDS
from matching.places.offers import HOLDERS, Holder, WithdrawOffers
from matching.service import SERVICE
from matching.store.holders import HOLDERS_TABLE

from .conftest import Make


def released(make: Make, line: Line, *holders: Holder) -> Any:
    message = message_of(ReleaseOffers(), "c1", make.now)
    return decided(SERVICE, line, message, {HOLDERS.at("c1"): holders})


def inactive(given: Any, make: Make, connector_id: str, **changes: Any) -> Any:
    """The directory and the loads with a connecteur suspended, as a later transaction reads them."""
    directory = given.basis.directory
    gone = replace(directory.connectors[connector_id], status="suspended", **changes)
    basis = make.given(*[gone if each.id == connector_id else each for each in directory.connectors.values()]).basis
    return given._replace(basis=basis)


@pytest.mark.parametrize("status", ["suspended", "archived"])
def test_a_line_made_inactive_looks_for_its_offers_at_once_and_once_more(make: Make, status: Any) -> None:
    line = Line(make.connector())
    gone = make.put(line, make.connector(status=status))
    assert gone.follow_ups == (Follow("c1", ReleaseOffers()),)
    assert gone.deadlines == (Schedule("offres", make.now + LOOK_AGAIN, ReleaseOffers()),)
    assert timedelta(seconds=30) <= LOOK_AGAIN


def test_any_other_line_looks_for_nothing(make: Make) -> None:
    active, gone = make.connector(), make.connector(status="suspended")
    for before, after in ((None, active), (None, gone), (active, make.connector(name="X")), (gone, active)):
        put = make.put(Line(before), after)
        assert (put.follow_ups, put.deadlines) == ((), ())
    archived = make.put(Line(gone), make.connector(status="archived"))
    assert archived.follow_ups == ()


def test_every_company_that_holds_an_offer_is_asked(make: Make) -> None:
    gone = Line(make.connector(status="suspended"))
    asked = WithdrawOffers("c1")
    assert released(make, gone, Holder("1", "84"), Holder("2", "")).follow_ups == (
        Follow("1", asked, "84"), Follow("2", asked, ""),
    )  # fmt: skip
    back = Line(make.connector())
    assert released(make, back, Holder("1", "84")).follow_ups == ()
    assert list(its_holders(message_of(ReleaseOffers(), "c1", make.now), back)) == []
    assert HOLDERS.initial("c1") == ()


def test_an_inactive_connecteur_cannot_accept(make: Make) -> None:
    given = make.given(*[make.connector(n) for n in range(1, 4)])
    opened = make.decided(None, given, make.diagnosis())
    match = opened.state.needs[0].matches[0]
    later = inactive(opened.given, make, match.connector_id)
    refused = make.decided(opened.state, later, AcceptMatch(match.match_id), 1)
    assert isinstance(refused.answer, Refusal)
    assert (refused.answer.kind, refused.answer.code) == ("illegal", "connecteur_inactif")
    assert refused.state is opened.state
    other = opened.state.needs[0].matches[1]
    assert isinstance(make.decided(opened.state, later, AcceptMatch(other.match_id), 1).answer, MatchAnswer)


def test_what_was_accepted_before_stays_so(make: Make) -> None:
    given = make.given(*[make.connector(n) for n in range(1, 4)])
    opened = make.decided(None, given, make.diagnosis())
    match = opened.state.needs[0].matches[0]
    taken = make.decided(opened.state, opened.given, AcceptMatch(match.match_id), 1)
    later = inactive(taken.given, make, match.connector_id)
    assert isinstance(make.decided(taken.state, later, AcceptMatch(match.match_id), 2).answer, MatchAnswer)
    assert make.decided(taken.state, later, WithdrawOffers(match.connector_id), 3).events == ()


def test_the_last_open_offer_of_a_round_goes_to_the_next(make: Make) -> None:
    given = make.given(make.connector(1), make.connector(2, capacity_30d=0))
    opened = make.decided(None, given, make.diagnosis())
    (match,) = opened.state.needs[0].matches
    directory = opened.given.basis.directory
    gone = replace(directory.connectors["c1"], status="suspended")
    basis = make.given(gone, make.connector(2)).basis
    withdrawn = make.decided(opened.state, opened.given._replace(basis=basis), WithdrawOffers("c1"), 1)
    expired, matched = withdrawn.events
    assert isinstance(expired, MatchExpired)
    assert (expired.match_id, expired.withdrawn) == (match.match_id, True)
    assert isinstance(matched, ConnectorMatched)
    assert [(proposal.connector_id, matched.round) for proposal in matched.proposals] == [("c2", 2)]
    assert withdrawn.rows == (LoadsMoved(("c1",), -1), LoadsMoved(("c2",), 1))
    assert [each.status for each in withdrawn.state.needs[0].matches] == ["retire", "propose"]
    late = make.decided(withdrawn.state, withdrawn.given, AcceptMatch(match.match_id), 2).answer
    assert isinstance(late, Refusal)
    assert "plus actif" in late.detail


def test_the_others_of_a_round_keep_their_offers(make: Make) -> None:
    given = make.given(*[make.connector(n) for n in range(1, 4)])
    opened = make.decided(None, given, make.diagnosis())
    first = opened.state.needs[0].matches[0].connector_id
    withdrawn = make.decided(opened.state, inactive(opened.given, make, first), WithdrawOffers(first), 1)
    assert [type(event) for event in withdrawn.events] == [MatchExpired]
    assert sorted(match.status for match in withdrawn.state.needs[0].matches) == ["propose", "propose", "retire"]
    assert withdrawn.rows == (LoadsMoved((first,), -1),)
    assert withdrawn.deadlines == ()


def test_offers_on_two_needs_are_both_taken_back(make: Make) -> None:
    given = make.given(make.connector(1, sujets=("cybersecurite", "donnees")))
    one = make.decided(None, given, make.diagnosis("cybersecurite"))
    two = make.decided(one.state, one.given, make.diagnosis("donnees", diagnostic_id="d2"), 1)
    assert len(two.state.needs) == 2
    withdrawn = make.decided(two.state, inactive(two.given, make, "c1"), WithdrawOffers("c1"), 2)
    assert [type(event) for event in withdrawn.events] == [MatchExpired, NeedUnserved] * 2
    assert withdrawn.rows == (LoadsMoved(("c1",), -1),) * 2
    assert len(withdrawn.deadlines) == 2
    assert [need.status for need in withdrawn.state.needs] == ["sans_reponse"] * 2


def test_a_company_without_an_offer_from_it_changes_nothing(make: Make) -> None:
    state = CompanyNeeds(make.siren)
    assert make.decided(state, make.given(), WithdrawOffers("c1")).state is state


@pytest.mark.stack
async def test_the_offers_of_a_suspended_connecteur_go_to_the_next_on_the_database(
    context: Context, make: Make
) -> None:
    """The follow-ups are taken as the timers of a process take them."""
    await context.execute_all([Ask(PutConnector(make.connector(1, id='c"1')), 'c"1')])
    now = clock.now()
    await apply_commands(context.codec, context.begin, [message_of(make.diagnosis(), make.siren, now, region="84")])
    async with context.reading() as connection:
        found = await HOLDERS_TABLE.lock(connection, ['c"1', "c"])
    assert found == {'c"1': (Holder(make.siren, "84"),), "c": ()}
    await context.execute_all([Ask(PutConnector(make.connector(2)), "c2")])
    gone = make.connector(1, id='c"1', status="suspended")
    await context.execute_all([Ask(PutConnector(gone), 'c"1')])
    for item, key in ((ReleaseOffers(), 'c"1'), (WithdrawOffers('c"1'), make.siren)):
        await apply_commands(context.codec, context.begin, [message_of(item, key, clock.now(), id=clock.new_id())])
    state = await context.state(NEEDS, make.siren)
    assert state is not None
    assert [(match.connector_id, match.status) for match in state.needs[0].matches] == [
        ('c"1', "retire"), ("c2", "propose"),
    ]  # fmt: skip
