"""The rules of the label: one input, one decision. Pure: time is the message's time, ids derive from its id."""

from typing import TypeAlias

from msgspec.structs import replace

from common.decision import Cancel, Decision, Schedule
from common.event import Event, derive_id
from common.message import Message
from france.days import paris_day
from labels.events import LabelApplied, LabelExpired, LabelGranted, LabelRefused, LabelWaitlisted
from labels.inputs import (
    ApplyForLabel,
    CompanyProfileUpdated,
    DiagnosticCompleted,
    LabelTermReached,
    OfferPlace,
    PlaceReviewDue,
    SetCohortCap,
)
from labels.model import (
    Application,
    Cohort,
    CohortAnswer,
    Diagnosis,
    Label,
    LabelFile,
    Programme,
    Queued,
    Unqueued,
)
from labels.rules import cohort as places
from labels.rules import rejections
from labels.rules.admission import company_reasons, refusal_reasons
from labels.rules.answers import answer_of, verification_path
from labels.rules.calendar import end_of_term, programme_year
from labels.rules.score import file_score

Outcome: TypeAlias = Decision[LabelFile, Programme]

APPLICATION_ID, LABEL_ID = 1000, 1001
"""Indexes of the ids that derive from a message, clear of those of events."""

TERM, PLACE = "terme", "place"
"""Names of the deadlines of a file: its label ends; new places open while it waits."""


def decide(file: LabelFile, programme: Programme, message: Message[object]) -> Outcome:
    """What one input changes in a file and in the programme, and what the world is told.

    Raises:
        TypeError: an input that the service does not declare.
    """
    match message.input:
        case DiagnosticCompleted() as completed:
            return _diagnosed(file, programme, completed)
        case CompanyProfileUpdated() as updated:
            return _profile_updated(file, programme, updated)
        case ApplyForLabel() as content:
            return _applied(file, programme, message, content)
        case OfferPlace() | PlaceReviewDue():
            return _place_offered(file, programme, message)
        case SetCohortCap() as wanted:
            return _cap_set(file, programme, wanted)
        case LabelTermReached() as reached:
            return _term_reached(file, programme, message, reached)
        case other:
            raise TypeError(f"labels does not decide on {type(other).__name__}")


# --- what is known of a company --------------------------------------------------------------------------------------


def _diagnosed(file: LabelFile, programme: Programme, completed: DiagnosticCompleted) -> Outcome:
    """Keep the last full diagnosis; an express one never leads to a label."""
    known = file.diagnosis
    if completed.kind != "complet" or (known is not None and completed.completed_at <= known.completed_at):
        return Decision(file, programme)
    first, second = file.first_global, file.second_global
    if completed.stage == "T0" and first is None:
        first = completed.global_score
    elif completed.stage == "T1":
        second = completed.global_score
    diagnosis = Diagnosis(completed.diagnostic_id, completed.completed_at, completed.scores, completed.global_score)
    company = file.company if file.profile_version else completed.company
    known_now = LabelFile(
        file.siren, company, file.profile_version, diagnosis, first, second, file.application, file.label
    )
    return Decision(known_now, programme)


def _profile_updated(file: LabelFile, programme: Programme, updated: CompanyProfileUpdated) -> Outcome:
    """Keep the newest profile: it outranks the snapshot that a diagnosis carries."""
    if updated.version <= file.profile_version:
        return Decision(file, programme)
    return Decision(replace(file, company=updated.company, profile_version=updated.version), programme)


# --- applications ----------------------------------------------------------------------------------------------------


def _applied(file: LabelFile, programme: Programme, message: Message[object], content: ApplyForLabel) -> Outcome:
    """Decide an application: refused with every reason, granted, or put on the waiting list."""
    cohort = programme.cohorts.get(programme_year(message.time))
    if cohort is None:
        return Decision(file, programme, answer=rejections.not_open(programme, message.time))
    previous = file.application
    if previous is not None and _is_pending(file, previous):
        repeated = previous.content == content
        answer = answer_of(file, previous) if repeated else rejections.already(file, previous)
        return Decision(file, programme, answer=answer)
    ruleset = programme.ruleset_at(message.time)
    reasons = refusal_reasons(file, content, ruleset, message.time)
    score = 0 if reasons else file_score(file, content, ruleset)
    application = Application(
        application_id=str(derive_id(message.id, APPLICATION_ID)),
        content=content,
        submitted_at=message.time,
        ruleset_version=ruleset.version,
        diagnostic_id=file.diagnosis.diagnostic_id if file.diagnosis is not None else "",
        status="refuse",
        reasons=reasons,
        region=_region(file),
        score=score,
        exemplary=not reasons and score >= ruleset.score.exemplary_from,
    )
    if previous is not None and _is_repeated(previous, application):
        return Decision(file, programme, answer=answer_of(file, previous))
    applied = LabelApplied(file.siren, application.application_id, content.charter_version, _region(file))
    if reasons:
        return _refused(file, programme, application, applied)
    kept = places.quotas(cohort.cap, ruleset.programme.reserve, paris_day(message.time))
    if places.newcomer_has_place(programme, cohort, application.region, kept):
        return _granted(file, programme, cohort, application, message, applied)
    return _waitlisted(file, programme, cohort, application, message, applied)


def _is_pending(file: LabelFile, application: Application) -> bool:
    """Whether an earlier application stands in the way of a new one: it waits, or its label is active."""
    return application.status == "liste_attente" or (file.label is not None and file.label.status == "actif")


def _is_repeated(previous: Application, application: Application) -> bool:
    """Whether a refused application is sent again and nothing has changed that could change its outcome."""
    return (
        previous.status == "refuse"
        and previous.content == application.content
        and previous.diagnostic_id == application.diagnostic_id
        and previous.reasons == application.reasons
    )


def _refused(file: LabelFile, programme: Programme, application: Application, *before: Event) -> Outcome:
    """Refuse for the reasons that the application carries."""
    event = LabelRefused(
        siren=file.siren,
        application_id=application.application_id,
        reasons=tuple(reason.text for reason in application.reasons),
        codes=tuple(reason.code for reason in application.reasons),
        region=_region(file),
    )
    file = replace(file, application=application)
    return Decision(file, programme, (*before, event), answer=answer_of(file, application))


def _granted(
    file: LabelFile,
    programme: Programme,
    cohort: Cohort,
    application: Application,
    message: Message[object],
    *before: Event,
) -> Outcome:
    """Take a place of the cohort. The caller has made sure that there is one."""
    cohort = places.grant(cohort, application.region)
    label = Label(
        label_id=str(derive_id(message.id, LABEL_ID)),
        cohort_year=cohort.year,
        rank=cohort.granted,
        granted_at=message.time,
        expires_at=end_of_term(message.time, programme.ruleset_at(message.time).label.valid_months),
    )
    application = replace(application, status="attribue", cohort_year=cohort.year)
    event = LabelGranted(
        siren=file.siren,
        label_id=label.label_id,
        cohort_year=cohort.year,
        rank=label.rank,
        score=application.score,
        exemplary=application.exemplary,
        granted_at=label.granted_at,
        expires_at=label.expires_at,
        verification_path=verification_path(label.label_id),
        region=_region(file),
        name=file.company.name if file.company is not None else None,
    )
    file = replace(file, application=application, label=label)
    programme = replace(programme, cohorts={**programme.cohorts, cohort.year: cohort})
    term = Schedule(TERM, label.expires_at, LabelTermReached(label.label_id))
    return Decision(file, programme, (*before, event), deadlines=(term,), answer=answer_of(file, application))


def _waitlisted(
    file: LabelFile,
    programme: Programme,
    cohort: Cohort,
    application: Application,
    message: Message[object],
    *before: Event,
) -> Outcome:
    """Put a complete file at the end of the waiting list."""
    region, ticket = application.region, programme.next_ticket
    position = sum(programme.waiting.values()) + 1
    application = replace(
        application, status="liste_attente", cohort_year=cohort.year, position=position, ticket=ticket
    )
    event = LabelWaitlisted(file.siren, application.application_id, cohort.year, position, region)
    file = replace(file, application=application)
    programme = replace(programme, waiting=places.moved(programme.waiting, region, 1), next_ticket=ticket + 1)
    return Decision(
        file,
        programme,
        (*before, event),
        rows=(Queued(file.siren, ticket, region, cohort.year, message.time),),
        deadlines=(_review(programme, message),),
        answer=answer_of(file, application),
    )


# --- the waiting list ------------------------------------------------------------------------------------------------


def _place_offered(file: LabelFile, programme: Programme, message: Message[object]) -> Outcome:
    """Serve a waiting file if it is its turn; it must still be an SME at work in France, its file stands as it is."""
    application = file.application
    if application is None:
        return Decision(file, programme, answer=rejections.unknown_application(file.siren))
    if application.status != "liste_attente":
        return Decision(file, programme, answer=answer_of(file, application))
    cohort = programme.cohorts.get(programme_year(message.time))
    ruleset = programme.ruleset_at(message.time)
    reserve = ruleset.programme.reserve
    if cohort is None or file.siren not in programme.entitled.get(cohort.year, ()):
        return _still_waiting(file, programme, application, message)
    if not places.has_place(cohort, application.region, places.quotas(cohort.cap, reserve, paris_day(message.time))):
        return _still_waiting(file, programme, application, message)
    programme = replace(programme, waiting=places.moved(programme.waiting, application.region, -1))
    reasons = company_reasons(file.company, ruleset.company) if file.company is not None else ()
    if reasons:
        out = replace(application, status="refuse", reasons=reasons, cohort_year=0, position=0, ticket=0)
        outcome = _refused(file, programme, out)
    else:
        outcome = _granted(file, programme, cohort, application, message)
    deadlines = (*outcome.deadlines, Cancel(PLACE))
    return Decision(outcome.state, outcome.shared, outcome.events, (Unqueued(file.siren),), deadlines, outcome.answer)


def _still_waiting(
    file: LabelFile, programme: Programme, application: Application, message: Message[object]
) -> Outcome:
    """Nothing changes; a deadline that fired is set again for the next opening."""
    again = (_review(programme, message),) if isinstance(message.input, PlaceReviewDue) else ()
    return Decision(file, programme, deadlines=again, answer=answer_of(file, application))


def _review(programme: Programme, message: Message[object]) -> Schedule:
    reserve = programme.ruleset_at(message.time).programme.reserve
    return Schedule(PLACE, places.next_opening(message.time, reserve), PlaceReviewDue())


# --- the programme and the life of a label ---------------------------------------------------------------------------


def _cap_set(file: LabelFile, programme: Programme, wanted: SetCohortCap) -> Outcome:
    """Change the cap of a year, never below what is granted."""
    cohort = programme.cohorts.get(wanted.year)
    if cohort is None:
        return Decision(file, programme, answer=rejections.unknown_year(programme, wanted.year))
    if wanted.cap < cohort.granted:
        return Decision(file, programme, answer=rejections.cap_too_low(cohort))
    if wanted.cap != cohort.cap:
        cohort = replace(cohort, cap=wanted.cap)
        programme = replace(programme, cohorts={**programme.cohorts, cohort.year: cohort})
    waiting = sum(programme.waiting.values())
    return Decision(file, programme, answer=CohortAnswer(cohort.year, cohort.cap, cohort.granted, cohort.free, waiting))


def _term_reached(
    file: LabelFile, programme: Programme, message: Message[object], reached: LabelTermReached
) -> Outcome:
    """End a label whose term has come, unless it is another one by now."""
    label = file.label
    if label is None or label.label_id != reached.label_id or label.status != "actif":
        return Decision(file, programme)
    event = LabelExpired(file.siren, label.label_id, message.time, _region(file))
    return Decision(replace(file, label=replace(label, status="expire")), programme, (event,))


def _region(file: LabelFile) -> str:
    return file.company.region if file.company is not None else ""
