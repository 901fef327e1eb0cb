"""Given a cohort and a waiting list, when a year is told something, then these offers follow, and they end."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from common.declare.aggregate import NOTHING
from common.declare.decision import Decision, Follow, Refusal, Schedule
from common.testing.rules import decided, rule_of
from labels.cohorts.cap import CohortAnswer
from labels.cohorts.inputs import PlacesOpen, ServeWaitingList, SetCohortCap
from labels.cohorts.serving import NEXT_ROUND, OPENING, PATIENCE, TICK
from labels.places.asking import AwaitOpening, OfferPlace
from labels.places.cohort import MAX_CAP, Cohort, entitled, grant, has_place, initial_cap, newcomer_has_place, quotas
from labels.places.waiting import ROUND, Turn, Waiting
from labels.ruleset import RULESETS, Reserve
from labels.service import SERVICE

from .builders import NOW, SIREN, application, message, pools, sirens
from .world import World, rules, with_reserve, world_of

NEW_YEAR = datetime(2026, 12, 31, 23, 0, tzinfo=UTC)
ONE_WAITS = Waiting(2, {"84": 1})


def served(given: dict[Any, Any], *offered: str, key: str = "2026", at: datetime = NOW) -> Decision[Any]:
    """What a year decides on its waiting list."""
    return decided(SERVICE, NOTHING, message(ServeWaitingList(offered), at, key), given)


def capped(cap: int, given: dict[Any, Any], at: datetime = NOW) -> Decision[Any]:
    """What a year decides on its new cap."""
    return decided(SERVICE, NOTHING, message(SetCohortCap(cap), at, "2026"), given)


# --- the cap ---------------------------------------------------------------------------------------------------------


def test_the_cohort_of_each_year_doubles() -> None:
    caps = [initial_cap(2026 + n) for n in range(5)]
    assert caps == [500, 1000, 2000, 4000, 8000]
    assert initial_cap(2025) is None
    assert initial_cap(2999) == MAX_CAP


def test_a_year_keeps_the_figures_in_force_when_it_begins() -> None:
    (shipped,) = RULESETS
    richer = replace(shipped.programme, first_cap=700)
    for begins, cap in ((datetime(2026, 12, 31, 23, tzinfo=UTC), 1400), (datetime(2027, 1, 1, 22, tzinfo=UTC), 1000)):
        with rules((replace(shipped, valid_from=begins, programme=richer), shipped)):
            assert initial_cap(2027) == cap


def test_the_reserve_is_its_share_of_the_cap_and_none_when_it_is_off() -> None:
    spring = date(2026, 6, 1)
    assert quotas(100, Reserve(99.0, 10, {"84": 1.0}), spring) == {"84": 99}
    assert quotas(100, Reserve(0.0, 10, {"84": 1.0}), spring) == {}


@pytest.mark.parametrize(
    ("granted", "kept", "region", "fits"),
    [
        ({"11": 1}, {"84": 1}, "84", True),
        ({"11": 1}, {"84": 1}, "24", False),
        ({"84": 1}, {"84": 1}, "84", True),
        ({"11": 1, "84": 1}, {"84": 1}, "84", False),
        ({"11": 2}, {"84": 0}, "84", False),
    ],
)
def test_of_two_places_one_kept(
    granted: Mapping[str, int], kept: Mapping[str, int], region: str, *, fits: bool
) -> None:
    assert has_place(Cohort(2026, 2, sum(granted.values()), granted), region, kept) is fits


@pytest.mark.parametrize(
    ("cap", "granted", "waiting", "region", "fits"),
    [
        (4, {}, {}, "24", True),
        (4, {}, {"11": 3}, "84", True),
        (4, {}, {"11": 3}, "24", False),
        (4, {}, {"11": 3}, "75", False),
        (4, {"84": 1}, {"11": 3}, "84", False),
        (4, {}, {"11": 3, "84": 1}, "84", False),
        (1, {"11": 1}, {"11": 3}, "84", False),
    ],
)
def test_a_newcomer_passes_those_who_wait_only_to_a_place_kept_for_its_region_where_nobody_waits(
    cap: int, granted: Mapping[str, int], waiting: Mapping[str, int], region: str, *, fits: bool
) -> None:
    cohort = Cohort(2026, cap, sum(granted.values()), granted)
    assert newcomer_has_place(cohort, waiting, region, {"84": 1, "75": 0}) is fits


def test_whose_turn_it_is_skips_whom_no_place_is_for_and_ends_at_the_most() -> None:
    queue = [("a", "11"), ("b", "11"), ("c", "84"), ("d", "84")]
    for most, served in ((4, ["a", "c"]), (1, ["a"])):
        assert list(entitled(Cohort(2026, 2), queue, {"84": 1}, most)) == served


def test_a_full_cohort_cannot_grant() -> None:
    with pytest.raises(ValueError, match="cohort 2026 is full: 1 of 1"):
        grant(Cohort(2026, 1, 1, {"84": 1}), "84")


def test_the_cap_cannot_go_below_what_is_granted() -> None:
    world, (siren,) = world_of(cap=5)
    world.send(application(), siren)
    answer = world.set_cap(0)
    assert isinstance(answer, Refusal)
    assert (answer.kind, answer.code, answer.field) == ("illegal", "plafond_trop_bas", "cap")
    assert world.set_cap(1) == CohortAnswer(2026, 1, 1, 0, 0)
    assert "2026" not in world.files


def test_the_same_cap_again_writes_nothing() -> None:
    outcome = capped(7, pools(7))
    assert outcome.state is NOTHING
    assert (outcome.draws, outcome.follow_ups, outcome.deadlines) == ((), (), ())


def test_a_year_before_the_programme_has_no_cohort() -> None:
    answer = World().set_cap(10, 2025)
    assert isinstance(answer, Refusal)
    assert (answer.kind, answer.code) == ("unknown", "annee_inconnue")


def test_a_raised_cap_serves_those_who_wait() -> None:
    outcome = capped(3, pools(2, 2, waiting=ONE_WAITS))
    assert outcome.follow_ups == (Follow("2026", ServeWaitingList()),)
    assert outcome.answer == CohortAnswer(2026, 3, 2, 1, 1)


@pytest.mark.parametrize(
    ("cap", "waiting", "at"),
    [(3, Waiting(), NOW), (2, ONE_WAITS, NOW), (3, ONE_WAITS, NEW_YEAR), (3, ONE_WAITS, NOW.replace(year=2025))],
    ids=["nobody waits", "no place is free", "the year is over", "the year has not begun"],
)
def test_a_cap_that_serves_nobody_asks_for_nothing(cap: int, waiting: Waiting, at: datetime) -> None:
    assert capped(cap, pools(2, 2, waiting=waiting), at).follow_ups == ()


# --- rounds of offers ------------------------------------------------------------------------------------------------


def test_a_round_offers_a_place_to_everybody_whose_turn_it_is_then_looks_again() -> None:
    first, second = sirens(2)
    outcome = served(pools(2, waiting=Waiting(4, {"84": 2, "11": 1}), turn=Turn({first: "84", second: "11"})))
    assert outcome.follow_ups == (Follow(first, OfferPlace(), "84"), Follow(second, OfferPlace(), "11"))
    assert outcome.deadlines == (Schedule(NEXT_ROUND, NOW + TICK, ServeWaitingList((first, second))),)
    assert outcome.draws == ()
    assert timedelta(0) < TICK < PATIENCE, "the next round comes after its offers, and rests where all are held"


def test_nobody_is_offered_a_place_twice_in_a_row() -> None:
    first, second, third = sirens(3)
    turn = Turn({second: "84", third: "84"})
    outcome = served(pools(9, waiting=Waiting(4, {"84": 2}), turn=turn), first, second)
    assert [follow.key for follow in outcome.follow_ups] == [third]
    assert outcome.deadlines == (Schedule(NEXT_ROUND, NOW + TICK, ServeWaitingList((second, third))),)


def test_while_other_processes_hold_the_offers_it_looks_again_later_and_offers_nothing() -> None:
    outcome = served(pools(9, waiting=ONE_WAITS, turn=Turn({SIREN: "84"})), SIREN)
    assert outcome.follow_ups == ()
    assert outcome.deadlines == (Schedule(NEXT_ROUND, NOW + PATIENCE, ServeWaitingList((SIREN,))),)


@pytest.mark.parametrize(
    "given",
    [
        pools(5, 5, waiting=ONE_WAITS),
        pools(5),
        pools(5, waiting=ONE_WAITS),
        pools(5, turn=Turn(drawn=True)),
        pools(5, 5, waiting=ONE_WAITS, turn=Turn(drawn=True)),
    ],
    ids=["full", "nobody waits", "kept for others", "the last was served", "the last place went"],
)
def test_when_nobody_can_be_served_it_ends(given: dict[Any, Any]) -> None:
    assert served(given, SIREN) == Decision(NOTHING)


def test_a_place_left_by_a_refusal_in_the_same_batch_is_looked_at_again() -> None:
    outcome = served(pools(5, waiting=ONE_WAITS, turn=Turn(drawn=True)), SIREN)
    assert outcome.deadlines == (Schedule(NEXT_ROUND, NOW + TICK, ServeWaitingList()),)


@pytest.mark.parametrize(("key", "at"), [("2026", NEW_YEAR), ("2027", NOW)])
def test_only_the_year_that_runs_serves_and_locks(key: str, at: datetime) -> None:
    assert served({}, key=key, at=at) == Decision(NOTHING)


def test_a_year_before_the_programme_serves_nobody() -> None:
    world = World()
    assert world.send(ServeWaitingList(), "2025", NOW.replace(year=2025)) == Decision(NOTHING)


def test_more_than_a_round_is_served_round_by_round() -> None:
    world, companies = world_of(cap=0, count=2 * ROUND + 10)
    for siren in companies:
        world.send(application(), siren)
    world.fire()
    world.send(SetCohortCap(2 * ROUND + 5), "2026")
    decisions = world.settle()
    assert decisions == 2 * ROUND + 5 + 4  # every offer once, three rounds of offers and one that finds nobody
    assert world.cohorts[2026].free == 0
    assert [row.siren for row in world.queue] == companies[2 * ROUND + 5 :]
    assert world.settle(NOW + timedelta(days=1)) == 0


# --- the deadline of the list ----------------------------------------------------------------------------------------


def test_the_first_file_that_waits_has_the_list_served_when_places_open() -> None:
    world, companies = world_of(cap=0, count=2)
    first, second = (world.send(application(), siren) for siren in companies)
    assert first.follow_ups == (Follow("2027", AwaitOpening(NEW_YEAR)),)
    assert second.follow_ups == ()
    world.fire()
    assert {place: timer.due for place, timer in world.deadlines.items()} == {("2027", OPENING): NEW_YEAR}


def test_with_a_reserve_places_first_open_when_it_is_freed() -> None:
    freed = datetime(2026, 9, 30, 22, 0, tzinfo=UTC)
    with rules(with_reserve(50.0, r84=1.0)):
        opened = decided(SERVICE, NOTHING, message(PlacesOpen(), freed, "2026"), pools(waiting=ONE_WAITS))
    assert opened.follow_ups == (Follow("2026", ServeWaitingList()), Follow("2027", AwaitOpening(NEW_YEAR)))


def test_when_places_open_and_nobody_waits_nothing_follows() -> None:
    assert decided(SERVICE, NOTHING, message(PlacesOpen(), NEW_YEAR, "2027"), pools()) == Decision(NOTHING)


def test_every_rule_that_serves_names_what_it_locks() -> None:
    for content, key, names in (
        (SetCohortCap(1), "2026", ["cohort_places", "waiting"]),
        (PlacesOpen(), "2026", ["waiting"]),
        (ServeWaitingList(), "2026", ["cohort_places", "waiting", "waiting_turns"]),
    ):
        named = rule_of(SERVICE, content).pools
        assert named is not None
        refs = list(named(message(content, NOW, key), NOTHING))
        assert [ref.pool for ref in refs] == names
        assert refs == sorted(refs)
