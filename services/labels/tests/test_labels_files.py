"""Given a company's file, when an input comes, then these facts and this answer follow."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from common.declare.decision import Refusal
from common.testing.rules import decided
from labels.applications.answers import answer_of
from labels.applications.inputs import CompanyProfileUpdated, DiagnosticCompleted, LabelTermReached
from labels.applications.model import ApplicationAnswer, LabelFile
from labels.applications.refusals import unknown_application
from labels.events import LabelApplied, LabelExpired, LabelGranted, LabelRefused
from labels.places.cohort import Cohort
from labels.ruleset import RULESETS
from labels.service import SERVICE

from .builders import (
    COMPANY,
    NOW,
    SIREN,
    STARS,
    VECTOR_B,
    application,
    diagnosed,
    engagements,
    message,
    pools,
    ready_file,
)
from .world import World, world_of


def applied(world: World, siren: str = SIREN, at: datetime = NOW, **changes: Any) -> Any:
    """The answer to an application."""
    return world.send(application(**changes), siren, at).answer


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
    assert decided(SERVICE, file, message(event)).state is file


def test_progress_goes_from_the_first_diagnosis_t0_to_the_last_t1() -> None:
    world, told = World(), list[tuple[float | None, float | None]]()
    for days, stage in ((60, "T1"), (50, "T0"), (40, "T0"), (30, "T1"), (20, "T2")):
        scores = dict.fromkeys(VECTOR_B, float(100 - days))
        world.send(diagnosed(scores, NOW - timedelta(days=days), stage=stage))
        told.append((world.files[SIREN].first_global, world.files[SIREN].second_global))
    assert told == [(None, 40.0), (50.0, 40.0), (50.0, 40.0), (50.0, 70.0), (50.0, 70.0)]


def test_a_snapshot_without_a_version_is_of_the_first_one() -> None:
    world, closed = World(), replace(COMPANY, active=False)
    world.send(CompanyProfileUpdated(COMPANY, 1))
    world.send(DiagnosticCompleted("d", "complet", "T0", NOW, VECTOR_B, 43.0, closed))
    assert world.files[SIREN].company == closed
    assert (LabelFile(SIREN).region, world.files[SIREN].region) == ("", "84")


def test_a_diagnosis_seen_twice_changes_nothing() -> None:
    file = ready_file()
    assert decided(SERVICE, file, message(diagnosed())).state is file


def test_the_register_outranks_the_snapshot_of_a_diagnosis() -> None:
    world = World()
    world.send(diagnosed(at=NOW - timedelta(days=60)))
    closed = replace(COMPANY, active=False)
    world.send(CompanyProfileUpdated(closed, 2))
    world.send(CompanyProfileUpdated(COMPANY, 1))
    world.send(diagnosed(at=NOW - timedelta(days=30)))
    assert world.files[SIREN].company == closed
    assert applied(world).codes == ("entreprise_fermee",)


def test_a_snapshot_newer_than_what_the_register_was_heard_to_say_counts() -> None:
    world = World()
    closed = replace(COMPANY, active=False)
    world.send(CompanyProfileUpdated(COMPANY, 2))
    world.send(diagnosed(at=NOW - timedelta(days=60), company=closed, company_version=3))
    assert applied(world).codes == ("entreprise_fermee",)
    world.send(diagnosed(at=NOW - timedelta(days=90), company=COMPANY, company_version=4))
    assert world.files[SIREN].company == COMPANY


def test_of_two_diagnoses_of_one_instant_the_one_told_last_counts() -> None:
    """The order of a company's events is that of its topic; instants may be equal."""
    world = World()
    world.send(diagnosed(VECTOR_B))
    world.send(diagnosed(diagnostic_id="same-instant"))
    file = world.files[SIREN]
    assert file.diagnosis is not None
    assert file.diagnosis.diagnostic_id == "same-instant"
    assert applied(world).state == "attribue"


# --- applications ----------------------------------------------------------------------------------------------------


def test_an_admissible_application_is_granted_at_once() -> None:
    world, (siren,) = world_of(cap=1)
    answer = applied(world, siren)
    file = world.files[siren]
    assert file.label is not None
    assert file.application is not None
    assert world.events == [
        LabelApplied(
            siren=siren, application_id=file.application.application_id, charter_version="2026.1", region="84"
        ),
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
    assert (answer.state, answer.cohort_year, answer.position) == ("attribue", 2026, None)
    assert answer_of(file, file.application, 3).position is None, "who has the label waits at no place"
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
    world.send(CompanyProfileUpdated(replace(COMPANY, name=None), 2), siren)
    applied(world, siren)
    assert world.of(LabelGranted)[0].name is None


def test_a_refusal_is_an_event_with_every_reason() -> None:
    world, (siren,) = world_of(cap=1)
    answer = applied(world, siren, engagements=engagements(proved=STARS[1:]), no_insolvency=False)
    (refused,) = world.of(LabelRefused)
    assert refused.codes == answer.codes == ("preuve_1", "procedure_collective")
    assert refused.reasons == answer.reasons
    assert (answer.state, answer.cohort_year, answer.position, answer.label) == ("refuse", None, None, None)
    assert answer.next_step == "Corrigez chacun des points indiqués, puis déposez de nouveau votre candidature."
    assert world.cohorts[2026].granted == 0
    kept = world.files[siren].application
    assert kept is not None
    assert (kept.cohort_year, kept.position, kept.ticket) == (0, 0, 0)


def test_who_closed_is_told_to_have_that_mended_whatever_else_fails() -> None:
    world, (siren,) = world_of(cap=1)
    world.send(CompanyProfileUpdated(replace(COMPANY, active=False), 2), siren)
    answer = applied(world, siren, no_insolvency=False)
    assert answer.codes == ("entreprise_fermee", "procedure_collective")
    assert answer.next_step.startswith("Si l'entreprise est en activité, faites corriger sa situation")


@pytest.mark.parametrize("bar", [0, 48, 49])
def test_points_make_a_file_exemplary_from_their_bar_on_and_a_refused_one_has_none(bar: int) -> None:
    (shipped,) = RULESETS
    world = World((replace(shipped, score=replace(shipped.score, exemplary_from=bar)),))
    world.send(diagnosed())
    every = engagements(proved=range(1, 13))
    refused = applied(world, engagements=every, no_insolvency=False)
    assert (refused.state, refused.score, refused.exemplary) == ("refuse", 0, False)
    granted = applied(world, engagements=every)
    assert (granted.score, granted.exemplary) == (48, bar <= 48)


def test_a_company_without_a_full_diagnosis_is_a_conflict_that_says_so_and_publishes_nothing() -> None:
    """Nobody registered it, or its diagnosis is on its way: neither is a refusal that stays."""
    world = World()
    unknown = world.send(application()).answer
    assert isinstance(unknown, Refusal)
    assert (unknown.kind, unknown.code, unknown.field) == ("illegal", "entreprise_inconnue", "siren")
    assert "inscrivez l'entreprise" in unknown.detail
    world.send(CompanyProfileUpdated(COMPANY, 1))
    for _ in range(2):
        answer = world.send(application()).answer
        assert isinstance(answer, Refusal)
        assert (answer.kind, answer.code) == ("illegal", "diagnostic_complet_requis")
        assert "pris en compte en quelques secondes" in answer.detail
        world.send(diagnosed(kind="express"))
    assert world.events == []
    assert world.files[SIREN].application is None
    world.send(diagnosed())
    assert applied(world).state == "attribue"


@pytest.mark.parametrize("cap", [0, 1])
def test_the_same_application_again_gets_the_same_answer_and_no_event(cap: int) -> None:
    world, (siren,) = world_of(cap=cap)
    first = applied(world, siren)
    published = list(world.events)
    again = world.send(application(), siren, NOW + timedelta(days=3))
    if cap:
        assert again.answer == first
    else:  # what was counted then is no position now: the reading door counts it anew
        assert isinstance(again.answer, ApplicationAnswer)
        assert (first.position, again.answer.position) == (1, None)
        assert "Vous êtes sur la liste d'attente" in again.answer.next_step
        assert replace(again.answer, position=1, next_step=first.next_step) == first
    assert again.state is world.files[siren]
    assert world.events == published


@pytest.mark.parametrize(
    ("cap", "code", "title", "why"),
    [
        (
            0,
            "candidature_en_cours",
            "Une candidature est déjà en cours",
            "La candidature déposée le 12/11/2026 est sur liste d'attente. ",
        ),
        (
            1,
            "label_deja_attribue",
            "Label déjà attribué",
            "Le label a été attribué ; il est valable jusqu'au 12/11/2028 inclus. ",
        ),
    ],
)
def test_another_application_while_one_stands_is_a_conflict(cap: int, code: str, title: str, why: str) -> None:
    world, (siren,) = world_of(cap=cap)
    applied(world, siren)
    published = list(world.events)
    answer = applied(world, siren, engagements=engagements(proved=range(1, 13)))
    assert isinstance(answer, Refusal)
    assert (answer.kind, answer.code, answer.title, answer.field) == ("illegal", code, title, "siren")
    assert answer.detail.startswith(why)
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


def test_a_refused_application_that_differs_in_anything_is_judged_anew() -> None:
    world = World()
    world.send(diagnosed(VECTOR_B))
    ids = [applied(world).application_id, applied(world, engagements=engagements(proved=(*STARS, 7))).application_id]
    world.send(diagnosed(VECTOR_B, NOW - timedelta(days=1)))
    ids.append(applied(world, engagements=engagements(proved=(*STARS, 7))).application_id)
    world.send(CompanyProfileUpdated(replace(COMPANY, sme_category="hors_pme"), 2))
    ids.append(applied(world, engagements=engagements(proved=(*STARS, 7))).application_id)
    assert len(set(ids)) == len(world.of(LabelRefused)) == 4


def test_a_company_that_never_applied_is_named() -> None:
    refusal = unknown_application(SIREN)
    assert (refusal.kind, refusal.code, refusal.field) == ("unknown", "candidature_inconnue", "siren")
    assert SIREN in refusal.detail


def test_the_diagnosis_may_arrive_after_a_first_application() -> None:
    world = World()
    assert isinstance(applied(world), Refusal)
    world.send(diagnosed())
    assert applied(world).state == "attribue"


def test_applications_before_the_programme_are_turned_away() -> None:
    world = World()
    world.send(diagnosed(at=datetime(2025, 12, 1, tzinfo=UTC)))
    answer = applied(world, at=datetime(2025, 12, 31, 22, 59, tzinfo=UTC))
    assert isinstance(answer, Refusal)
    assert (answer.kind, answer.code) == ("illegal", "programme_pas_ouvert")
    assert "1er janvier 2026" in answer.detail
    assert world.events == []


def test_a_replay_gives_the_same_ids() -> None:
    wanted = message(application())
    one, two = (decided(SERVICE, ready_file(), wanted, pools()) for _ in range(2))
    assert one == two


# --- the life of a label ---------------------------------------------------------------------------------------------


def test_a_label_expires_at_its_term() -> None:
    world, (siren,) = world_of(cap=1)
    applied(world, siren)
    label = world.files[siren].label
    assert label is not None
    world.fire(label.expires_at)
    assert world.of(LabelExpired) == [
        LabelExpired(siren=siren, label_id=label.label_id, expired_at=label.expires_at, region="84")
    ]
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


def test_the_term_of_another_label_changes_nothing() -> None:
    world, (siren,) = world_of(cap=1)
    applied(world, siren)
    assert world.send(LabelTermReached("another"), siren).events == ()


def test_the_term_of_a_label_that_was_never_given_changes_nothing() -> None:
    assert World().send(LabelTermReached("another")).events == ()


def test_the_same_application_after_a_short_term_is_another_label() -> None:
    (shipped,) = RULESETS
    world = World((replace(shipped, label=replace(shipped.label, valid_months=1)),))
    world.send(diagnosed())
    applied(world)
    later = NOW + timedelta(days=35)
    world.fire(later)
    assert applied(world, at=later).state == "attribue"
    assert len(world.of(LabelGranted)) == 2


def test_who_applies_again_after_its_term_is_told_nothing_of_the_old_label() -> None:
    world, (siren,) = world_of(cap=1)
    applied(world, siren)
    later = datetime(2028, 12, 1, tzinfo=UTC)
    world.fire(later)
    refused = applied(world, siren, later)
    assert (refused.codes, refused.label) == (("diagnostic_perime",), None)
    world.send(diagnosed(at=later - timedelta(days=1)), siren)
    world.set_cap(0, 2028, later)
    assert applied(world, siren, later).state == "liste_attente"
    other = applied(world, siren, later, engagements=engagements(proved=range(1, 13)))
    assert "La candidature déposée le 01/12/2028 est sur liste d'attente." in other.detail


def test_after_its_term_a_company_can_apply_again() -> None:
    world, (siren,) = world_of(cap=1)
    applied(world, siren)
    later = datetime(2028, 12, 1, tzinfo=UTC)
    world.fire(later)
    world.send(diagnosed(at=later - timedelta(days=1)), siren)
    assert applied(world, siren, later).state == "attribue"
    assert len(world.of(LabelGranted)) == 2
