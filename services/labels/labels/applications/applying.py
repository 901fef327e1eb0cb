"""An application: refused with every reason, granted, or put on the waiting list."""

from typing import Final

from common.declare.decision import Decision
from common.declare.event import derive_id
from common.declare.message import Message
from common.declare.pool import Pools, Ref
from france.days import paris_day
from labels.applications import outcomes, refusals
from labels.applications.admission import refusal_reasons
from labels.applications.answers import answer_of
from labels.applications.inputs import ApplyForLabel
from labels.applications.model import Application, LabelFile
from labels.applications.score import file_score
from labels.events import LabelApplied
from labels.places.calendar import programme_year
from labels.places.cohort import COHORTS, newcomer_has_place, quotas
from labels.places.waiting import ALL, WAITING, places_at
from labels.ruleset import ruleset_at

APPLICATION_ID: Final = 1000
"""Index of the id that derives from a message, clear of those of events."""


def its_places(message: Message[ApplyForLabel], _: LabelFile) -> tuple[Ref, Ref]:
    """The places of the year and the waiting list: whatever becomes of it, it is decided under their locks."""
    return places_at(message.time)


def apply(file: LabelFile, pools: Pools, message: Message[ApplyForLabel]) -> Decision[LabelFile]:
    """Decide an application; the same one again gets the same answer and publishes nothing.

    Without a full diagnosis nothing can be judged, for now: that is a conflict, never a refusal that is published.
    """
    cohort, content = pools.get(COHORTS, str(programme_year(message.time))), message.input
    if cohort is None or file.diagnosis is None:
        return Decision(file, answer=refusals.not_open(message.time) if cohort is None else refusals.not_judged(file))
    previous = file.application
    if previous is not None and _is_pending(file, previous):
        repeated = previous.content == content
        return Decision(file, answer=answer_of(file, previous) if repeated else refusals.already(file, previous))
    ruleset = ruleset_at(message.time)
    reasons = refusal_reasons(file, content, ruleset, message.time)
    score = 0 if reasons else file_score(file, content, ruleset)
    application = Application(
        application_id=str(derive_id(message.id, APPLICATION_ID)),
        content=content,
        submitted_at=message.time,
        ruleset_version=ruleset.version,
        diagnostic_id=file.diagnosis.diagnostic_id,
        status="refuse",
        reasons=reasons,
        region=file.region,
        score=score,
        exemplary=not reasons and score >= ruleset.score.exemplary_from,
    )
    if previous is not None and _is_repeated(previous, application):
        return Decision(file, answer=answer_of(file, previous))
    applied = LabelApplied(
        siren=file.siren,
        application_id=application.application_id,
        charter_version=content.charter_version,
        region=file.region,
    )
    if reasons:
        return outcomes.refused(file, application, applied)
    waiting = pools.get(WAITING, ALL)
    kept = quotas(cohort.cap, ruleset.programme.reserve, paris_day(message.time))
    if newcomer_has_place(cohort, waiting.by_region, application.region, kept):
        return outcomes.granted(file, cohort, application, message, ruleset, applied)
    return outcomes.waitlisted(file, cohort, waiting, application, message, applied)


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
