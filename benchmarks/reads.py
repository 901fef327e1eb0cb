"""How fast the HTTP APIs answer readers: 200 reads a second, open loop, first alone, then beside a working chain.

The mix is what the portal, advisers and the public ask of companies that went through the whole chain; which company is
asked for is drawn anew each time, so that no cache of one row flatters. Latencies count from the scheduled instant.
Every answer must be a 200: a door that refuses would look fast.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Annotated, Any, Final, NamedTuple

import msgspec
import typer
from rich.table import Table

from benchmarks.arrivals import Answer, Client, Latency, Schedule, client_of
from benchmarks.chain import doors_of, fresh_system, processes, seed_contacts, seed_directory
from benchmarks.feed import Feed
from benchmarks.machine import metered
from benchmarks.population import Wave, sirens, templates, waves
from benchmarks.shown import grid, measured, say
from croissance.api import Doors
from croissance.flow import Flow
from embedded.progress import Say
from embedded.stack import Stack

RATE: Final = 200
TARGET_P95, TARGET_P99 = 75.0, 100.0
COMPANIES: Final = 5000
BACKGROUND: Final = 100
"""Companies a second that go through the chain meanwhile, in the second half."""

WAVE: Final = 50
"""Companies of a wave of the background: two waves a second, as imports and campaigns trickle in."""

WARM: Final = 3
KINDS: Final = 1000
ASKED: Final = 500
"""Companies whose ids are looked up beforehand for the doors that need one."""

_REGIONS: Final = ("11", "24", "27", "28", "32", "44", "52", "53", "75", "76", "84", "93", "94")
_SECTIONS: Final = "CFGHIJMN"
_SUBJECTS: Final = ("strategie", "visibilite_web", "vente_en_ligne", "cybersecurite", "donnees", "facture_electronique")


class Known(NamedTuple):
    """What readers may ask for: SIRENs, ids of labels, `SIREN/id` of diagnoses and of chèque files."""

    sirens: Sequence[str]
    diagnoses: Sequence[str]
    labels: Sequence[str]
    files: Sequence[str]


class Read(NamedTuple):
    """One kind of read: its name for people, its share of a hundred reads, the service that answers, and its path."""

    name: str
    share: int
    service: str
    path: str


MIX: Final = (
    Read("company", 8, "companies", "/v1/companies/{siren}"),
    Read("history of diagnoses", 14, "diagnostic", "/v1/diagnostics/{siren}"),
    Read("one diagnosis", 12, "diagnostic", "/v1/diagnostics/{diagnosis}"),
    Read("benchmark", 8, "diagnostic", "/v1/benchmarks?region={region}&section={section}&taille=micro&score={score}"),
    Read("connecteurs found", 10, "matching", "/v1/connecteurs?region={region}&sujet={subject}&limit=20"),
    Read("needs and offers", 10, "matching", "/v1/needs/{siren}"),
    Read("aids", 8, "matching", "/v1/aides?siren={siren}"),
    Read("label register", 6, "labels", "/v1/labels?region={region}&limit=20"),
    Read("label behind a badge", 8, "labels", "/v1/labels/{label}"),
    Read("envelope", 4, "vouchers", "/v1/envelopes/cheque-2026"),
    Read("chèque file", 6, "vouchers", "/v1/vouchers/{file}"),
    Read("notifications", 6, "notifications", "/v1/notifications/{siren}"),
)


def asked(read: Read, draw: Random, known: Known) -> str:
    """The path of one read, what it asks for drawn anew."""
    return read.path.format(
        siren=draw.choice(known.sirens),
        diagnosis=draw.choice(known.diagnoses),
        label=draw.choice(known.labels),
        file=draw.choice(known.files),
        region=draw.choice(_REGIONS),
        section=draw.choice(_SECTIONS),
        subject=draw.choice(_SUBJECTS),
        score=draw.randrange(100),
    )


@dataclass(slots=True)
class Part:
    """What the reads came to, alone or beside the chain.

    Attributes:
        background: companies a second that went through the chain meanwhile.
        all: every read.
        each: read → its own.
        late: by how much the generator itself sent too late.
        failed: answers other than 200, by status.
        cores: role → cores kept busy.
    """

    background: float
    all: Latency
    each: dict[str, Latency]
    late: Latency
    failed: dict[str, int]
    cores: dict[str, float]

    @property
    def reached(self) -> bool:
        """Whether the target is met."""
        return self.all.p95 <= TARGET_P95 and self.all.p99 <= TARGET_P99 and not self.failed


@dataclass(slots=True)
class Outcome:
    """Both parts."""

    rate: int
    seconds: int
    parts: list[Part] = field(default_factory=list[Part])

    def document(self) -> dict[str, Any]:
        """The result as JSON; milliseconds."""
        return {
            "benchmark": "reads",
            "rate": self.rate,
            "seconds": self.seconds,
            "parts": [
                {
                    "background_companies_per_second": round(part.background, 1),
                    "all_ms": part.all._asdict(),
                    "each_ms": {name: latency._asdict() for name, latency in part.each.items()},
                    "late_ms": part.late._asdict(),
                    "failed": part.failed,
                    "cores": part.cores,
                    "target_reached": part.reached,
                }
                for part in self.parts
            ],
        }

    def table(self) -> Table:
        """The result for people."""
        titles = [f"{part.background:,.0f} companies/s beside" if part.background else "alone" for part in self.parts]
        rows: list[tuple[object, ...]] = [("all", *(part.all for part in self.parts))]
        rows += [(read.name, *(part.each.get(read.name, "–") for part in self.parts)) for read in MIX]
        rows += [
            ("sent late", *(part.late for part in self.parts)),
            ("failed", *(sum(part.failed.values()) for part in self.parts)),
            ("cores", *(round(sum(part.cores.values()), 2) for part in self.parts)),
            ("target", *("reached" if part.reached else "missed" for part in self.parts)),
        ]
        caption = f"p50 / p95 / p99 in ms. Target: p95 ≤ {TARGET_P95:.0f}, p99 ≤ {TARGET_P99:.0f}"
        return grid(f"{self.rate} reads/s, open loop", ("", *titles), rows, caption)


async def run(stack: Stack, rate: int, seconds: int, *, companies: int, background: int, say: Say) -> Outcome:
    """Send `companies` companies through the chain, then read for `seconds` seconds alone and beside more of them."""
    outcome, kinds = Outcome(rate, seconds), templates(KINDS)
    beside = background * (WARM + seconds)
    async with Doors(lambda: doors_of(stack)) as doors, Flow(stack.dsn, counting=False) as flow:
        await seed_directory(doors, companies + beside)
        await seed_contacts(stack.dsn, companies + beside)
        feed = Feed(doors, flow, companies)
        say(f"{companies:,} companies through the chain…")
        await feed.run(waves(companies, kinds))
        await flow.at_rest()
    clients = {service: client_of(urls[0]) for service, urls in doors_of(stack).items()}
    known = await _known(clients, list(sirens(companies)))
    say(f"{rate} reads/s for {WARM + seconds} s…")
    outcome.parts.append(await _part(stack, clients, known, Schedule(rate, rate * (WARM + seconds)), lambda: 0))
    if background:
        later = list(waves(companies + beside, kinds, size=WAVE))[companies // WAVE :]
        say(f"the same beside {background} companies/s…")
        async with _working(stack, later, background) as done:
            schedule = Schedule(rate, rate * (WARM + seconds))
            outcome.parts.append(await _part(stack, clients, known, schedule, done))
    for client in clients.values():
        client.close()
    return outcome


async def _known(clients: Mapping[str, Client], companies: Sequence[str]) -> Known:
    """Look up the ids that the mix needs, through the same doors."""
    diagnoses: list[str] = []
    files: list[str] = []
    for siren in companies[:ASKED]:
        history = _read(await clients["diagnostic"].get(f"/v1/diagnostics/{siren}"))
        diagnoses += [f"{siren}/{one['diagnostic_id']}" for one in history["diagnostics"]]
        answer = await clients["vouchers"].get(f"/v1/vouchers/{siren}")
        if answer.status == 200:
            files += [f"{siren}/{one['voucher_id']}" for one in _read(answer)["vouchers"]]
    register = _read(await clients["labels"].get("/v1/labels?limit=100"))
    return Known(companies, diagnoses, [label["label_id"] for label in register["items"]], files)


def _read(answer: Answer) -> Any:
    return msgspec.json.decode(answer.body)


@asynccontextmanager
async def _working(stack: Stack, later: Sequence[Wave], rate: int) -> AsyncGenerator[Callable[[], int]]:
    """Send waves of new companies through the chain at a fixed pace while the block runs; gives how many are done."""
    async with Doors(lambda: doors_of(stack)) as doors, Flow(stack.dsn, counting=False) as flow:
        feed = Feed(doors, flow, len(later) * WAVE)
        schedule = Schedule(rate / WAVE, len(later))

        async def send(index: int) -> None:
            await feed.run([later[index]])

        sending = asyncio.create_task(schedule.run(send))
        try:
            yield lambda: feed.done
            await sending
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)


async def _part(
    stack: Stack, clients: Mapping[str, Client], known: Known, schedule: Schedule, done: Callable[[], int]
) -> Part:
    """Read on schedule; the warm-up is sent and not counted."""
    draw = Random(1)
    times: defaultdict[str, list[float]] = defaultdict(list)
    failed: Counter[str] = Counter()
    reads = draw.choices(MIX, [read.share for read in MIX], k=schedule.count)
    paths = [asked(read, draw, known) for read in reads]

    async def ask(index: int) -> None:
        read = reads[index]
        try:
            answer = await clients[read.service].get(paths[index])
        except (OSError, TimeoutError) as error:
            failed[f"{read.name}: {type(error).__name__}"] += 1
            return
        if answer.status != 200:
            failed[f"{read.name}: {answer.status}"] += 1
        elif index >= WARM * schedule.rate:
            times[read.name].append(time.time() - schedule.due(index))

    before, began = done(), time.monotonic()
    async with metered(lambda: processes(stack)) as cost:
        await schedule.run(ask)
    return Part(
        (done() - before) / (time.monotonic() - began),
        Latency.of(one for each in times.values() for one in each),
        {read.name: Latency.of(times[read.name]) for read in MIX},
        Latency.of(schedule.late),
        dict(failed),
        {role: round(seconds / cost.seconds, 2) for role, seconds in cost.cpu.items()},
    )


def reads(
    rate: Annotated[int, typer.Option(min=1, help="Reads a second.")] = RATE,
    seconds: Annotated[int, typer.Option(min=1, help="Measured seconds of each part, after the warm-up.")] = 30,
    companies: Annotated[int, typer.Option(min=1000, help="Companies there are to be read.")] = COMPANIES,
    background: Annotated[int, typer.Option(min=0, help="Companies a second beside, in the second part.")] = BACKGROUND,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on the output.")] = False,
) -> None:
    """Latency of HTTP reads at a fixed rate, alone and beside a working chain, on a system of its own."""

    async def work() -> Outcome:
        async with fresh_system(say) as stack:
            return await run(stack, rate, seconds, companies=companies, background=background, say=say)

    measured(work, as_json=as_json)


if __name__ == "__main__":
    typer.run(reads)
