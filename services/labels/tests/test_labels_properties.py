"""Whatever the order of inputs: the cap holds, the waiting list is served in order, repeats change nothing."""

from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from common.declare.decision import Refusal
from france.days import paris_day
from labels.applications.inputs import CompanyProfileUpdated
from labels.applications.model import LabelFile
from labels.cohorts.inputs import SetCohortCap
from labels.cohorts.serving import NEXT_ROUND, OPENING
from labels.events import LabelApplied, LabelGranted, LabelRefused, LabelWaitlisted
from labels.places.asking import AwaitOpening, OfferPlace
from labels.places.cohort import Cohort, grant, has_place, quotas
from labels.ruleset import Reserve

from .builders import COMPANY, NOW, VECTOR_B, application, diagnosed, engagements, sirens
from .world import World, rules, with_reserve

SIRENS = sirens(8)
REGIONS = ("84", "11", "")
companies = st.sampled_from(SIRENS)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("apply"), companies, st.sampled_from([(), (7,), (7, 8)])),
        st.tuples(st.just("diagnose"), companies, st.booleans()),
        st.tuples(st.just("offer"), companies, st.none()),
        st.tuples(st.just("cap"), st.none(), st.integers(0, 6)),
        st.tuples(st.just("settle"), st.none(), st.none()),
        st.tuples(st.just("close"), companies, st.booleans()),
        st.tuples(st.just("time"), st.none(), st.integers(1, 500)),
    ),
    max_size=40,
)


class Run:
    """A world that moves through steps and is checked after each."""

    def __init__(self, reserve: float) -> None:
        (shipped,) = with_reserve(reserve, r84=2.0, r11=1.0)
        self.world = World((replace(shipped, programme=replace(shipped.programme, first_cap=2)),))
        self.now = NOW
        for index, siren in enumerate(SIRENS):
            region = REGIONS[index % 3]
            company = replace(COMPANY, region=region, departement="69" if region else "975")
            self.world.send(diagnosed(company=company), siren)

    def take(self, kind: str, siren: str | None, value: Any) -> None:
        world, now, key = self.world, self.now, siren or "cohorte"
        match kind:
            case "apply":
                content = application(engagements=engagements(proved=(1, 2, 3, 4, 5, 6, *value)))
                first = world.send(content, key, now)
                again = world.send(content, key, now)
                assert again.events == ()
                if not isinstance(first.answer, Refusal):
                    told: Any = first.answer
                    repeated: Any = again.answer
                    assert replace(repeated, position=told.position, next_step=told.next_step) == told
            case "diagnose":
                world.send(diagnosed(None if value else VECTOR_B, now, company=world.files[key].company), key, now)
            case "offer":
                world.send(OfferPlace(), key, now)
            case "cap":
                world.send(SetCohortCap(value), str(now.year), now)
            case "close":
                file = world.files[key]
                company = replace(file.company or COMPANY, active=value)
                world.send(CompanyProfileUpdated(company, file.profile_version + 1), key, now)
            case "settle":
                world.settle(now)
                self.check_settled()
            case _:
                self.now += timedelta(days=value)
                world.settle(self.now)
                self.check_settled()

    def check(self) -> None:
        world = self.world
        granted = world.of(LabelGranted)
        for cohort in world.cohorts.values():
            ranks = sorted(event.rank for event in granted if event.cohort_year == cohort.year)
            assert cohort.granted <= cohort.cap
            assert ranks == list(range(1, cohort.granted + 1))
            assert sum(cohort.by_region.values()) == cohort.granted
        waiting = {siren for siren, file in world.files.items() if self.waits(file)}
        assert {row.siren for row in world.queue} == waiting
        assert [row.ticket for row in world.queue] == sorted(row.ticket for row in world.queue)
        assert world.waiting.count == len(waiting)
        if waiting:
            timers = [(name, timer.input) for (_, name), timer in world.deadlines.items()]
            assert [name for name, item in timers if name == OPENING or isinstance(item, AwaitOpening)]
        outcomes = len(world.of(LabelRefused)) + len(granted) + len(world.of(LabelWaitlisted))
        served = len(world.of(LabelWaitlisted)) - len(waiting)
        assert outcomes == len(world.of(LabelApplied)) + served

    def check_settled(self) -> None:
        """Whoever can be served is, and nothing goes on for its own sake."""
        with rules(self.world.rulesets):
            assert not self.world.turn(paris_day(self.now)).regions
        assert NEXT_ROUND not in {name for _, name in self.world.deadlines}
        assert {name for _, name in self.world.deadlines} <= {OPENING, "terme"}

    @staticmethod
    def waits(file: LabelFile) -> bool:
        return file.application is not None and file.application.status == "liste_attente"


@given(steps=steps, reserve=st.sampled_from([0.0, 50.0]))
@settings(max_examples=150, deadline=None)
def test_the_programme_holds_whatever_happens(steps: list[tuple[str, str | None, Any]], reserve: float) -> None:
    run = Run(reserve)
    for step in steps:
        run.take(*step)
        run.check()


@given(order=st.permutations(SIRENS), offers=st.permutations(SIRENS), cap=st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_without_a_reserve_labels_go_to_the_first_complete_files(order: list[str], offers: list[str], cap: int) -> None:
    run = Run(0.0)
    run.world.set_cap(0)
    for siren in order:
        run.take("apply", siren, ())
    run.world.send(SetCohortCap(cap), "2026")
    for siren in offers:
        run.take("offer", siren, None)
    assert {event.siren for event in run.world.of(LabelGranted)} == set(order[:cap])
    run.world.settle()
    assert {event.siren for event in run.world.of(LabelGranted)} == set(order[:cap])


@given(
    cap=st.integers(0, 40),
    percent=st.integers(1, 100),
    weights=st.dictionaries(st.sampled_from(("11", "84", "93")), st.floats(0.1, 50), min_size=1),
    asking=st.lists(st.sampled_from(("11", "84", "93", "28")), max_size=60),
)
def test_what_is_kept_for_a_region_stays_free_for_it_and_no_other_place_does(
    cap: int, percent: int, weights: dict[str, float], asking: list[str]
) -> None:
    kept = quotas(cap, Reserve(percent, 10, weights), date(2026, 6, 1))
    cohort = Cohort(2026, cap)
    for region in asking:
        promised = {name: max(0, places - cohort.by_region.get(name, 0)) for name, places in kept.items()}
        own = promised.get(region, 0) > 0
        assert has_place(cohort, region, kept) is (own or cohort.free > sum(promised.values()))
        if has_place(cohort, region, kept):
            cohort = grant(cohort, region)
