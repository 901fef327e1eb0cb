"""What each outcome of an application leaves behind: file, events, places, deadlines, answer."""

from typing import Any, Final

from msgspec.structs import replace

from common.declare.decision import Decision, Schedule
from common.declare.event import Event, derive_id
from common.declare.message import Message
from labels.applications.answers import answer_of, verification_path
from labels.applications.inputs import LabelTermReached
from labels.applications.model import Application, Label, LabelFile
from labels.events import LabelGranted, LabelRefused, LabelWaitlisted
from labels.places.asking import await_opening
from labels.places.calendar import end_of_term
from labels.places.cohort import COHORTS, Cohort, grant
from labels.places.waiting import ALL, WAITING, Queued, Waiting
from labels.ruleset import Ruleset

LABEL_ID: Final = 1001
"""Index of the id that derives from a message, clear of those of events."""

TERM: Final = "terme"
"""Name of the deadline of a file: its label ends."""


def refused(file: LabelFile, application: Application, *before: Event) -> Decision[LabelFile]:
    """Refuse for the reasons that the application carries."""
    event = LabelRefused(
        siren=file.siren,
        application_id=application.application_id,
        reasons=tuple(reason.text for reason in application.reasons),
        codes=tuple(reason.code for reason in application.reasons),
        region=file.region,
    )
    file = replace(file, application=application)
    return Decision(file, events=(*before, event), answer=answer_of(file, application))


def granted(
    file: LabelFile,
    cohort: Cohort,
    application: Application,
    message: Message[Any],
    ruleset: Ruleset,
    *before: Event,
) -> Decision[LabelFile]:
    """Take a place of the cohort. The caller has made sure that there is one."""
    cohort = grant(cohort, application.region)
    label = Label(
        label_id=str(derive_id(message.id, LABEL_ID)),
        cohort_year=cohort.year,
        rank=cohort.granted,
        granted_at=message.time,
        expires_at=end_of_term(message.time, ruleset.label.valid_months),
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
        region=file.region,
        name=file.company.name if file.company is not None else None,
    )
    file = replace(file, application=application, label=label)
    return Decision(
        file,
        events=(*before, event),
        draws=(COHORTS.drawn(str(cohort.year), cohort),),
        deadlines=(Schedule(TERM, label.expires_at, LabelTermReached(label.label_id)),),
        answer=answer_of(file, application),
    )


def waitlisted(
    file: LabelFile,
    cohort: Cohort,
    waiting: Waiting,
    application: Application,
    message: Message[Any],
    *before: Event,
) -> Decision[LabelFile]:
    """Put a complete file at the end of the waiting list; the first one has the list served when places open."""
    region, ticket, ahead = application.region, waiting.next_ticket, waiting.count
    position, since = ahead + 1, waiting.next_time(message.time)
    application = replace(
        application,
        status="liste_attente",
        submitted_at=since,
        cohort_year=cohort.year,
        position=position,
        ticket=ticket,
    )
    event = LabelWaitlisted(
        siren=file.siren,
        application_id=application.application_id,
        cohort_year=cohort.year,
        position=position,
        region=region,
    )
    file = replace(file, application=application)
    return Decision(
        file,
        events=(*before, event),
        draws=(WAITING.drawn(ALL, waiting.entered(region, since)),),
        rows=(Queued(file.siren, ticket, region, cohort.year, since),),
        follow_ups=() if ahead else (await_opening(message.time),),
        answer=answer_of(file, application, position),
    )
