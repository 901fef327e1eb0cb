"""How long a director's diagnosis takes to become a recorded notification, at fixed rates of arrival.

Companies are registered beforehand. Each diagnosis is due at a fixed instant and is sent then, whatever became of the
earlier ones (see `arrivals`). Below `GROUPED_FROM` a second each is a small request of its own, as directors send them.
One process of a service carries about 500 such requests a second here, so higher rates are posted as a partner's
platform would: those due within a tick of `TICK` seconds in one request; a latency still counts from each one's own
due time, so that waiting for the tick is in it.

Both ends are commit times of PostgreSQL (`track_commit_timestamp`), exact for each row: a fact counts as recorded when
it is durable, not when it was decided.
"""

import os
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import asyncpg
import msgspec
import typer
from rich.table import Table

from benchmarks.arrivals import Client, Latency, Schedule, client_of
from benchmarks.chain import NO_MAIL, doors_of, processes, seed_contacts, seed_directory
from benchmarks.machine import metered
from benchmarks.population import Template, templates, waves
from benchmarks.shown import grid, measured, say
from croissance.api import Doors
from croissance.directors import array
from croissance.flow import Flow
from croissance.population import Population
from embedded import postgres
from embedded.progress import Say
from embedded.stack import Stack, running

RATES: Final = (100, 300, 1000)
TARGET_RATE, TARGET_P50, TARGET_P99 = 300, 60.0, 250.0
"""Companies a second, and milliseconds from DiagnosticCompleted committed to its notification recorded."""

WARM: Final = 3
"""Seconds of arrivals at each rate that are sent but not counted."""

GROUPED_FROM: Final = 500
TICK: Final = 0.02
KINDS: Final = 1000


@dataclass(slots=True)
class AtRate:
    """What one rate came to; latencies in milliseconds.

    Attributes:
        rate: companies a second.
        group: companies in a request: 1, or those of a tick.
        notified: from DiagnosticCompleted committed to its notification recorded.
        whole: from the scheduled submission to the same.
        accepted: from the scheduled submission to DiagnosticCompleted committed.
        told: from DiagnosticCompleted committed to the last of its notifications (matching and aids included).
        late: by how much the generator itself sent too late.
        refused: answers other than 2xx, by status; companies without a notification as `lost`.
        cores: role → cores it kept busy.
    """

    rate: int
    group: int
    notified: Latency
    whole: Latency
    accepted: Latency
    told: Latency
    late: Latency
    refused: dict[str, int]
    cores: dict[str, float]

    @property
    def reached(self) -> bool | None:
        """Whether the target is met; None at rates that have none."""
        if self.rate != TARGET_RATE:
            return None
        return self.notified.p50 <= TARGET_P50 and self.notified.p99 <= TARGET_P99


@dataclass(slots=True)
class Outcome:
    """What every rate came to."""

    seconds: int
    rates: list[AtRate] = field(default_factory=list[AtRate])

    def document(self) -> dict[str, Any]:
        """The result as JSON; milliseconds."""
        kept = ("notified", "whole", "accepted", "told", "late")
        return {
            "benchmark": "latency",
            "seconds": self.seconds,
            "rates": [
                {
                    "rate": at.rate,
                    "companies_per_request": at.group,
                    **{f"{name}_ms": getattr(at, name)._asdict() for name in kept},
                    "refused": at.refused,
                    "cores": at.cores,
                    "target_reached": at.reached,
                }
                for at in self.rates
            ],
        }

    def table(self) -> Table:
        """The result for people."""
        columns = (
            "companies/s",
            "a request",
            "committed → recorded",
            "due → recorded",
            "due → committed",
            "→ last message",
            "sent late p99",
            "cores",
            "refused",
            "target",
        )
        verdict = {None: "–", True: "reached", False: "missed"}
        rows = [
            (
                at.rate,
                at.group,
                *(at.notified, at.whole, at.accepted, at.told, at.late.p99),
                round(sum(at.cores.values()), 2),
                sum(at.refused.values()),
                verdict[at.reached],
            )
            for at in self.rates
        ]
        caption = (
            f"p50 / p95 / p99 in ms. Target at {TARGET_RATE}/s: committed → recorded p50 ≤ {TARGET_P50:.0f}, "
            f"p99 ≤ {TARGET_P99:.0f}"
        )
        return grid("From a diagnosis to its notification, open loop", columns, rows, caption)


@asynccontextmanager
async def timed_system(say: Say) -> AsyncGenerator[Stack]:
    """The whole system on a fresh data directory, its database remembering when each transaction committed."""
    os.environ[NO_MAIL] = "false"  # noqa: TID251  a sender would rewrite the rows whose commit is looked at
    with tempfile.TemporaryDirectory(prefix="croissance-latency-", ignore_cleanup_errors=True) as folder:
        await postgres.prepare(Path(folder) / "postgres", 0)
        with (Path(folder) / "postgres" / "data" / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
            settings.write("track_commit_timestamp = on\n")
        async with running(Path(folder), say=say) as stack:
            yield stack


@dataclass(slots=True)
class Cohort:
    """The companies of a run: those at ranks from `start` on are still to be diagnosed."""

    kinds: Sequence[Template]
    population: Population
    start: int = 0

    def take(self, count: int) -> list[tuple[str, bytes]]:
        """The next `count` companies: SIREN and the body of its diagnosis."""
        ranks = range(self.start, self.start + count)
        self.start += count
        return list(self._bodies(ranks))

    def _bodies(self, ranks: range) -> Iterator[tuple[str, bytes]]:
        for rank in ranks:
            kind, siren = self.kinds[rank % len(self.kinds)], self.population.siren(rank)
            yield siren, kind.diagnosis.replace(kind.siren, siren.encode())


async def run(stack: Stack, rates: Sequence[int], seconds: int, say: Say) -> Outcome:
    """Measure each rate in turn for `seconds` seconds on a running system of `timed_system`."""
    outcome, total = Outcome(seconds), sum(rates) * (WARM + seconds)
    kinds = templates(KINDS)
    door = client_of(next(iter(stack.http["diagnostic"].values())))
    async with Doors(lambda: doors_of(stack)) as doors:
        await seed_directory(doors, total)
        await seed_contacts(stack.dsn, total)
        say(f"registering {total:,} companies…")
        for wave in waves(total, kinds):
            await doors.batch("companies", "/v1/companies:batch", wave.registrations, dict[str, Any])
    await _at_rest(stack)
    cohort = Cohort(kinds, Population(1))
    for rate in rates:
        say(f"{rate} companies/s for {WARM + seconds} s…")
        outcome.rates.append(await _at_rate(stack, door, cohort.take(rate * (WARM + seconds)), rate))
    door.close()
    return outcome


async def _at_rest(stack: Stack) -> None:
    """Wait until everything is applied; the positions are looked at now only, not while it is measured."""
    async with Flow(stack.dsn, counting=False) as flow:
        await flow.at_rest()


async def _at_rate(stack: Stack, door: Client, companies: Sequence[tuple[str, bytes]], rate: int) -> AtRate:
    """Send each company's diagnosis when it is due, then read from the database what became of it and when."""
    group = 1 if rate < GROUPED_FROM else round(rate * TICK)
    refused: Counter[str] = Counter()
    schedule = Schedule(rate / group, len(companies) // group)

    async def submit(index: int) -> None:
        bodies = [body for _, body in companies[index * group : (index + 1) * group]]
        path, body = ("submit", bodies[0]) if group == 1 else ("batch", array(bodies))
        try:
            answer = await door.post(f"/v1/diagnostics:{path}", body)
        except (OSError, TimeoutError) as error:
            refused[type(error).__name__] += group
        else:
            refused.update(_refusals(answer.status, answer.body, group))

    async with metered(lambda: processes(stack)) as cost:
        await schedule.run(submit)
        await _at_rest(stack)
    # a group is sent when its last company is due
    due = {siren: schedule.due(0) + (index + 1 - group) / rate for index, (siren, _) in enumerate(companies)}
    counted = [siren for siren, _ in islice(companies, WARM * rate, None)]
    found = await _times(stack.dsn, counted)
    refused["lost"] = len(counted) - len(found)
    times = [(due[siren], *found[siren]) for siren in counted if siren in found]
    return AtRate(
        rate,
        group,
        notified=Latency.of(first - committed for _, committed, first, _ in times),
        whole=Latency.of(first - wanted for wanted, _, first, _ in times),
        accepted=Latency.of(committed - wanted for wanted, committed, _, _ in times),
        told=Latency.of(last - committed for _, committed, _, last in times),
        late=Latency.of(schedule.late),
        refused={why: count for why, count in refused.items() if count},
        cores={role: round(seconds / cost.seconds, 2) for role, seconds in cost.cpu.items()},
    )


def _refusals(status: int, body: bytes, group: int) -> Mapping[str, int]:
    """Companies of an answer that were not taken, by status."""
    if status >= 300:
        return {str(status): group}
    rejected = 0 if group == 1 else msgspec.json.decode(body)["rejected"]
    return {"item": rejected} if rejected else {}


_TIMES: Final = """select s.key, extract(epoch from pg_xact_commit_timestamp(s.xmin))::float8, m.first, m.last
    from diagnostic.states s join lateral (
        select extract(epoch from min(pg_xact_commit_timestamp(m.xmin))
                   filter (where m.template = 'diagnostic_completed'))::float8 as first,
            extract(epoch from max(pg_xact_commit_timestamp(m.xmin)))::float8 as last
        from notifications.messages_to_send m where m.siren = s.key) m on m.first is not null
    where s.kind = 'diagnostics' and s.key = any($1::text[])"""


async def _times(dsn: str, sirens: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """SIREN → UNIX times: diagnosis committed, its notification recorded, the last one recorded."""
    connection: Any = await asyncpg.connect(dsn)
    try:
        return {row[0]: (row[1], row[2], row[3]) for row in await connection.fetch(_TIMES, sirens)}
    finally:
        await connection.close()


def latency(
    rates: Annotated[list[int] | None, typer.Option("--rate", help="Companies a second; may be repeated.")] = None,
    seconds: Annotated[int, typer.Option(min=1, help="Measured seconds at each rate, after the warm-up.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on the output.")] = False,
) -> None:
    """From a diagnosis to its notification: p50, p95 and p99 at fixed rates, on a system of its own."""

    async def work() -> Outcome:
        async with timed_system(say) as stack:
            return await run(stack, rates or RATES, seconds, say)

    measured(work, as_json=as_json)


if __name__ == "__main__":
    typer.run(latency)
