"""Given what is known, when an input comes, then these facts and this answer follow."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from common.decision import Rejection
from labels.decide import decide
from labels.events import LabelApplied, LabelExpired, LabelGranted, LabelRefused, LabelWaitlisted
from labels.inputs import (
    CompanyProfileUpdated,
    LabelTermReached,
    OfferPlace,
    PlaceReviewDue,
    SetCohortCap,
)
from labels.model import ApplicationAnswer, Cohort, CohortAnswer, LabelFile, Programme
from labels.rules.answers import answer_of
from labels.rules.cohort import MAX_CAP, grant, initial_cap
from labels.settings import rulesets

from .builders import (
    COMPANY,
    NOW,
    SIREN,
    STARS,
    VECTOR_B,
    World,
    application,
    diagnosed,
    engagements,
    message,
    ready_file,
    sirens,
    with_cap,
)


def applied(world: World, siren: str = SIREN, at: datetime = NOW, **changes: Any) -> Any:
    """The answer to an application."""
    return world.send(application(**changes), siren, at).answer


def world_of(cap: int, count: int = 1) -> tuple[World, list[str]]:
    """A world where so many companies can pass, with so many places."""
    world, companies = World(), sirens(count)
    for siren in companies:
        world.send(diagnosed(), siren)
    world.send(SetCohortCap(2026, cap), "cohorte-2026")
    world.events.clear()
    return world, companies


# --- what is known of a company --------------------------------------------------------------------------------------


def test_the_last_full_diagnosis_is_kept() -> None:
    world = World()
    world.send(diagnosed(VECTOR_B, NOW - timedelta(days=60)))
    world.send(diagnosed(at=NOW - timedelta(days=30), stage="T1"))
    file = world.files[SIREN]
    assert file.diagnosis is not None
    assert file.diagnosis.global_score == pytest.approx(84.815, abs=0.001)
    assert file.first_global == pytest.approx(43.758, abs=0.001)
    assert file.second_global == file.diagnosis.global_score


@pytest.mark.parametrize("event", [diagnosed(kind="express"), diagnosed(VECTOR_B, NOW - timedelta(days=31))])
def test_an_express_or_an_older_diagnosis_changes_nothing(event: object) -> None:
    file = ready_file()
    assert decide(file, with_cap(1), message(event)).state is file


def test_a_diagnosis_seen_twice_changes_nothing() -> None:
    file = ready_file()
    assert decide(file, with_cap(1), message(diagnosed())).state is file


def test_the_register_outranks_the_snapshot_of_a_diagnosis() -> None:
    world = World()
    world.send(diagnosed(at=NOW - timedelta(days=60)))
    closed = replace(COMPANY, active=False)
    world.send(CompanyProfileUpdated(closed, 2))
    world.send(CompanyProfileUpdated(COMPANY, 1))
    world.send(diagnosed(at=NOW - timedelta(days=30)))
    assert world.files[SIREN].company == closed
    assert applied(world).codes == ("entreprise_fermee",)


# --- applications ----------------------------------------------------------------------------------------------------


def test_an_admissible_application_is_granted_at_once() -> None:
    world, (siren,) = world_of(cap=1)
    answer = applied(world, siren)
    file = world.files[siren]
    assert file.label is not None
    assert file.application is not None
    assert world.events == [
        LabelApplied(siren, file.application.application_id, "2026.1", "84"),
        LabelGranted(
            siren=siren,
            label_id=file.label.label_id,
            cohort_year=2026,
            rank=1,
            score=30,
            exemplary=False,
            granted_at=NOW,
            expires_at=datetime(2028, 11, 12, 23, 0, tzinfo=UTC),  # midnight in Paris after 12 November 2028
            verification_path=f"/v1/labels/{file.label.label_id}",
            region="84",
            name="Ateliers Lumière",
        ),
    ]
    assert answer.state == "attribue"
    assert answer.label.label_id == file.label.label_id
    assert answer.next_step == "Affichez votre label. Il est valable jusqu'au 12/11/2028 inclus."
    assert answer.ruleset_version == "2026.1"
    assert world.cohorts[2026] == Cohort(2026, 1, 1, {"84": 1})


def test_a_file_with_all_proofs_is_exemplary() -> None:
    world, (siren,) = world_of(cap=1)
    assert applied(world, siren, engagements=engagements(proved=range(1, 13))).exemplary
    (granted,) = world.of(LabelGranted)
    assert (granted.score, granted.exemplary) == (48, True)


def test_a_company_whose_data_may_not_be_shown_has_no_name() -> None:
    world, (siren,) = world_of(cap=1)
    world.send(CompanyProfileUpdated(replace(COMPANY, name=None), 1), siren)
    applied(world, siren)
    assert world.of(LabelGranted)[0].name is None


def test_a_refusal_is_an_event_with_every_reason() -> None:
    world, (siren,) = world_of(cap=1)
    answer = applied(world, siren, engagements=engagements(proved=STARS[1:]), no_insolvency=False)
    (refused,) = world.of(LabelRefused)
    assert refused.codes == answer.codes == ("preuve_1", "procedure_collective")
    assert refused.reasons == answer.reasons
    assert answer.state == "refuse"
    assert world.cohorts[2026].granted == 0


def test_an_unknown_company_is_refused_for_want_of_a_diagnosis() -> None:
    world = World()
    assert applied(world).codes == ("diagnostic_absent",)
    assert [type(event) for event in world.events] == [LabelApplied, LabelRefused]


@pytest.mark.parametrize("cap", [0, 1])
def test_the_same_application_again_gets_the_same_answer_and_no_event(cap: int) -> None:
    world, (siren,) = world_of(cap=cap)
    first = applied(world, siren)
    published = list(world.events)
    again = world.send(application(), siren, NOW + timedelta(days=3))
    assert again.answer == first
    assert again.state is world.files[siren]
    assert world.events == published


@pytest.mark.parametrize(("cap", "title"), [(0, "Une candidature est déjà en cours"), (1, "Label déjà attribué")])
def test_another_application_while_one_stands_is_a_conflict(cap: int, title: str) -> None:
    world, (siren,) = world_of(cap=cap)
    applied(world, siren)
    published = list(world.events)
    answer = applied(world, siren, engagements=engagements(proved=range(1, 13)))
    assert isinstance(answer, Rejection)
    assert (answer.status, answer.title, answer.field) == (409, title, "siren")
    assert world.events == published


def test_a_refused_application_sent_again_is_answered_again_without_event() -> None:
    world = World()
    world.send(diagnosed(VECTOR_B))
    first = applied(world)
    again = world.send(application(), at=NOW + timedelta(days=1))
    assert again.answer == first
    assert again.events == ()


def test_a_refused_application_sent_again_is_judged_again_when_the_facts_have_changed() -> None:
    world = World()
    world.send(diagnosed(VECTOR_B))
    first = applied(world)
    world.send(diagnosed(at=NOW - timedelta(days=1)))
    second = applied(world)
    assert (first.state, second.state) == ("refuse", "attribue")
    assert first.application_id != second.application_id


def test_the_diagnosis_may_arrive_after_a_first_application() -> None:
    world = World()
    assert applied(world).state == "refuse"
    world.send(diagnosed())
    assert applied(world).state == "attribue"


def test_applications_before_the_programme_are_turned_away() -> None:
    world = World()
    world.send(diagnosed(at=datetime(2025, 12, 1, tzinfo=UTC)))
    answer = applied(world, at=datetime(2025, 12, 31, 22, 59, tzinfo=UTC))
    assert isinstance(answer, Rejection)
    assert answer.status == 409
    assert "1er janvier 2026" in answer.detail
    assert world.events == []


def test_a_replay_gives_the_same_ids() -> None:
    wanted = message(application())
    one, two = (decide(ready_file(), with_cap(1), wanted) for _ in range(2))
    assert one == two


def test_an_input_that_is_not_declared_is_a_bug() -> None:
    with pytest.raises(TypeError, match="str"):
        decide(ready_file(), with_cap(1), message("?"))


# --- the waiting list ------------------------------------------------------------------------------------------------


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
    world.send(SetCohortCap(2026, 2), "cohorte-2026")
    third: Any = world.send(OfferPlace(), companies[2]).answer
    assert third.state == "liste_attente"
    second: Any = world.send(OfferPlace(), companies[1]).answer
    assert second.state == "attribue"
    assert [event.rank for event in world.of(LabelGranted)] == [1, 2]
    assert world.send(OfferPlace(), companies[2]).events == ()


def test_places_reach_those_whose_turn_it_is_in_any_order() -> None:
    world, companies = world_of(cap=0, count=5)
    for siren in companies:
        applied(world, siren)
    world.send(SetCohortCap(2026, 3), "cohorte-2026")
    for siren in reversed(companies):
        world.send(OfferPlace(), siren)
    assert {event.siren for event in world.of(LabelGranted)} == set(companies[:3])


def test_a_newcomer_never_overtakes_the_waiting_list() -> None:
    world, companies = world_of(cap=0, count=2)
    applied(world, companies[0])
    world.send(SetCohortCap(2026, 5), "cohorte-2026")
    assert applied(world, companies[1]).position == 2
    world.send(OfferPlace(), companies[0])
    world.send(OfferPlace(), companies[1])
    assert [event.siren for event in world.of(LabelGranted)] == companies


def test_a_company_that_closed_while_it_waited_is_refused_and_leaves_its_place() -> None:
    world, companies = world_of(cap=0, count=2)
    for siren in companies:
        applied(world, siren)
    world.send(CompanyProfileUpdated(replace(COMPANY, active=False), 1), companies[0])
    world.send(SetCohortCap(2026, 1), "cohorte-2026")
    answer: Any = world.send(OfferPlace(), companies[0]).answer
    assert (answer.state, answer.codes) == ("refuse", ("entreprise_fermee",))
    answer = world.send(OfferPlace(), companies[1]).answer
    assert answer.state == "attribue"
    assert world.queue == []


def test_waiting_does_not_age_a_file() -> None:
    world, (siren,) = world_of(cap=0)
    applied(world, siren)
    world.fire(datetime(2027, 1, 1, tzinfo=UTC))
    (granted,) = world.of(LabelGranted)
    assert (granted.cohort_year, granted.rank) == (2027, 1)


def test_a_new_year_serves_the_list_first_and_no_more_than_its_cap() -> None:
    world, companies = world_of(cap=0, count=4)
    world.send(SetCohortCap(2027, 3), "cohorte-2027")
    for siren in companies:
        applied(world, siren)
    opening = datetime(2026, 12, 31, 23, 0, tzinfo=UTC)
    assert {schedule.due for schedule in world.deadlines.values()} == {opening}
    world.fire(opening)
    assert {event.siren for event in world.of(LabelGranted)} == set(companies[:3])
    assert world.cohorts[2027].granted == 3
    assert world.deadlines[companies[3], "place"].due == datetime(2027, 12, 31, 23, 0, tzinfo=UTC)
    assert (companies[0], "place") not in world.deadlines


def test_an_offer_to_a_company_that_does_not_wait_changes_nothing() -> None:
    world, (siren,) = world_of(cap=1)
    answer = world.send(OfferPlace(), siren).answer
    assert isinstance(answer, Rejection)
    assert answer.status == 404
    granted = applied(world, siren)
    assert world.send(OfferPlace(), siren).answer == granted
    assert world.send(PlaceReviewDue(), siren).deadlines == ()


def test_an_offer_before_the_programme_changes_nothing() -> None:
    world, (siren,) = world_of(cap=0)
    applied(world, siren)
    outcome = world.send(OfferPlace(), siren, datetime(2025, 6, 1, tzinfo=UTC))
    assert isinstance(outcome.answer, ApplicationAnswer)
    assert outcome.answer.state == "liste_attente"


def test_a_stale_turn_never_passes_the_cap() -> None:
    world, (siren,) = world_of(cap=0)
    applied(world, siren)
    programme = with_cap(1, waiting={"84": 1}, entitled={2026: frozenset({siren})})
    full = replace(programme, cohorts={2026: Cohort(2026, 1, 1, {"84": 1})})
    outcome = decide(world.files[siren], full, message(OfferPlace(), siren=siren))
    assert outcome.events == ()
    assert outcome.shared is full


# --- the programme and the life of a label ---------------------------------------------------------------------------


def test_the_cohort_of_each_year_doubles() -> None:
    caps = [initial_cap(Programme(rulesets()), 2026 + n) for n in range(5)]
    assert caps == [500, 1000, 2000, 4000, 8000]
    assert initial_cap(Programme(rulesets()), 2025) is None
    assert initial_cap(Programme(rulesets()), 2999) == MAX_CAP


def test_the_cap_cannot_go_below_what_is_granted() -> None:
    world, (siren,) = world_of(cap=5)
    applied(world, siren)
    answer = world.send(SetCohortCap(2026, 0), "cohorte-2026").answer
    assert isinstance(answer, Rejection)
    assert (answer.status, answer.field) == (409, "cap")
    outcome = world.send(SetCohortCap(2026, 1), "cohorte-2026")
    assert outcome.answer == CohortAnswer(2026, 1, 1, 0, 0)
    assert "cohorte-2026" not in world.files


def test_the_same_cap_again_writes_nothing() -> None:
    programme = with_cap(7)
    assert decide(LabelFile("cohorte-2026"), programme, message(SetCohortCap(2026, 7))).shared is programme


def test_a_year_before_the_programme_has_no_cohort() -> None:
    answer = World().send(SetCohortCap(2025, 10), "cohorte-2025").answer
    assert isinstance(answer, Rejection)
    assert answer.status == 404


def test_a_label_expires_at_its_term() -> None:
    world, (siren,) = world_of(cap=1)
    applied(world, siren)
    label = world.files[siren].label
    assert label is not None
    world.fire(label.expires_at)
    assert world.of(LabelExpired) == [LabelExpired(siren, label.label_id, label.expires_at, "84")]
    assert world.send(LabelTermReached(label.label_id), siren).events == ()


def test_the_answer_after_the_term_says_so() -> None:
    world, (siren,) = world_of(cap=1)
    applied(world, siren)
    world.fire(datetime(2028, 11, 12, 23, 0, tzinfo=UTC))
    file = world.files[siren]
    assert file.application is not None
    answer = answer_of(file, file.application)
    assert answer.label is not None
    assert answer.label.status == "expire"
    assert answer.next_step == "Votre label est arrivé à son terme : déposez une nouvelle candidature."


def test_a_full_cohort_cannot_grant() -> None:
    with pytest.raises(ValueError, match="cohort 2026 is full: 1 of 1"):
        grant(Cohort(2026, 1, 1, {"84": 1}), "84")


def test_the_term_of_another_label_changes_nothing() -> None:
    world, (siren,) = world_of(cap=1)
    applied(world, siren)
    assert world.send(LabelTermReached("another"), siren).events == ()


def test_after_its_term_a_company_can_apply_again() -> None:
    world, (siren,) = world_of(cap=1)
    applied(world, siren)
    later = datetime(2028, 12, 1, tzinfo=UTC)
    world.fire(later)
    world.send(diagnosed(at=later - timedelta(days=1)), siren)
    assert applied(world, siren, later).state == "attribue"
    assert len(world.of(LabelGranted)) == 2


# --- the regional reserve --------------------------------------------------------------------------------------------


def reserved_world(cap: int, count: int) -> tuple[World, list[str]]:
    """Half of the places kept for regions 84 and 11, 3 to 1; companies alternate between 11 and 84."""
    rules = rulesets()[0]
    reserve = replace(rules.programme.reserve, percent=50.0, weights={"84": 3.0, "11": 1.0})
    world = World((replace(rules, programme=replace(rules.programme, reserve=reserve)),))
    companies = sirens(count)
    for index, siren in enumerate(companies):
        world.send(diagnosed(company=replace(COMPANY, region="84" if index % 2 else "11")), siren)
    world.send(SetCohortCap(2026, cap), "cohorte-2026")
    return world, companies


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
    world.fire(datetime(2026, 9, 30, 22, 0, tzinfo=UTC))
    assert world.cohorts[2026].granted == 8
    assert world.queue == []
