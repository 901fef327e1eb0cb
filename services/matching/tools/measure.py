# ruff: noqa: INP001, T201, S311
"""Measure the CPU of one decision: `python tools/measure.py [connecteurs] [aids] [companies]`.

The directory is synthetic: half of the desks serve a département, a quarter a region, the rest communes, EPCI or the
whole country; one in three has filters. Companies come from real communes, in a fixed random order, and their plans
from five hundred different ones.
"""

import gc
import random
import sys
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from common.message import Message
from matching import settings
from matching.decide import decide, initial
from matching.inputs import DiagnosticCompleted, Measure
from matching.model import Aid, Company, Connector, Filters, Quality, Zone
from matching.rules.aids import Catalogue
from matching.rules.directory import build_directory
from matching.rules.explain import Wording
from matching.rules.loads import NONE, reaching
from matching.rules.profile import Profiler
from matching.rules.search import Searcher
from matching.rules.shared import Basis, Shared, load_of
from matching.rules.territory import departement_of

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
NAF = ("62.01Z", "43.22A", "56.10A", "47.11F", "10.71C", "70.22Z", "49.41B", "96.02A", "25.62B", "86.21Z", "01.21Z")


def synthetic_connectors(count: int, seed: int = 1) -> list[Connector]:
    """`count` desks of `count / 4` institutions."""
    draw = random.Random(seed)
    territories = settings.territories()
    figures = settings.figures()
    communes, departements = list(territories.epci), list(territories.departements)
    epci = sorted(set(territories.epci.values()))
    subjects, types = list(figures.subjects), list(figures.types)
    sections = sorted(set(figures.activities.sections.values()))
    found: list[Connector] = []
    for number in range(count):
        share = draw.random()
        zones = (
            (Zone("departement", draw.choice(departements)),)
            if share < 0.5
            else (Zone("region", draw.choice(sorted(territories.regions))),)
            if share < 0.75
            else (Zone("epci", draw.choice(epci)),)
            if share < 0.9
            else (Zone("commune", draw.choice(communes)),)
            if share < 0.95
            else (Zone("national"),)
        )
        low = draw.choice((0, 0, 1, 10))
        filters = Filters(effectif_min=low, effectif_max=249) if draw.random() < 0.33 else Filters()
        kind = draw.choice(types)
        matches = draw.randrange(40)
        found.append(
            Connector(
                id=f"c{number:05d}",
                name=f"Connecteur {number}",
                type=kind,
                tier="benevole" if kind == "benevole" else "professionnel",
                institution_id=f"i{number % max(1, count // 4):05d}",
                institution=f"Institution {number % max(1, count // 4)}",
                partner_id="p",
                sujets=tuple(draw.sample(subjects, draw.randint(1, 4))),
                zones=zones,
                capacity_30d=draw.randint(5, 40),
                secteurs=tuple(draw.sample(sections, draw.randint(0, 4))),
                filters=filters,
                quality=Quality(draw.randint(0, matches), matches, draw.choice((None, 1.0, 3.0, 8.0))),
            )
        )
    return found


def synthetic_aids(count: int, seed: int = 1) -> tuple[Aid, ...]:
    """The real catalogue, repeated with other conditions until it has `count` aids."""
    draw = random.Random(seed)
    real = settings.catalogue().aids
    more = [
        replace(aid, id=f"{aid.id}-{number}", filters=replace(aid.filters, effectif_max=draw.choice((9, 49, 249))))
        for number, aid in enumerate(draw.choices(real, k=max(0, count - len(real))))
    ]
    return (*real, *more)[:count]


def synthetic_messages(count: int, seed: int = 2) -> list[Message[object]]:
    """Diagnoses of `count` companies."""
    draw = random.Random(seed)
    territories = settings.territories()
    communes = list(territories.epci)
    subjects = list(settings.figures().subjects)
    plans = [tuple(Measure(draw.choice(subjects), ("conseil_strategie",)) for _ in range(6)) for _ in range(500)]
    messages: list[Message[object]] = []
    for number in range(count):
        commune = draw.choice(communes)
        departement = departement_of(commune)
        company = Company(
            commune,
            departement,
            territories.departements[departement],
            draw.choice(NAF),
            "NAFRev2",
            draw.choice(("1000", "5499", "5710")),
            draw.choice(("NN", "00", "01", "02", "03", "11", "12", "21")),
            date(2026, 11, 1) - timedelta(days=draw.randint(30, 9000)),
        )
        measures = draw.choice(plans)
        band = draw.choice(("debutant", "intermediaire", "avance"))
        siren = f"{number:09d}"
        event = DiagnosticCompleted(siren, f"d{number}", band, (), measures, company)
        messages.append(
            Message(event, siren, 0, UUID(int=draw.getrandbits(128)), NOW, UUID(int=number), company.region)
        )
    return messages


def main(connectors: int, aids: int, companies: int) -> None:
    """Print the time to build the index and the CPU per company."""
    figures, territories = settings.figures(), settings.territories()
    records = synthetic_connectors(connectors)
    began = time.process_time()
    directory = build_directory(records, figures, territories)
    print(f"index of {connectors} connecteurs: {1000 * (time.process_time() - began):.0f} ms")
    began = time.process_time()
    directory.replace([replace(records[0], capacity_30d=3)])
    print(f"one connecteur replaced: {1000 * (time.process_time() - began):.2f} ms")
    catalogue = Catalogue(synthetic_aids(aids), figures)
    profiler, searcher = Profiler(figures.activities), Searcher(directory, figures)
    basis = Basis(figures, profiler, catalogue, settings.calendar(), Wording(figures), directory, searcher)
    shared = Shared(basis, reaching(NONE, connectors))
    messages = synthetic_messages(companies)
    gc.freeze()  # as the runtime does
    gc.set_threshold(50_000, 20, 50)
    for label in ("first pass", "second pass"):
        carried, events, offered = shared, 0, 0
        began = time.process_time()
        for message in messages:
            decision = decide(initial(message.key), carried, message)
            carried = decision.shared
            events += len(decision.events)
            offered += len(decision.rows)
        spent = time.process_time() - began
        print(
            f"{label}: {1e6 * spent / companies:.1f} µs of CPU a company, {events / companies:.2f} events, "
            f"{100 * offered / companies:.0f} % served"
        )
        over = [c.id for c in records if load_of(carried, c.id) > c.capacity_30d]
        print(f"connecteurs above capacity: {len(over)}")


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [10_000, 265, 20_000][len(given) :]))
