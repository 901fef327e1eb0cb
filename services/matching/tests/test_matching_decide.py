"""The life of a need: given what happened, when an input comes, then these events, loads and timers."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from common.declare.decision import Cancel, Decision, Refusal, Schedule
from common.declare.inputs import Command, Deadline
from common.declare.pool import Pools
from common.testing.rules import message_of, rule_of
from matching.basis import ALL, DIRECTORY, LOADS, load_of
from matching.directory.inputs import PutConnector
from matching.directory.model import ConnectorAnswer, Line
from matching.directory.rules import its_holders
from matching.directory.table import LINES
from matching.events import (
    AidsRecommended,
    ConnectorMatched,
    MatchAccepted,
    MatchDeclined,
    MatchExpired,
    NeedOpened,
    NeedUnserved,
)
from matching.explain.refusals import unserved_causes
from matching.needs.inputs import AcceptMatch, CapacityFreed, DeclineMatch, DiagnosticCompleted, OffersExpired
from matching.needs.model import CompanyNeeds, LoadsMoved, MatchAnswer
from matching.needs.rounds import go_on
from matching.needs.table import NEEDS, no_needs
from matching.places.offers import WithdrawOffers
from matching.places.territory import Zone
from matching.search.loads import BLOCK, NONE
from matching.search.searcher import Query
from matching.service import SERVICE

END = datetime(2026, 11, 26, 23, tzinfo=UTC)


def names(decision: Any) -> list[str]:
    return [type(event).__name__ for event in decision.events]


def loads_of(given: Any) -> dict[str, int]:
    basis, loads = given
    every = {connector_id: load_of(loads, basis, connector_id) for connector_id in basis.directory.numbers}
    return {connector_id: load for connector_id, load in every.items() if load}


@pytest.fixture
def opened(make: Any) -> Any:
    """A need offered to three of seven connecteurs."""
    given = make.given(*[make.connector(n) for n in range(1, 8)])
    return make.decided(None, given, make.diagnosis("cybersecurite", "donnees", "cybersecurite"))


# --- a diagnosis -----------------------------------------------------------------------------------------------------


def test_a_diagnosis_opens_a_need_offers_it_and_recommends_aids(make: Any, opened: Any) -> None:
    assert names(opened) == ["NeedOpened", "ConnectorMatched", "AidsRecommended"]
    need, matched, aids = opened.events
    assert isinstance(need, NeedOpened)
    assert isinstance(matched, ConnectorMatched)
    assert isinstance(aids, AidsRecommended)
    assert (need.subjects, need.priority, need.origin, need.region) == (
        ("cybersecurite", "donnees"),
        "haute",
        "diagnostic",
        "84",
    )
    assert (matched.subject, matched.round, matched.expires_at) == ("cybersecurite", 1, END)
    assert [proposal.rank for proposal in matched.proposals] == [1, 2, 3]
    assert len({proposal.institution_id for proposal in matched.proposals}) == 3
    assert need.need_id == matched.need_id == aids.need_id
    assert 0 < len(aids.programmes) <= 10

    asked = tuple(proposal.connector_id for proposal in matched.proposals)
    assert opened.rows == (LoadsMoved(asked, 1),)
    assert loads_of(opened.given) == dict.fromkeys(asked, 1)
    assert opened.deadlines == (Schedule(f"offers:{need.need_id}", END, OffersExpired(need.need_id, 1)),)


def test_the_same_input_gives_the_same_decision(make: Any) -> None:
    given = make.given(*[make.connector(n) for n in range(1, 8)])
    first, again = (make.decided(None, given, make.diagnosis()) for _ in range(2))
    assert (first.events, first.state, first.rows) == (again.events, again.state, again.rows)


def test_a_plan_without_measures_uses_the_gaps_and_a_perfect_company_has_no_need(make: Any) -> None:
    given = make.given(make.connector())
    nothing = make.diagnosis().__class__(make.siren, "d", "expert", (), (), make.company())
    gap = make.diagnosis().__class__(make.siren, "d", "expert", ("donnees_sans_securite",), (), make.company())
    state = CompanyNeeds(make.siren)

    untouched = make.decided(state, given, nothing)
    assert untouched.state is state
    assert untouched.events == ()
    assert make.decided(state, given, gap).events[0].subjects == ("cybersecurite",)


def test_a_mature_company_with_spending_needs_a_professional(make: Any) -> None:
    volunteer = make.connector(1, tier="benevole", type="benevole")
    for band, paid, served in (("intermediaire", False, "ConnectorMatched"), ("avance", True, "NeedUnserved")):
        decision = make.decided(None, make.given(volunteer), make.diagnosis(band=band))
        assert decision.events[0].paid is paid
        assert names(decision)[1] == served


def test_nobody_to_ask_is_told_with_the_cause(make: Any) -> None:
    cases = [
        (make.given(), "aucun_connecteur"),
        (make.given(make.connector(1, zones=(Zone("region", "11"),))), "aucun_connecteur"),
        (make.given(make.connector(1, type="cma")), "criteres"),
        (make.given(make.connector(1), loads=[("c1", 10)]), "capacite"),
    ]
    for given, cause in cases:
        decision = make.decided(None, given, make.diagnosis())
        unserved = decision.events[1]
        assert isinstance(unserved, NeedUnserved)
        assert unserved.missing_coverage == (f"{cause}:cybersecurite",)
        assert unserved.rounds == 0
        assert decision.state.needs[0].status == "sans_reponse"
        assert decision.rows == decision.deadlines == ()


def test_the_newest_description_of_the_company_wins_not_the_last_one_told(make: Any, opened: Any) -> None:
    moved = make.decided(
        opened.state, opened.given, replace(make.diagnosis(region="11", diagnostic_id="d2"), company_version=3)
    )
    assert (moved.state.company.region, moved.state.company_version) == ("11", 3)
    older = make.decided(moved.state, opened.given, replace(make.diagnosis(diagnostic_id="d3"), company_version=2))
    assert older.state.company.region == "11"
    assert older.state.needs[0].diagnostics == ("d1", "d2", "d3")
    elsewhere = make.decided(
        moved.state, opened.given, replace(make.diagnosis("donnees", diagnostic_id="d4"), company_version=2)
    )
    assert elsewhere.events[0].region == elsewhere.state.company.region == "11"


def test_a_second_diagnosis_on_the_same_subject_joins_the_open_need(make: Any, opened: Any) -> None:
    again = make.diagnosis("cybersecurite", "donnees", diagnostic_id="d2")
    joined = make.decided(opened.state, opened.given, again, hours=20 * 24)
    assert joined.events == ()
    assert joined.rows == ()
    assert joined.state.needs[0].diagnostics == ("d1", "d2")
    repeated = make.decided(joined.state, joined.given, again, hours=20 * 24 + 1)
    assert repeated.state is joined.state

    moved = make.diagnosis(
        "cybersecurite", "donnees", diagnostic_id="d3", region="11", departement="75", commune="75101"
    )
    other = make.decided(opened.state, opened.given, moved, hours=1)
    assert names(other) == ["AidsRecommended"]


def test_another_subject_or_a_later_day_opens_a_need_of_its_own(make: Any, opened: Any) -> None:
    other = make.decided(opened.state, opened.given, make.diagnosis("strategie", diagnostic_id="d2"), hours=1)
    late = make.decided(opened.state, opened.given, make.diagnosis(diagnostic_id="d2"), hours=22 * 24)
    assert names(other)[0] == names(late)[0] == "NeedOpened"
    assert len(other.state.needs) == len(late.state.needs) == 2


# --- answers ---------------------------------------------------------------------------------------------------------


def test_the_first_acceptance_takes_the_need_and_releases_the_others(make: Any, opened: Any) -> None:
    first, second, third = opened.state.needs[0].matches
    taken = make.decided(opened.state, opened.given, AcceptMatch(second.match_id), hours=5)
    need = taken.state.needs[0]
    (event,) = taken.events
    assert isinstance(event, MatchAccepted)
    assert (event.match_id, event.delay_hours, event.released) == (
        second.match_id,
        5.0,
        (first.match_id, third.match_id),
    )
    assert [match.status for match in need.matches] == ["libere", "accepte", "libere"]
    assert need.status == "pris_en_charge"
    assert taken.rows == (LoadsMoved((first.connector_id, third.connector_id), -1),)
    assert load_of(taken.given.loads, taken.given.basis, second.connector_id) == 1
    assert taken.answer == MatchAnswer(make.siren, need.need_id, second.match_id, second.connector_id, "accepte")
    cancel, freed = taken.deadlines
    assert cancel == Cancel(f"offers:{need.need_id}")
    assert freed.input == CapacityFreed(second.match_id, second.connector_id)
    assert (freed.due - make.message(None, 5).time).days == 30


def test_answers_sent_twice_are_answered_twice_and_told_once(make: Any, opened: Any) -> None:
    first, second, _ = opened.state.needs[0].matches
    taken = make.decided(opened.state, opened.given, AcceptMatch(first.match_id), hours=1)
    again = make.decided(taken.state, taken.given, AcceptMatch(first.match_id), hours=200)
    assert again.answer == taken.answer
    assert again.state is taken.state
    assert again.events == again.rows == ()

    late = make.decided(taken.state, taken.given, AcceptMatch(second.match_id), hours=2)
    assert isinstance(late.answer, Refusal)
    assert late.answer.kind == "illegal"
    assert late.answer.detail == "Un autre connecteur a accepté cette demande avant vous."

    refusal = DeclineMatch(first.match_id, "autre")
    declined = make.decided(opened.state, opened.given, refusal, hours=1)
    repeated = make.decided(declined.state, declined.given, refusal, hours=2)
    assert repeated.answer == declined.answer
    assert repeated.events == ()
    assert make.decided(declined.state, declined.given, AcceptMatch(first.match_id), 2).answer.kind == "illegal"


def test_an_unknown_offer_and_one_past_its_end_are_refused(make: Any, opened: Any) -> None:
    unknown = make.decided(opened.state, opened.given, AcceptMatch("nope"))
    assert (unknown.answer.kind, unknown.answer.code, unknown.answer.field) == (
        "unknown",
        "proposition_inconnue",
        "match_id",
    )
    match = opened.state.needs[0].matches[0]
    for item in (AcceptMatch(match.match_id), DeclineMatch(match.match_id, "autre")):
        late = make.decided(opened.state, opened.given, item, hours=24 * 4)
        assert (late.answer.kind, late.answer.code, late.answer.title) == (
            "illegal",
            "proposition_expiree",
            "Proposition expirée",
        )
        assert late.state is opened.state


def test_a_refusal_frees_the_connecteur_and_the_last_one_starts_the_next_round(make: Any, opened: Any) -> None:
    state, given = opened.state, opened.given
    matches = state.needs[0].matches
    for number, match in enumerate(matches):
        decision = make.decided(state, given, DeclineMatch(match.match_id, "indisponible"), hours=number + 1)
        state, given = decision.state, decision.given
        assert isinstance(decision.events[0], MatchDeclined)
        assert decision.events[0].reason == "indisponible"
        assert load_of(given.loads, given.basis, match.connector_id) == 0
        if number < 2:
            assert names(decision) == ["MatchDeclined"]
            assert decision.deadlines == ()
    assert names(decision) == ["MatchDeclined", "ConnectorMatched"]  # pyright: ignore[reportPossiblyUnboundVariable]
    offered = decision.events[1]  # pyright: ignore[reportPossiblyUnboundVariable]
    assert offered.round == 2
    asked_before = {match.institution_id for match in matches}
    assert asked_before.isdisjoint(proposal.institution_id for proposal in offered.proposals)


# --- time ------------------------------------------------------------------------------------------------------------


def test_offers_expire_round_after_round_until_the_regional_referent_is_told(make: Any) -> None:
    given = make.given(*[make.connector(n) for n in range(1, 13)])
    decision = make.decided(None, given, make.diagnosis())
    need_id = decision.state.needs[0].need_id
    asked: set[str] = set()
    for number in (1, 2, 3):
        offered = decision.events[-1] if number > 1 else decision.events[1]
        institutions = {proposal.institution_id for proposal in offered.proposals}
        assert offered.round == number
        assert asked.isdisjoint(institutions)
        asked |= institutions
        decision = make.decided(decision.state, decision.given, OffersExpired(need_id, number), hours=100 * number)
        assert [type(event) for event in decision.events[:-1]] == [MatchExpired] * 3
    last = decision.events[-1]
    assert isinstance(last, NeedUnserved)
    assert (last.rounds, last.missing_coverage) == (3, ("sans_reponse:cybersecurite",))
    assert decision.state.needs[0].status == "sans_reponse"
    assert decision.deadlines == (Cancel(f"offers:{need_id}"),)
    assert loads_of(decision.given) == {}


def test_nobody_left_ends_the_rounds_early(make: Any) -> None:
    given = make.given(make.connector(1), make.connector(2))
    first = make.decided(None, given, make.diagnosis())
    need_id = first.state.needs[0].need_id
    ended = make.decided(first.state, first.given, OffersExpired(need_id, 1), hours=100)
    last = ended.events[-1]
    assert isinstance(last, NeedUnserved)
    assert (last.rounds, last.missing_coverage) == (1, ("institutions_deja_sollicitees:cybersecurite",))


def test_a_timer_of_another_round_or_of_a_need_taken_in_charge_does_nothing(make: Any, opened: Any) -> None:
    need = opened.state.needs[0]
    taken = make.decided(opened.state, opened.given, AcceptMatch(need.matches[0].match_id), hours=1)
    for state, given, item in (
        (taken.state, taken.given, OffersExpired(need.need_id, 1)),
        (opened.state, opened.given, OffersExpired(need.need_id, 2)),
        (opened.state, opened.given, OffersExpired("another", 1)),
    ):
        decision = make.decided(state, given, item, hours=100)
        assert decision.state is state
        assert decision.events == decision.rows == ()


def test_an_accepted_match_leaves_the_load_after_thirty_days(make: Any, opened: Any) -> None:
    match = opened.state.needs[0].matches[0]
    taken = make.decided(opened.state, opened.given, AcceptMatch(match.match_id), hours=1)
    freed = make.decided(taken.state, taken.given, taken.deadlines[1].input, hours=24 * 31)
    assert freed.rows == (LoadsMoved((match.connector_id,), -1),)
    assert load_of(freed.given.loads, freed.given.basis, match.connector_id) == 0
    assert freed.state is taken.state


# --- the directory ---------------------------------------------------------------------------------------------------


def test_a_line_of_the_directory_is_written_once(make: Any) -> None:
    first = make.put(Line(), make.connector(1))
    same = make.put(first.state, make.connector(1))
    other = make.put(first.state, make.connector(1, status="suspended"))
    assert (first.state, first.answer) == (Line(make.connector(1)), ConnectorAnswer("c1", "active", changed=True))
    assert same.state is first.state
    assert same.answer == ConnectorAnswer("c1", "active", changed=False)
    assert other.state == Line(make.connector(1, status="suspended"))
    assert other.answer == ConnectorAnswer("c1", "suspended", changed=True)


def test_a_line_is_decided_against_what_was_put_last_not_against_the_index(make: Any) -> None:
    before, meanwhile = make.connector(1), make.connector(1, capacity_30d=3)
    state = make.put(Line(before), meanwhile).state
    back = make.put(state, before)  # an index of the time before the batch would find it unchanged, and lose it
    assert back.answer.changed
    assert back.state == Line(before)


# --- the table -------------------------------------------------------------------------------------------------------


def test_whatever_reads_or_moves_loads_names_them() -> None:
    reading = {rule.input for rule in NEEDS.rules if rule.pools is not None}
    assert reading == {
        DiagnosticCompleted, AcceptMatch, DeclineMatch, OffersExpired, CapacityFreed, WithdrawOffers,
    }  # fmt: skip
    for rule in NEEDS.rules:
        assert rule.pools is not None
        assert list(rule.pools(message_of(None, "732829320", END), no_needs("732829320"))) == [LOADS.at(ALL)]
    assert [rule.pools for rule in LINES.rules] == [None, its_holders]


def test_the_table_decides_every_input_and_says_where_events_come_from() -> None:
    assert SERVICE.consumes == {"diagnostic": (DiagnosticCompleted,)}
    assert SERVICE.inputs(Command) == (AcceptMatch, DeclineMatch, PutConnector)
    assert SERVICE.inputs(Deadline) == (OffersExpired, CapacityFreed)
    with pytest.raises(LookupError):
        rule_of(SERVICE, "text")


def test_a_connecteur_that_came_after_the_loads_were_read_has_none(make: Any) -> None:
    known = make.given(*[make.connector(n) for n in range(BLOCK + 1)])
    early = known._replace(loads=NONE)
    opened = make.decided(None, early, make.diagnosis())
    assert len(loads_of(opened.given)) == 3


# --- answers to nobody -----------------------------------------------------------------------------------------------


def test_a_refusal_of_an_unknown_offer_is_a_404(make: Any, opened: Any) -> None:
    unknown = make.decided(opened.state, opened.given, DeclineMatch("nope", "autre"))
    assert unknown.answer.kind == "unknown"
    assert unknown.state is opened.state


def test_without_a_programme_to_show_none_is_recommended(make: Any) -> None:
    given = make.given(make.connector(), catalogue=())
    assert names(make.decided(None, given, make.diagnosis())) == ["NeedOpened", "ConnectorMatched"]


def test_a_need_without_its_company_is_a_fault_of_ours(make: Any, opened: Any) -> None:
    lost = replace(opened.state, company=None)
    (need,) = lost.needs
    with pytest.raises(TypeError, match="has no company"):
        make.decided(lost, opened.given, OffersExpired(need.need_id, 1), hours=200)


def test_only_loads_move_loads(make: Any, opened: Any) -> None:
    (need,) = opened.state.needs
    basis, loads = opened.given
    pools = Pools({LOADS.at(ALL): loads}, {DIRECTORY.name: basis})
    done = Decision(opened.state, rows=("a row of another kind",))
    again = go_on(done, need, pools, make.message(None))
    (draw,) = again.draws
    moved = {row for row in again.rows if isinstance(row, LoadsMoved)}
    assert {each for row in moved for each in row.connector_ids} == {
        name for name in basis.directory.numbers if load_of(draw.value, basis, name) > load_of(loads, basis, name)
    }


def test_a_connecteur_that_is_free_is_no_obstacle_of_capacity(make: Any) -> None:
    given = make.given(make.connector(1))
    query = Query(make.profile(), ("cybersecurite",), False, frozenset[str](), 7)
    assert unserved_causes(given.basis.directory, query, given.loads) == ("criteres:cybersecurite",)
