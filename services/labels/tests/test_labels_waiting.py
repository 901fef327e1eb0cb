"""Given files that wait, when places open, then they are served in the order of the list, and newcomers after them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from common.testing.rules import decided, rule_of
from labels.applications.inputs import CompanyProfileUpdated
from labels.cohorts.inputs import SetCohortCap
from labels.cohorts.serving import OPENING
from labels.events import LabelGranted, LabelRefused, LabelWaitlisted
from labels.places.asking import OfferPlace
from labels.places.waiting import TURNS, WAITING, Turn, Waiting
from labels.service import SERVICE

from .builders import COMPANY, NOW, application, diagnosed, message, pools, ready_file
from .world import World, reserved_world, world_of

ALL_WAIT = Waiting(2, {"84": 1})


def applied(world: World, siren: str, at: datetime = NOW, **changes: Any) -> Any:
    """The answer to an application."""
    return world.send(application(**changes), siren, at).answer


def waiting_world(count: int) -> tuple[World, list[str]]:
    """A world without places where everybody waits."""
    world, companies = world_of(cap=0, count=count)
    for siren in companies:
        applied(world, siren)
    return world, companies


def state_of(world: World, siren: str) -> str:
    """Where the application of a company stands."""
    known = world.files[siren].application
    assert known is not None
    return known.status


def test_files_beyond_the_cap_wait_in_order() -> None:
    world, companies = world_of(cap=2, count=5)
    answers = [applied(world, siren) for siren in companies]
    assert [answer.state for answer in answers] == ["attribue"] * 2 + ["liste_attente"] * 3
    assert [answer.position for answer in answers] == [None, None, 1, 2, 3]
    assert [(e.siren, e.position, e.cohort_year) for e in world.of(LabelWaitlisted)] == [
        (siren, position, 2026) for position, siren in enumerate(companies[2:], 1)
    ]
    assert "position 3 sur la liste d'attente" in answers[4].next_step


def test_a_place_goes_to_the_first_of_the_list_only() -> None:
    world, companies = world_of(cap=1, count=4)
    for siren in companies:
        applied(world, siren)
    world.send(SetCohortCap(2), "2026")
    assert world.send(OfferPlace(), companies[2]).events == ()
    assert state_of(world, companies[2]) == "liste_attente"
    world.send(OfferPlace(), companies[1])
    assert state_of(world, companies[1]) == "attribue"
    assert [event.rank for event in world.of(LabelGranted)] == [1, 2]
    assert world.send(OfferPlace(), companies[2]).events == ()


def test_a_raised_cap_serves_the_first_of_the_list_by_itself() -> None:
    world, companies = waiting_world(5)
    world.set_cap(3)
    assert {event.siren for event in world.of(LabelGranted)} == set(companies[:3])
    assert [row.siren for row in world.queue] == companies[3:]
    assert (world.waiting.next_ticket, world.waiting.by_region) == (6, {"84": 2})


def test_places_reach_those_whose_turn_it_is_in_any_order() -> None:
    world, companies = waiting_world(5)
    world.send(SetCohortCap(3), "2026")
    for siren in reversed(companies):
        world.send(OfferPlace(), siren)
    assert {event.siren for event in world.of(LabelGranted)} == set(companies[:3])


def test_a_cap_lowered_after_the_offers_still_serves_the_first() -> None:
    world, companies = waiting_world(3)
    world.send(SetCohortCap(2), "2026")
    world.send(SetCohortCap(1), "2026")
    for siren in reversed(companies):
        world.send(OfferPlace(), siren)
    assert [event.siren for event in world.of(LabelGranted)] == companies[:1]


def test_a_newcomer_never_overtakes_the_waiting_list() -> None:
    world, companies = world_of(cap=0, count=2)
    applied(world, companies[0])
    world.send(SetCohortCap(5), "2026")
    assert applied(world, companies[1]).position == 2
    world.settle()
    assert [event.siren for event in world.of(LabelGranted)] == companies


def test_a_company_that_closed_while_it_waited_is_refused_and_leaves_its_place_to_the_next() -> None:
    world, companies = waiting_world(2)
    world.send(CompanyProfileUpdated(replace(COMPANY, active=False), 2), companies[0])
    world.set_cap(1)
    (refused,) = world.of(LabelRefused)
    assert (refused.siren, refused.codes) == (companies[0], ("entreprise_fermee",))
    assert [state_of(world, siren) for siren in companies] == ["refuse", "attribue"]
    out = world.files[companies[0]].application
    assert out is not None
    assert (out.cohort_year, out.position, out.ticket) == (0, 0, 0)
    assert world.queue == []


def test_waiting_does_not_age_a_file() -> None:
    world, _ = waiting_world(1)
    world.fire(datetime(2027, 1, 1, tzinfo=UTC))
    (granted,) = world.of(LabelGranted)
    assert (granted.cohort_year, granted.rank) == (2027, 1)


def test_a_new_year_serves_the_list_first_and_no_more_than_its_cap() -> None:
    world, companies = world_of(cap=0, count=4)
    world.set_cap(3, 2027)
    for siren in companies:
        applied(world, siren)
    opening = datetime(2026, 12, 31, 23, 0, tzinfo=UTC)
    world.fire()
    assert {timer.due for timer in world.deadlines.values()} == {opening}
    world.settle(opening)
    assert {event.siren for event in world.of(LabelGranted)} == set(companies[:3])
    assert world.cohorts[2027].granted == 3
    assert world.deadlines["2028", OPENING].due == datetime(2027, 12, 31, 23, 0, tzinfo=UTC)
    assert [key for key, name in world.deadlines if name == OPENING] == ["2028"]


def test_an_offer_to_a_company_that_does_not_wait_changes_and_locks_nothing() -> None:
    world, (siren,) = world_of(cap=1)
    named = rule_of(SERVICE, OfferPlace()).pools
    assert named is not None
    for file in (ready_file(), None):
        state = file or world.files[siren]
        assert tuple(named(message(OfferPlace()), state)) == ()
        outcome = decided(SERVICE, state, message(OfferPlace()))
        assert outcome.state is state
        assert (outcome.events, outcome.draws, outcome.rows, outcome.deadlines) == ((), (), (), ())
        applied(world, siren)


def test_an_offer_before_the_programme_changes_nothing() -> None:
    world, (siren,) = waiting_world(1)
    outcome = world.send(OfferPlace(), siren, datetime(2025, 6, 1, tzinfo=UTC))
    assert outcome.state is world.files[siren]
    assert state_of(world, siren) == "liste_attente"


def test_a_stale_turn_never_passes_the_cap() -> None:
    world, (siren,) = waiting_world(1)
    given = pools(1, 1, waiting=ALL_WAIT, turn=Turn({siren: "84"}))
    outcome = decided(SERVICE, world.files[siren], message(OfferPlace(), key=siren), given)
    assert (outcome.events, outcome.draws) == ((), ())
    assert outcome.state is world.files[siren]


def test_who_is_served_is_taken_from_the_turn() -> None:
    world, (siren,) = waiting_world(1)
    given = pools(2, 1, waiting=ALL_WAIT, turn=Turn({siren: "84", "others": "11"}))
    outcome = decided(SERVICE, world.files[siren], message(OfferPlace(), key=siren), given)
    assert TURNS.drawn("2026-11-12", Turn({"others": "11"}, drawn=True)) in outcome.draws
    assert len(outcome.draws) == 3


# --- the regional reserve --------------------------------------------------------------------------------------------


def test_the_reserve_keeps_places_for_its_regions_until_it_is_freed() -> None:
    world, companies = reserved_world(cap=8, count=16)
    spring = NOW.replace(month=6)
    first, others = companies[::2], companies[1::2]
    for siren in companies:
        world.send(diagnosed(at=spring - timedelta(days=1), company=world.files[siren].company), siren)
    # Region 11: one place of its own, then the four open ones; three stay with region 84.
    dated = {"signed_on": spring.date()}
    assert [applied(world, siren, spring, **dated).state for siren in first] == ["attribue"] * 5 + ["liste_attente"] * 3
    assert [applied(world, siren, spring, **dated).state for siren in others[:4]] == ["attribue"] * 3 + [
        "liste_attente"
    ]
    assert world.cohorts[2026].granted == 8


def test_what_the_reserve_kept_is_given_to_the_list_when_it_is_freed() -> None:
    world, companies = reserved_world(cap=8, count=16)
    spring = NOW.replace(month=6)
    for siren in companies[::2]:
        world.send(diagnosed(at=spring - timedelta(days=1), company=replace(COMPANY, region="11")), siren)
        applied(world, siren, spring, signed_on=spring.date())
    assert world.cohorts[2026].granted == 5
    world.settle(datetime(2026, 9, 30, 22, 0, tzinfo=UTC))
    assert world.cohorts[2026].granted == 8
    assert world.queue == []


def test_before_anybody_waits_the_list_is_empty_and_it_is_nobodys_turn() -> None:
    assert WAITING.initial("all") == Waiting()
    assert TURNS.initial("2026-11-28") == Turn()


def test_the_order_of_the_list_is_the_order_of_the_times_that_people_are_shown() -> None:
    """Requests reach the list in another order than they came in: each is given a time after the one ahead of it."""
    world, companies = world_of(cap=0, count=4)
    late, early = NOW + timedelta(milliseconds=250), NOW
    for siren, at in zip(companies, (late, early, late, late + timedelta(seconds=1)), strict=True):
        world.send(application(), siren, at)
    told = [world.files[row.siren].application for row in world.queue]
    times = [application.submitted_at for application in told if application is not None]
    assert [row.siren for row in world.queue] == companies
    assert times == sorted(set(times))
    assert times == [row.since for row in world.queue]
    assert times[-1] == late + timedelta(seconds=1)
    assert times[2] - times[0] == timedelta(microseconds=2)
