"""What one company costs in things that can be counted: statements, WAL, rows, bytes on the wire, events.

Seconds depend on the machine and cannot fail a build; these numbers do not, so they can. In the living chain, how much
work shares a transaction depends on timing. Here nothing is left to it: all services run in this process, one after
the other, on the real database and the real broker, through the core's own functions:

- companies are the first of the population, sent to the real HTTP doors in requests of `BATCH`;
- a service's events are published by its own relay, read back from Kafka's log in order of partition and offset, and
  applied in transactions of `RECORDS` records by `apply_records`, one consumer after the other;
- idempotency keys are fixed, so that ids derive from them; the clock starts at a fixed instant;
- statements and bytes are counted on the wire, WAL by PostgreSQL's counters of our own connections, which neither the
  autovacuum nor the checkpoints of a shared server can touch.

What is left is a few bytes: compressed batches hold instants, and WAL has full-page images if a checkpoint happens to
fall into the run (then it is taken again). Hence a tolerance by kind of counter, 0 for what is exact.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import asyncpg
import msgspec
import typer
from pydantic import SecretStr
from rich.table import Table

from benchmarks.counters_line import RECORDS, Line, assembled
from benchmarks.population import sirens, templates, waves
from benchmarks.shown import grid, measured, say
from common.core import clock
from common.kafka.client import KafkaSettings
from common.postgres.connections import DatabaseSettings
from common.process.settings import Settings, read_settings
from croissance.directors import contact
from croissance.directory import connecteurs
from croissance.population import communes
from embedded.progress import Say
from embedded.stack import infrastructure

COMPANIES: Final = 2000
KINDS: Final = 500

BASELINE: Final = Path(__file__).parent / "counters.json"
STARTS_AT: Final = datetime(2026, 11, 23, 9, tzinfo=UTC)
"""What time it is when a run begins: a working Monday morning, inside the programme year."""

TOLERANCES: Final[Mapping[str, float]] = {
    "sent": 0.01,
    "received": 0.01,
    "wal_bytes": 0.02,
    "wal_records": 0.01,
    "kafka_bytes": 0.02,
}
"""By how much a counter may exceed its baseline, by the last word of its name; 0 for all others."""

COLUMNS: Final = (
    *("statements", "round_trips", "sent", "received"),
    *("inserted", "updated", "deleted", "wal_records", "wal_bytes", "kafka_bytes", "kafka_batches"),
)
"""What the table shows; `event.<name>` counters are in the document only."""


class Excess(NamedTuple):
    """A counter that grew beyond its tolerance."""

    name: str
    baseline: float
    found: float

    def __str__(self) -> str:
        """For people."""
        grown = f"{100 * (self.found / self.baseline - 1):+.2f} %" if self.baseline else "new"
        return f"{self.name}: {self.found:,.0f} instead of {self.baseline:,.0f} ({grown})"


@dataclass(slots=True)
class Outcome:
    """The counters of a run.

    Attributes:
        companies: how many went through the chain.
        counters: `<service>.<counter>` → total of the run.
        excess: what grew beyond its tolerance, when compared.
        shrunk: what shrank beyond it: the baseline should be written again.
    """

    companies: int
    counters: dict[str, int] = field(default_factory=dict[str, int])
    excess: list[Excess] = field(default_factory=list[Excess])
    shrunk: list[Excess] = field(default_factory=list[Excess])

    def compare(self, baseline: "Outcome") -> None:
        """Note what grew and what shrank against a baseline of the same number of companies.

        Raises:
            ValueError: the baseline is of another number of companies.
        """
        if baseline.companies != self.companies:
            raise ValueError(f"the baseline is of {baseline.companies} companies, this run of {self.companies}")
        for name in sorted(self.counters.keys() | baseline.counters.keys()):
            before, now = baseline.counters.get(name, 0), self.counters.get(name, 0)
            room = TOLERANCES.get(name.rpartition(".")[2], 0.0) * before
            if now > before + room:
                self.excess.append(Excess(name, before, now))
            elif now < before - room:
                self.shrunk.append(Excess(name, before, now))

    def document(self) -> dict[str, Any]:
        """The result as JSON; totals of the run."""
        return {
            "benchmark": "counters",
            "companies": self.companies,
            "counters": self.counters,
            "grown": [str(excess) for excess in self.excess],
            "shrunk": [str(excess) for excess in self.shrunk],
        }

    def table(self) -> Table:
        """The result for people: per company, a line a service."""
        services = list(dict.fromkeys(name.partition(".")[0] for name in self.counters))

        def each(total: int) -> str:
            return f"{total / self.companies:,.{3 if total < 10 * self.companies else 0}f}"

        def row(title: str, *summed: str) -> list[str]:
            return [title, *(each(sum(self.counters.get(f"{name}.{kind}", 0) for name in summed)) for kind in COLUMNS)]

        rows = [*(row(service, service) for service in services), row("all", *services)]
        caption = f"{self.companies:,} companies, requests of 1,000, transactions of {RECORDS} records"
        return grid("Per company", ("", *(kind.replace("_", " ") for kind in COLUMNS)), rows, caption)


# --- the chain, one step after the other -----------------------------------------------------------------------------


# --- counting --------------------------------------------------------------------------------------------------------

_FLUSH: Final = "select pg_stat_force_next_flush()"
_WAL: Final = """select replace(application_name, 'croissance-', ''), sum(wal_records)::bigint, sum(wal_bytes)::bigint
    from pg_stat_activity, pg_stat_get_backend_wal(pid) where starts_with(application_name, 'croissance-' || $1)
    group by 1"""
_ROWS: Final = """select schemaname, sum(n_tup_ins)::bigint, sum(n_tup_upd)::bigint, sum(n_tup_del)::bigint
    from pg_stat_user_tables where starts_with(schemaname, $1) group by 1"""
_CHECKPOINTS: Final = "select num_done from pg_stat_checkpointer"


async def snapshot(line: Line, watcher: Any, prefix: str) -> dict[str, int]:
    """Every counter as it stands; services that only count themselves (what was asked, published) first."""
    found: dict[str, int] = {}
    for name, part in line.parts.items():
        traffic = part.traffic
        found |= {
            f"{name}.statements": traffic.statements,
            f"{name}.round_trips": traffic.round_trips,
            f"{name}.sent": traffic.sent,
            f"{name}.received": traffic.received,
            f"{name}.kafka_bytes": part.kafka_bytes,
            f"{name}.kafka_batches": part.kafka_batches,
        }
        found |= {f"{name}.event.{event}": count for event, count in part.events.items()}
    for part in line.parts.values():
        async with part.context.pool.acquire() as connection:
            await connection.execute(_FLUSH)
    for schema, records, size in await watcher.fetch(_WAL, prefix):
        name = schema.removeprefix(prefix)
        found |= {f"{name}.wal_records": records, f"{name}.wal_bytes": size}
    for schema, inserted, updated, deleted in await watcher.fetch(_ROWS, prefix):
        name = schema.removeprefix(prefix)
        found |= {f"{name}.inserted": inserted, f"{name}.updated": updated, f"{name}.deleted": deleted}
    return found


async def run(bootstrap_servers: str, dsn: str, companies: int, say: Say) -> Outcome:
    """Count a run on a broker and a database, taken once again when a checkpoint of the server fell into it."""
    watcher: Any = await asyncpg.connect(dsn)
    clock.shift(STARTS_AT - clock.now())
    try:
        checkpoints = await watcher.fetchval(_CHECKPOINTS)
        outcome = await _counted(bootstrap_servers, dsn, watcher, companies, say)
        if await watcher.fetchval(_CHECKPOINTS) != checkpoints:
            say("a checkpoint fell into the run: once more")
            outcome = await _counted(bootstrap_servers, dsn, watcher, companies, say)
    finally:
        clock.shift(timedelta(0))
        await watcher.close()
    return outcome


async def _counted(bootstrap_servers: str, dsn: str, watcher: Any, companies: int, say: Say) -> Outcome:
    """Seed the directory and the contacts, then count the companies going through."""
    settings = read_settings(
        Settings,
        namespace=f"c{clock.new_id().hex[-8:]}.",
        kafka=KafkaSettings(bootstrap_servers=bootstrap_servers),
        database=DatabaseSettings(dsn=SecretStr(dsn)),
    )
    prefix = settings.namespace.replace(".", "_")
    async with assembled(settings) as line:
        await _seed(line, companies)
        before = await snapshot(line, watcher, prefix)
        for number, wave in enumerate(waves(companies, templates(KINDS))):
            say(f"wave {number + 1}: {wave.companies} companies")
            await line.send("companies", "/v1/companies:batch", wave.registrations, f"registrations-{number}")
            await line.send("diagnostic", "/v1/diagnostics:batch", wave.diagnoses, f"diagnoses-{number}")
            await line.send("labels", "/v1/applications:batch", wave.labels, f"labels-{number}")
            await line.send("vouchers", "/v1/vouchers:batch", wave.vouchers, f"vouchers-{number}")
        after = await snapshot(line, watcher, prefix)
    return Outcome(companies, {name: count - before.get(name, 0) for name, count in sorted(after.items())})


async def _seed(line: Line, companies: int) -> None:
    """What is there before companies come: the directory, and a contact of each company."""
    desks = connecteurs(companies, communes())
    for start in range(0, len(desks), 1000):
        body = msgspec.json.encode(desks[start : start + 1000])
        await line.parts["matching"].post("/v1/connecteurs:batch", body, f"desks-{start}")
    contacts = [contact(siren) for siren in sirens(companies)]
    for start in range(0, len(contacts), 1000):
        body = msgspec.json.encode(contacts[start : start + 1000])
        await line.parts["notifications"].post("/v1/contacts:batch", body, f"contacts-{start}")


# --- the baseline ----------------------------------------------------------------------------------------------------


def read_baseline() -> Outcome:
    """The committed counters."""
    return msgspec.json.decode(BASELINE.read_bytes(), type=Outcome)


def write_baseline(outcome: Outcome) -> None:
    """Make this run the baseline."""
    document = {"companies": outcome.companies, "counters": outcome.counters}
    BASELINE.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


async def run_alone(companies: int, say: Say) -> Outcome:
    """Count a run on a broker and a database of its own."""
    with tempfile.TemporaryDirectory(prefix="croissance-counters-", ignore_cleanup_errors=True) as folder:
        async with infrastructure(Path(folder), say) as stack:
            return await run(stack.bootstrap_servers, stack.dsn, companies, say)


def counters(
    check: Annotated[bool, typer.Option("--check", help="Fail when a counter grew beyond its tolerance.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Make this run the baseline.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on the output.")] = False,
) -> None:
    """Statements, WAL, rows, bytes and events a company: exact, so that they can fail a build."""

    async def work() -> Outcome:
        outcome = await run_alone(COMPANIES, say)
        if check:
            outcome.compare(read_baseline())
        return outcome

    outcome = measured(work, as_json=as_json)
    if write:
        write_baseline(outcome)
    for excess in outcome.shrunk:
        say(f"shrank, write the baseline again: {excess}")
    for excess in outcome.excess:
        say(f"grew: {excess}")
    if outcome.excess:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(counters)
