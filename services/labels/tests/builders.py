"""What the tests of this service are made of: companies, diagnoses, files, and a programme in memory."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from msgspec.structs import replace

from common import clock
from common.decision import Cancel, Decision, Schedule
from common.message import Message
from france.days import paris_day
from labels.decide import decide
from labels.inputs import (
    ApplyForLabel,
    Company,
    DiagnosticCompleted,
    Engagement,
    OfferPlace,
    PlaceReviewDue,
    SetCohortCap,
)
from labels.model import Cohort, LabelFile, Programme, Queued, Unqueued
from labels.rules import cohort as places
from labels.rules.calendar import programme_year
from labels.ruleset import Ruleset
from labels.settings import rulesets

NOW = datetime(2026, 11, 12, 14, 0, tzinfo=UTC)
SIREN = "732829320"
VECTOR_B = {"D1": 52.5, "D2": 40.714, "D3": 46.429, "D4": 61.905, "D5": 16.0, "D6": 45.0}
VECTOR_C = {"D1": 90.0, "D2": 84.286, "D3": 86.607, "D4": 100.0, "D5": 68.0, "D6": 80.0}
COMPANY = Company("Ateliers Lumière", "62.01Z", "69", "84", active=True, sme_category="petite")
STARS = (1, 2, 3, 4, 5, 6)


def mean(scores: dict[str, float]) -> float:
    """Global score: mean of the six dimensions, unrounded."""
    return sum(scores[f"D{n}"] for n in range(1, 7)) / 6


def diagnosed(
    scores: dict[str, float] | None = None, at: datetime = NOW - timedelta(days=30), **changes: Any
) -> DiagnosticCompleted:
    """A full diagnosis; golden vector C unless other scores are given."""
    marks = VECTOR_C if scores is None else scores
    base = DiagnosticCompleted("d-" + at.isoformat(), "complet", "T0", at, marks, mean(marks), COMPANY)
    return replace(base, **changes)


def engagements(*, proved: Iterable[int] = STARS, taken: Iterable[int] = range(1, 13)) -> tuple[Engagement, ...]:
    """All twelve commitments: those taken, those with a proof."""
    taken, proved = set(taken), set(proved)
    return tuple(
        Engagement(n, n in taken, (f"https://exemple.fr/preuve-{n}",) if n in proved else ()) for n in range(1, 13)
    )


def application(**changes: Any) -> ApplyForLabel:
    """A complete application."""
    return replace(
        ApplyForLabel("2026.1", engagements(), signed=True, signed_on=date(2026, 11, 10), no_insolvency=True,
                      no_clawback_debt=True),
        **changes,
    )  # fmt: skip


def message(content: object, at: datetime = NOW, siren: str = SIREN, salt: str = "") -> Message[object]:
    """A message about a company; its id follows from all of this."""
    cause = uuid5(NAMESPACE_URL, f"{content}/{at}/{siren}/{salt}")
    return Message(content, siren, 0, cause, at, cause)


def with_cap(cap: int, ruleset: Ruleset | None = None, year: int = 2026, **changes: Any) -> Programme:
    """A programme with one cohort."""
    known = rulesets() if ruleset is None else (ruleset,)
    return replace(Programme(known, {year: Cohort(year, cap)}), **changes)


def ready_file(**changes: Any) -> LabelFile:
    """A file whose last diagnosis passes."""
    event = diagnosed()
    return replace(decide(LabelFile(SIREN), with_cap(0), message(event)).state, **changes)


@dataclass(slots=True)
class World:
    """The service in memory: does with decisions what the core and the store do with them."""

    rulesets: tuple[Ruleset, ...] = field(default_factory=rulesets)
    files: dict[str, LabelFile] = field(default_factory=dict[str, LabelFile])
    cohorts: dict[int, Cohort] = field(default_factory=dict[int, Cohort])
    queue: list[Queued] = field(default_factory=list[Queued])
    next_ticket: int = 1
    deadlines: dict[tuple[str, str], Schedule] = field(default_factory=dict[tuple[str, str], Schedule])
    events: list[Any] = field(default_factory=list[Any])
    sent: int = 0

    def programme(self, content: object, at: datetime) -> Programme:
        """What `store.load` would read."""
        base = Programme(self.rulesets)
        years = {programme_year(at)}
        if isinstance(content, SetCohortCap):
            years.add(content.year)
        for year in years:
            cap = places.initial_cap(base, year)
            if cap is not None:
                self.cohorts.setdefault(year, Cohort(year, cap))
        cohorts = {year: self.cohorts[year] for year in years if year in self.cohorts}
        waiting: dict[str, int] = {}
        for row in self.queue:
            waiting[row.region] = waiting.get(row.region, 0) + 1
        turns: dict[int, frozenset[str]] = {}
        if isinstance(content, OfferPlace | PlaceReviewDue) and programme_year(at) in cohorts:
            cohort = cohorts[programme_year(at)]
            kept = places.quotas(cohort.cap, base.ruleset_at(at).programme.reserve, paris_day(at))
            turns[cohort.year] = frozenset(places.entitled(cohort, [(r.siren, r.region) for r in self.queue], kept))
        return Programme(self.rulesets, cohorts, waiting, self.next_ticket, turns)

    def send(self, content: object, siren: str = SIREN, at: datetime = NOW) -> Decision[LabelFile, Programme]:
        """Decide one input and keep what follows."""
        self.sent += 1
        file = self.files.get(siren) or LabelFile(siren)
        outcome = decide(file, self.programme(content, at), message(content, at, siren, str(self.sent)))
        if outcome.state is not file:
            self.files[siren] = outcome.state
        self.cohorts.update(outcome.shared.cohorts)
        self.next_ticket = outcome.shared.next_ticket
        for row in outcome.rows:
            if isinstance(row, Queued):
                self.queue.append(row)
            elif isinstance(row, Unqueued):
                self.queue = [kept for kept in self.queue if kept.siren != row.siren]
        for change in outcome.deadlines:
            if isinstance(change, Cancel):
                self.deadlines.pop((siren, change.name), None)
            else:
                self.deadlines[siren, change.name] = change
        self.events += outcome.events
        return outcome

    def fire(self, until: datetime) -> None:
        """Decide every deadline due until then, in order, those that they set in turn included."""
        while due := sorted(
            ((s.due, siren, name) for (siren, name), s in self.deadlines.items() if s.due <= until),
        ):
            at, siren, name = due[0]
            self.send(self.deadlines.pop((siren, name)).input, siren, at)

    def of(self, kind: type) -> list[Any]:
        """The events of one type published so far."""
        return [event for event in self.events if isinstance(event, kind)]


def move_clock(to: datetime) -> None:
    """Make the clock of this process say `to`."""
    clock.shift(timedelta(0))
    clock.shift(to - clock.now())


def sirens(count: int) -> list[str]:
    """That many different valid SIRENs."""
    found: list[str] = []
    stem = 10000000
    while len(found) < count:
        digits = [int(digit) for digit in str(stem)]
        odd = [sum(divmod(2 * digit, 10)) for digit in digits[-1::-2]]
        total = sum(odd) + sum(digits[-2::-2])
        found.append(f"{stem}{-total % 10}")
        stem += 1
    return found
