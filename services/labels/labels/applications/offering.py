"""A place for a file that waits."""

from msgspec.structs import replace

from common.declare.decision import Decision
from common.declare.message import Message
from common.declare.pool import Pools, Ref
from france.days import paris_day
from labels.applications import outcomes
from labels.applications.admission import company_reasons
from labels.applications.model import LabelFile
from labels.places.asking import OfferPlace
from labels.places.cohort import COHORTS, has_place, quotas
from labels.places.waiting import ALL, TURNS, WAITING, Unqueued, turn_at
from labels.ruleset import ruleset_at


def its_turn(message: Message[OfferPlace], file: LabelFile) -> tuple[Ref, ...]:
    """The places of the year, the list, whose turn it is; none for a file that does not wait."""
    waits = file.application is not None and file.application.status == "liste_attente"
    return turn_at(message.time) if waits else ()


def offered(file: LabelFile, pools: Pools, message: Message[OfferPlace]) -> Decision[LabelFile]:
    """Serve a waiting file if it is its turn; it must still be an SME at work in France, its file stands as it is.

    An offer is no promise: a cap may have been lowered since it was made.
    """
    application = file.application
    if application is None or application.status != "liste_attente":
        return Decision(file)
    day = paris_day(message.time)
    cohort, turn = pools.get(COHORTS, str(day.year)), pools.get(TURNS, day.isoformat())
    if cohort is None or file.siren not in turn.regions:
        return Decision(file)
    ruleset = ruleset_at(message.time)
    if not has_place(cohort, application.region, quotas(cohort.cap, ruleset.programme.reserve, day)):
        return Decision(file)
    reasons = company_reasons(file.company, ruleset.company) if file.company is not None else ()
    if reasons:
        out = replace(application, status="refuse", reasons=reasons, cohort_year=0, position=0, ticket=0)
        outcome = outcomes.refused(file, out)
    else:
        outcome = outcomes.granted(file, cohort, application, message, ruleset)
    left = WAITING.drawn(ALL, pools.get(WAITING, ALL).left(application.region))
    served = TURNS.drawn(day.isoformat(), turn.without(file.siren))
    return Decision(
        outcome.state,
        events=outcome.events,
        draws=(*outcome.draws, left, served),
        rows=(Unqueued(file.siren),),
        deadlines=outcome.deadlines,
    )
