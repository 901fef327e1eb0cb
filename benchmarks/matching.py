"""What one match costs: 10,000 connecteurs, 265 aids, companies as the population draws them, explanation included.

Pure CPU, in this process: the rules are called as the core calls them, with what they decide on decoded from the bytes
of an event. Each company is decided once, so every cache of the rules is as warm as it gets in a service and no warmer.
Writing the events and the loads is not in it (`chain` measures that).
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from random import Random
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
import typer
from rich.table import Table

from benchmarks.shown import grid, measured, say
from common.core.codec import partition_of
from common.declare.message import Message
from common.declare.pool import Pools, Ref
from common.process.main import spare_collector
from croissance.directors import participant
from croissance.population import Company as Drawn
from croissance.population import Population
from diagnostic.measures.plan import calls_of, plan
from diagnostic.questionnaire.forms import COMPLET
from diagnostic.questionnaire.reading import read_whole
from diagnostic.questionnaire.sheet import blank
from diagnostic.scoring.scores import score
from embedded.progress import Say, counted
from france.working_days import working_days
from matching import settings
from matching.aids.aid import Aid
from matching.aids.catalogue import Catalogue
from matching.basis import ALL, DIRECTORY, LOADS, Basis, load_of
from matching.criteria.company import Company
from matching.criteria.filters import Filters
from matching.criteria.profile import Profiler
from matching.explain.wording import Wording
from matching.needs.inputs import DiagnosticCompleted, Measure
from matching.needs.table import NEEDS
from matching.places.territory import Zone
from matching.search.connector import Connector, Quality
from matching.search.index import build_directory
from matching.search.loads import NONE, reaching
from matching.search.searcher import Searcher

CONNECTEURS: Final = 10_000
AIDS: Final = 265
COMPANIES: Final = 20_000
TARGET: Final = 100.0
"""Microseconds of CPU a company."""

NOW: Final = datetime(2026, 11, 23, 9, tzinfo=UTC)
TENTHS: Final = 10


@dataclass(slots=True)
class Outcome:
    """What the decisions cost; microseconds of CPU, the clock's own cost (about 0.3) included.

    Attributes:
        connecteurs: lines of the directory.
        aids: aids and resources of the catalogue.
        companies: how many were decided, all different.
        index: milliseconds to build the index of the directory.
        mean: of all companies.
        median: of all companies.
        p95: of all companies.
        p99: of all companies.
        tenths: median of each tenth of the run: the first has cold caches.
        served: share of companies that were offered at least one connecteur.
        events: events a company.
        overloaded: connecteurs with more than they can take: always none.
    """

    connecteurs: int
    aids: int
    companies: int
    index: float = 0.0
    mean: float = 0.0
    median: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    tenths: list[float] = field(default_factory=list[float])
    served: float = 0.0
    events: float = 0.0
    overloaded: int = 0

    @property
    def reached(self) -> bool:
        """Whether the mean, which is what throughput pays, meets the target and no connecteur is overloaded."""
        return self.mean <= TARGET and not self.overloaded

    def document(self) -> dict[str, Any]:
        """The result as JSON."""
        return {
            "benchmark": "matching",
            "connecteurs": self.connecteurs,
            "aids": self.aids,
            "companies": self.companies,
            "index_ms": self.index,
            "us_per_company": {"mean": self.mean, "median": self.median, "p95": self.p95, "p99": self.p99},
            "median_us_by_tenth": self.tenths,
            "served": self.served,
            "events_per_company": self.events,
            "overloaded": self.overloaded,
            "target_reached": self.reached,
        }

    def table(self) -> Table:
        """The result for people."""
        rows = [
            ("mean", f"{self.mean:.1f} µs"),
            ("median", f"{self.median:.1f} µs"),
            ("p95", f"{self.p95:.1f} µs"),
            ("p99", f"{self.p99:.1f} µs"),
            ("first tenth, caches cold (median)", f"{self.tenths[0]:.1f} µs"),
            ("last tenth (median)", f"{self.tenths[-1]:.1f} µs"),
            ("served", f"{100 * self.served:.1f} %"),
            ("events", f"{self.events:.2f}"),
            ("index of the directory", f"{self.index:.0f} ms"),
            ("overloaded connecteurs", self.overloaded),
        ]
        title = f"CPU a company: {self.companies:,} companies, {self.connecteurs:,} connecteurs, {self.aids} aids"
        verdict = "reached" if self.reached else "missed"
        return grid(title, ("", "a company"), rows, f"Target: mean ≤ {TARGET:.0f} µs, explanation included: {verdict}")


# --- what is matched -------------------------------------------------------------------------------------------------


def connecteurs(count: int, seed: int = 1) -> Iterator[Connector]:
    """`count` made-up desks of `count / 4` institutions.

    Half serve a département, a quarter a region, the rest an EPCI, a commune or the whole country; one in three has
    conditions on the size of companies.
    """
    draw = Random(seed)
    ruleset = settings.ruleset()
    subjects, types = list(ruleset.subjects), list(ruleset.types)
    sections = sorted(set(ruleset.activities.sections.values()))
    zone = _zones(draw)
    institutions = max(1, count // 4)
    for number in range(count):
        low = draw.choice((0, 0, 1, 10))
        kind = draw.choice(types)
        matches = draw.randrange(40)
        yield Connector(
            id=f"c{number:05d}",
            name=f"Connecteur {number}",
            type=kind,
            tier="benevole" if kind == "benevole" else "professionnel",
            institution_id=f"i{number % institutions:05d}",
            institution=f"Institution {number % institutions}",
            partner_id="p",
            sujets=tuple(draw.sample(subjects, draw.randint(1, 4))),
            zones=(next(zone),),
            capacity_30d=draw.randint(5, 40),
            secteurs=tuple(draw.sample(sections, draw.randint(0, 4))),
            filters=Filters(effectif_min=low, effectif_max=249) if draw.random() < 0.33 else Filters(),
            quality=Quality(draw.randint(0, matches), matches, draw.choice((None, 1.0, 3.0, 8.0))),
        )


def _zones(draw: Random) -> Iterator[Zone]:
    """Where desks work, endlessly."""
    territories = settings.territories()
    communes, departements = list(territories.epci), list(territories.departements)
    regions, groups = sorted(territories.regions), sorted(set(territories.epci.values()))
    while True:
        share = draw.random()
        if share < 0.5:
            yield Zone("departement", draw.choice(departements))
        elif share < 0.75:
            yield Zone("region", draw.choice(regions))
        elif share < 0.9:
            yield Zone("epci", draw.choice(groups))
        elif share < 0.95:
            yield Zone("commune", draw.choice(communes))
        else:
            yield Zone("national")


def aids(count: int, seed: int = 1) -> tuple[Aid, ...]:
    """The real catalogue, repeated with other conditions until it has `count` aids."""
    draw = Random(seed)
    real = settings.catalogue().aids
    more = [
        replace(aid, id=f"{aid.id}-{number}", filters=replace(aid.filters, effectif_max=draw.choice((9, 49, 249))))
        for number, aid in enumerate(draw.choices(real, k=max(0, count - len(real))))
    ]
    return (*real, *more)[:count]


def diagnosed(company: Drawn) -> DiagnosticCompleted:
    """A drawn company's diagnosis, as the service *diagnostic* scores it and *matching* reads it."""
    answers = msgspec.json.decode(participant(company).answers)
    sheet, _ = read_whole(COMPLET, answers, blank(COMPLET))
    result = score(sheet)
    measures = tuple(
        Measure(step.measure.subject, step.measure.spend_categories) for step in plan(calls_of(sheet), result.parts)
    )
    place = (company.commune, company.departement, company.region)
    what = (company.naf, "NAFRev2", company.legal_form, company.headcount_code, date.fromisoformat(company.created_on))
    return DiagnosticCompleted(
        company.siren, f"d{company.rank}", result.band, result.gaps, measures, Company(*place, *what)
    )


def messages(companies: int, say: Say) -> list[Message[DiagnosticCompleted]]:
    """The diagnoses of the first companies of the population, decoded from bytes as a consumer does."""
    found: list[Message[DiagnosticCompleted]] = []
    with counted(say, "drawing companies", companies) as told:
        for company in Population(1).draw(0, companies):
            event = msgspec.json.decode(msgspec.json.encode(diagnosed(company)), type=DiagnosticCompleted)
            cause = UUID(int=company.rank + 1)
            origin = (partition_of(event.siren), cause, NOW, cause, event.company.region)
            found.append(Message(event, event.siren, *origin))
            told(len(found))
    return found


# --- the run ---------------------------------------------------------------------------------------------------------


def run(connecteurs_count: int, aids_count: int, companies: int, say: Say) -> Outcome:
    """Decide each company once, its CPU time measured alone."""
    outcome = Outcome(connecteurs_count, aids_count, companies)
    ruleset, territories = settings.ruleset(), settings.territories()
    desks = list(connecteurs(connecteurs_count))
    began = time.thread_time()
    directory = build_directory(desks, ruleset, territories)
    outcome.index = round(1000 * (time.thread_time() - began), 1)
    catalogue, profiler = Catalogue(aids(aids_count), ruleset), Profiler(ruleset.activities)
    searcher, calendar = Searcher(directory, ruleset), working_days()
    basis = Basis(ruleset, profiler, catalogue, calendar, Wording(ruleset), directory, searcher)
    held: dict[Ref, Any] = {LOADS.at(ALL): reaching(NONE, connecteurs_count)}
    pools = Pools(held, {DIRECTORY.name: basis})
    diagnosed_rule = next(rule.decide for rule in NEEDS.rules if rule.input is DiagnosticCompleted)
    waiting = messages(companies, say)
    spare_collector()
    spent: list[int] = []
    events = served = 0
    for message in waiting:
        began = time.thread_time_ns()
        decision = diagnosed_rule(NEEDS.initial(message.key), pools, message)
        spent.append(time.thread_time_ns() - began)
        held.update(decision.draws)
        events += len(decision.events)
        served += bool(decision.rows)
    outcome.served, outcome.events = round(served / companies, 4), round(events / companies, 3)
    outcome.overloaded = sum(load_of(pools.get(LOADS, ALL), basis, desk.id) > desk.capacity_30d for desk in desks)
    return _summed(outcome, spent)


def _summed(outcome: Outcome, spent: Sequence[int]) -> Outcome:
    """Quantiles of nanoseconds, as microseconds."""

    def at(sample: Sequence[int], share: float) -> float:
        return round(sorted(sample)[int(share * (len(sample) - 1))] / 1000, 2)

    outcome.mean = round(sum(spent) / len(spent) / 1000, 2)
    outcome.median, outcome.p95, outcome.p99 = at(spent, 0.5), at(spent, 0.95), at(spent, 0.99)
    size = max(1, len(spent) // TENTHS)
    outcome.tenths = [at(spent[first : first + size], 0.5) for first in range(0, size * TENTHS, size)]
    return outcome


def matching(
    connecteurs: Annotated[int, typer.Option(min=1, help="Lines of the directory.")] = CONNECTEURS,
    aids: Annotated[int, typer.Option(min=1, help="Aids and resources of the catalogue.")] = AIDS,
    companies: Annotated[int, typer.Option(min=TENTHS, help="Different companies.")] = COMPANIES,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on the output.")] = False,
) -> None:
    """CPU of one match, explanation included: mean, median and p95 over different companies. Needs no broker."""

    async def work() -> Outcome:
        return run(connecteurs, aids, companies, say)

    measured(work, as_json=as_json)


if __name__ == "__main__":
    typer.run(matching)
