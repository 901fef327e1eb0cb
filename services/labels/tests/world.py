"""The service in memory: does with decisions what the core and the store do with them."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from unittest.mock import patch

from msgspec.structs import replace

from common.declare.aggregate import NOTHING
from common.declare.decision import Cancel, Decision
from common.declare.pool import Ref
from common.testing.rules import decided, rule_of
from france.days import start_of_day
from labels import ruleset
from labels.applications.model import LabelFile
from labels.applications.table import APPLICATIONS
from labels.cohorts.inputs import SetCohortCap
from labels.places.cohort import COHORTS, Cohort, entitled, first_cohort, quotas
from labels.places.waiting import ROUND, WAITING, Queued, Turn, Unqueued, Waiting
from labels.ruleset import RULESETS, Ruleset, ruleset_at
from labels.service import SERVICE

from .builders import COMPANY, NOW, SIREN, diagnosed, message, sirens


class Timer(NamedTuple):
    """A deadline or a follow-up that waits."""

    due: datetime
    input: Any


@contextmanager
def rules(known: tuple[Ruleset, ...]) -> Generator[None]:
    """Decide with other rule sets than the ones shipped."""
    with patch.object(ruleset, "RULESETS", known):
        yield


def with_reserve(percent: float, **weights: float) -> tuple[Ruleset, ...]:
    """The rules with so many percent of a cohort kept for regions; `r84=3.0` is the weight of region 84."""
    shipped = RULESETS[0]
    by_region = {name.removeprefix("r"): weight for name, weight in weights.items()}
    reserve = replace(shipped.programme.reserve, percent=percent, weights=by_region)
    return (replace(shipped, programme=replace(shipped.programme, reserve=reserve)),)


@dataclass(slots=True)
class World:
    """Files, pools and deadlines, by decision after decision."""

    rulesets: tuple[Ruleset, ...] = RULESETS
    files: dict[str, LabelFile] = field(default_factory=dict[str, LabelFile])
    cohorts: dict[int, Cohort] = field(default_factory=dict[int, Cohort])
    waiting: Waiting = field(default_factory=Waiting)
    queue: list[Queued] = field(default_factory=list[Queued])
    deadlines: dict[tuple[str, str], Timer] = field(default_factory=dict[tuple[str, str], Timer])
    events: list[Any] = field(default_factory=list[Any])
    sent: int = 0

    def pool(self, ref: Ref) -> Any:
        """What would be locked."""
        if ref.pool == COHORTS.name:
            first = first_cohort(ref.key)
            return first if first is None else self.cohorts.setdefault(first.year, first)
        return self.waiting if ref.pool == WAITING.name else self.turn(date.fromisoformat(ref.key))

    def turn(self, day: date) -> Turn:
        """Whose turn it is on a day."""
        cohort = self.pool(COHORTS.at(str(day.year)))
        if cohort is None:
            return Turn()
        kept = quotas(cohort.cap, ruleset_at(start_of_day(day)).programme.reserve, day)
        return Turn(entitled(cohort, [(row.siren, row.region) for row in self.queue], kept, ROUND))

    def send(self, content: Any, key: str = SIREN, at: datetime = NOW) -> Decision[Any]:
        """Decide one input and keep what follows; what it asks of other keys waits for `fire`."""
        self.sent += 1
        sent = message(content, at, key, str(self.sent))
        with rules(self.rulesets):
            rule = rule_of(SERVICE, content)
            of_file = rule in APPLICATIONS.rules
            state: Any = self.files.get(key) or LabelFile(key) if of_file else NOTHING
            named = () if rule.pools is None else rule.pools(sent, state)
            outcome = decided(SERVICE, state, sent, {ref: self.pool(ref) for ref in named})
        if outcome.state is not state:
            self.files[key] = outcome.state
        assert {draw.ref for draw in outcome.draws} <= set(named)
        self._keep(outcome)
        for change in outcome.deadlines:
            if isinstance(change, Cancel):
                self.deadlines.pop((key, change.name), None)
            else:
                self.deadlines[key, change.name] = Timer(change.due, change.input)
        for index, follow in enumerate(outcome.follow_ups):
            self.deadlines[follow.key, f"suite:{self.sent}/{index}"] = Timer(at, follow.input)
        self.events += outcome.events
        return outcome

    def _keep(self, outcome: Decision[Any]) -> None:
        """What a store would write of pools and rows."""
        for ref, value in outcome.draws:
            if ref.pool == COHORTS.name:
                self.cohorts[value.year] = value
            elif ref.pool == WAITING.name:
                self.waiting = value
        for row in outcome.rows:
            if isinstance(row, Queued):
                self.queue.append(row)
            elif isinstance(row, Unqueued):
                self.queue = [kept for kept in self.queue if kept.siren != row.siren]

    def fire(self, until: datetime = NOW) -> int:
        """Decide every deadline due until then, in order, those that they set in turn included; returns how many."""
        count = 0
        while due := sorted((timer.due, *place) for place, timer in self.deadlines.items() if timer.due <= until):
            at, key, name = due[0]
            self.send(self.deadlines.pop((key, name)).input, key, at)
            count += 1
        return count

    def settle(self, now: datetime = NOW) -> int:
        """Decide everything that follows from what was sent by now, round after round; returns how many."""
        return self.fire(now + timedelta(seconds=1))

    def set_cap(self, cap: int, year: int = 2026, at: datetime = NOW) -> Any:
        """The answer to an operator who changes a cap; the waiting list is served."""
        answer = self.send(SetCohortCap(cap), str(year), at).answer
        self.settle(at)
        return answer

    def of(self, kind: type) -> list[Any]:
        """The events of one type published so far."""
        return [event for event in self.events if isinstance(event, kind)]


def world_of(cap: int, count: int = 1) -> tuple[World, list[str]]:
    """A world where so many companies can pass, with so many places."""
    world, companies = World(), sirens(count)
    for siren in companies:
        world.send(diagnosed(), siren)
    world.set_cap(cap)
    world.events.clear()
    return world, companies


def reserved_world(cap: int, count: int) -> tuple[World, list[str]]:
    """Half of the places kept for regions 84 and 11, 3 to 1; companies alternate between 11 and 84."""
    world, companies = World(with_reserve(50.0, r84=3.0, r11=1.0)), sirens(count)
    for index, siren in enumerate(companies):
        world.send(diagnosed(company=replace(COMPANY, region="84" if index % 2 else "11")), siren)
    world.set_cap(cap)
    return world, companies
