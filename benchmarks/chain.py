"""The product: N companies through the six services, from their registration to the last notification recorded."""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

import asyncpg
import msgspec

from benchmarks.feed import Feed
from benchmarks.machine import Cost, metered
from benchmarks.population import sirens, templates, waves
from croissance.api import Doors
from croissance.directory import connecteurs
from croissance.flow import Flow
from croissance.population import communes
from croissance.proof.findings import Findings
from croissance.proof.run import Where
from croissance.proof.run import audit as run_audit
from embedded.progress import Say
from embedded.stack import Stack, running

NO_MAIL: Final = "CROISSANCE_NOTIFICATIONS__SENDING"
"""Sending mail is a loop of its own with its own rate: measured apart."""

LOOK_EVERY: Final = 0.25
"""Seconds between two looks at the positions."""

SEEDED_AT_ONCE: Final = 1000
CONTACTS_AT_ONCE: Final = 50_000
AUDIT_PATIENCE: Final = 600.0


@dataclass(slots=True)
class Outcome:
    """What a run came to.

    Attributes:
        companies: how many.
        seconds: from the first request to the last notification recorded.
        deciles: companies a second in each tenth of the run.
        events: events by type.
        cost: CPU and memory.
        findings: of the audit.
    """

    companies: int
    seconds: float = 0.0
    deciles: list[int] = field(default_factory=list[int])
    events: dict[str, int] = field(default_factory=dict[str, int])
    cost: Cost = field(default_factory=Cost)
    findings: Findings | None = None
    audit_seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Companies a second."""
        return self.companies / self.seconds


@asynccontextmanager
async def fresh_system(say: Say, scale: Mapping[str, int] | None = None) -> AsyncGenerator[Stack]:
    """The whole system on a data directory of its own, thrown away afterwards."""
    os.environ[NO_MAIL] = "false"  # noqa: TID251  for the processes started here
    with tempfile.TemporaryDirectory(prefix="croissance-benchmark-", ignore_cleanup_errors=True) as folder:
        async with running(Path(folder), None, scale, say) as stack:
            yield stack


def processes(stack: Stack) -> dict[str, list[int]]:
    """Role → process ids of a system; `feed` is this process."""
    roles: dict[str, list[int]] = {"feed": [os.getpid()]}
    for name, child in stack.supervisor.children.items():
        if child.pid is not None:
            roles.setdefault(name.rpartition("-")[0] or name, []).append(child.pid)
    return roles


def doors_of(stack: Stack) -> dict[str, tuple[str, ...]]:
    """Service → base URLs."""
    return {service: tuple(instances.values()) for service, instances in stack.http.items()}


async def seed_directory(doors: Doors, companies: int) -> None:
    """Register the connecteurs that companies will be directed to."""
    desks = connecteurs(companies, communes())
    for start in range(0, len(desks), SEEDED_AT_ONCE):
        await doors.batch(
            "matching", "/v1/connecteurs:batch", msgspec.json.encode(desks[start : start + SEEDED_AT_ONCE]), _Taken
        )


class _Taken(msgspec.Struct):
    status: int | str = 0


async def seed_contacts(dsn: str, companies: int) -> None:
    """Give every company a contact, as the directors who answer have: straight into the table, it is not measured."""
    connection = await asyncpg.connect(dsn)
    try:
        batch: list[str] = []
        for siren in sirens(companies):
            batch.append(siren)
            if len(batch) == CONTACTS_AT_ONCE:
                await connection.execute(_CONTACTS, batch)
                batch = []
        await connection.execute(_CONTACTS, batch)
    finally:
        await connection.close()


async def run(stack: Stack, companies: int, *, audit: bool = True, say: Say) -> Outcome:
    """Measure `companies` companies on a running system."""
    outcome = Outcome(companies)
    kinds = templates()
    async with Doors(lambda: doors_of(stack)) as doors, Flow(stack.dsn, counting=False, every=LOOK_EVERY) as flow:
        await seed_directory(doors, companies)
        await seed_contacts(stack.dsn, companies)
        await flow.at_rest()
        feed = Feed(doors, flow, companies)
        telling = asyncio.create_task(_tell(feed, flow, say))
        began = time.monotonic()
        async with metered(lambda: processes(stack), feed.progress) as outcome.cost:
            await feed.run(waves(companies, kinds))
            await flow.at_rest()
            outcome.seconds = time.monotonic() - began
        telling.cancel()
        outcome.deciles = [round(companies / 10 / max(b - a, 1e-9)) for a, b in pairwise(feed.deciles)]
        await flow.count()
        outcome.events = dict(sorted(flow.events.items()))
    if audit:
        began = time.monotonic()
        outcome.findings = await run_audit(Where(stack.bootstrap_servers, stack.dsn, ""), AUDIT_PATIENCE)
        outcome.audit_seconds = time.monotonic() - began
    return outcome


async def _tell(feed: Feed, flow: Flow, say: Say) -> None:
    """A line of progress every few seconds."""
    last, at = 0, time.monotonic()
    while True:
        await asyncio.sleep(5)
        now = time.monotonic()
        say(f"{feed.done:,} companies, {(feed.done - last) / (now - at):,.0f}/s, {flow.lag():,} events to apply")
        last, at = feed.done, now


_CONTACTS: Final = """insert into notifications.contacts
        (siren, ref, email, name, language, channels, muted, created_at, updated_at)
    select s, gen_random_uuid(), 'direction@e' || s || '.example', 'Direction', 'fr', '{email}', '{}', now(), now()
    from unnest($1::text[]) s on conflict do nothing"""
