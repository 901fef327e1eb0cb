"""The cap of a year: an operator changes it, and a raised one serves those who wait."""

import msgspec

from common.declare.aggregate import Nothing
from common.declare.decision import Decision, Follow, Refusal
from common.declare.message import Message
from common.declare.pool import Pools, Ref
from labels.cohorts.inputs import ServeWaitingList, SetCohortCap
from labels.places.calendar import programme_year
from labels.places.cohort import COHORTS, Cohort, programme_of
from labels.places.waiting import ALL, WAITING


class CohortAnswer(msgspec.Struct, frozen=True, gc=False):
    """The places of a programme year; `waiting` counts the whole waiting list."""

    year: int
    cap: int
    granted: int
    free: int
    waiting: int


def its_places(message: Message[SetCohortCap], _: Nothing) -> tuple[Ref, Ref]:
    """The cohort of the year and the waiting list."""
    return (COHORTS.at(message.key), WAITING.at(ALL))


def set_cap(state: Nothing, pools: Pools, message: Message[SetCohortCap]) -> Decision[Nothing]:
    """Change the cap, never below what is granted. Places that are free this year go to those who wait."""
    cohort, cap = pools.get(COHORTS, message.key), message.input.cap
    if cohort is None:
        return Decision(state, answer=unknown_year(int(message.key)))
    if cap < cohort.granted:
        return Decision(state, answer=_too_low(cohort))
    after = cohort if cap == cohort.cap else Cohort(cohort.year, cap, cohort.granted, cohort.by_region)
    waiting = pools.get(WAITING, ALL).count
    serves = waiting and after.free and programme_year(message.time) == after.year
    return Decision(
        state,
        draws=() if after is cohort else (COHORTS.drawn(message.key, after),),
        follow_ups=(Follow(message.key, ServeWaitingList()),) if serves else (),
        answer=answer_of(after, waiting),
    )


def answer_of(cohort: Cohort, waiting: int) -> CohortAnswer:
    """A cohort as people see it."""
    return CohortAnswer(cohort.year, cohort.cap, cohort.granted, cohort.free, waiting)


def unknown_year(year: int) -> Refusal:
    """A year before the programme."""
    first = programme_of(year).first_year
    detail = f"Le programme commence en {first} : il n'a pas de cohorte {year}."
    return Refusal("unknown", "annee_inconnue", "Année inconnue", detail, "year")


def _too_low(cohort: Cohort) -> Refusal:
    """A cap below what is granted already."""
    detail = f"{cohort.granted} labels sont déjà attribués en {cohort.year} : le plafond ne peut pas être plus bas."
    return Refusal("illegal", "plafond_trop_bas", "Plafond trop bas", detail, "cap")
