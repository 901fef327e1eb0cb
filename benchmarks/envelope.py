"""One envelope, many processes: how many chèques a second are reserved until it is empty, and never one cent over.

Every reservation locks the same row, so this is the narrowest place of the system. Clients post in a closed loop (this
is throughput, not latency) applications of different amounts, about a quarter more than the envelope holds. What they
were answered is added up here, and must be what the ledger holds, to the cent; the ledger itself is replayed by the
audit's own books.
"""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Annotated, Any, Final

import asyncpg
import msgspec
import typer
from pydantic import SecretStr

from benchmarks.arrivals import Client, client_of
from benchmarks.chain import processes
from benchmarks.envelope_cells import Cell, Reservations
from benchmarks.machine import metered
from benchmarks.shown import measured, say
from common.core import clock
from common.core.codec import partition_of
from common.core.requests import apply_commands
from common.declare.message import Message
from common.postgres.connections import DatabaseSettings
from common.process.opening import opened
from common.process.settings import Settings
from croissance.directors import array
from croissance.population import Population
from croissance.proof.books import check_ledger
from croissance.proof.database import schemas
from croissance.proof.findings import Findings
from embedded.progress import Say
from embedded.stack import Stack, running
from vouchers.app import APP
from vouchers.eligibility.facts import Measure
from vouchers.files.inputs import Company, DiagnosticCompleted

PROCESSES: Final = (1, 2, 4)

BATCH: Final = 200
"""Applications of a batch request."""

UNDER_WAY: Final = {BATCH: 4, 1: 32}
"""Requests under way for each process, by applications a request: a few partners, or many directors."""

DEMAND: Final = 1.25
"""What is asked for, as a multiple of what the envelope holds."""

SEEDED_AT_ONCE: Final = 1000
SUPPLIER: Final = "732829320"
MEASURE: Final = Measure("mesure", ())


class _Answer(msgspec.Struct):
    """What is read of an application's answer."""

    state: str = ""
    asked_cents: int = 0
    granted_cents: int = 0


class _Batch(msgspec.Struct):
    results: list[_Answer]


# --- who applies, and for what ---------------------------------------------------------------------------------------


def amount(rank: int) -> int:
    """Spend of the `rank`-th company in cents: 2,000.00 to 29,999.37 euros, half of which is granted."""
    return 200_000 + rank * 7_919 % 2_800_000


def grant(rank: int) -> int:
    """What the rules grant for it: half, rounded down (the companies are small ones, none of them micro)."""
    return amount(rank) // 2


def application(envelope: str, siren: str, rank: int) -> bytes:
    """The body of an application."""
    line = b'{"category":"site_ecommerce","supplier_siren":"%b","amount_cents":%d,"measure_id":"%b"}' % (
        SUPPLIER.encode(),
        amount(rank),
        MEASURE.id.encode(),
    )
    said = b'{"taxes_up_to_date":true,"social_up_to_date":true,"no_recovery_order":true,"de_minimis_declared_cents":0}'
    return b'{"siren":"%b","envelope_id":"%b","lines":[%b],"declarations":%b}' % (
        siren.encode(),
        envelope.encode(),
        line,
        said,
    )


async def seed_applicants(dsn: str, companies: Sequence[str]) -> None:
    """What the service would know of diagnosed companies, by its own rules; the chain before is not measured."""
    now = clock.now()
    company = Company("62.01Z", "84", now.date() - timedelta(days=3650), active=True, sme_category="petite")
    async with opened(APP, Settings(database=DatabaseSettings(dsn=SecretStr(dsn)))) as context:
        for start in range(0, len(companies), SEEDED_AT_ONCE):
            messages: list[Message[object]] = []
            for siren in companies[start : start + SEEDED_AT_ONCE]:
                cause = clock.new_id()
                event = DiagnosticCompleted(siren, str(cause), "complet", now, (MEASURE,), company)
                messages.append(Message(event, siren, partition_of(siren), cause, now, cause))
            await apply_commands(context.codec, context.begin, messages)


_ENVELOPE: Final = """insert into vouchers.envelopes (id, programme, title, total_cents, disponible_cents)
    values ($1, $1, $1, $2, $2)"""
_RULES: Final = """insert into vouchers.rulesets select $1, valid_from, rules from vouchers.rulesets
    where envelope_id = 'cheque-2026'"""


async def open_envelope(connection: Any, name: str, cents: int) -> None:
    """A new envelope under the rules of the programme."""
    await connection.execute(_ENVELOPE, name, cents)
    await connection.execute(_RULES, name)


# --- the run ---------------------------------------------------------------------------------------------------------


async def run(data: Path, counts: Sequence[int], batched: int, single: int, say: Say) -> Reservations:
    """Empty one envelope for each number of processes, with batches then with single requests.

    Args:
        data: a folder for the system.
        counts: numbers of processes.
        batched: applications posted in batches, a cell.
        single: applications posted one by one, a cell.
        say: tells people what happens.
    """
    outcome = Reservations()
    population, start = Population(1), 0
    async with running(data, ["vouchers"], say=say) as stack:
        connection: Any = await asyncpg.connect(stack.dsn)
        try:
            for count in counts:
                await stack.scale("vouchers", count)
                for batch, applications in ((BATCH, batched), (1, single)):
                    companies = [population.siren(rank) for rank in range(start, start + applications)]
                    start += applications
                    await seed_applicants(stack.dsn, companies)
                    outcome.cells.append(await _empty(stack, connection, companies, Cell(count, batch)))
                    cell = outcome.cells[-1]
                    say(f"{count} processes, {batch} a request: {cell.rate:,.0f} reservations/s")
        finally:
            await connection.close()
    return outcome


async def _empty(stack: Stack, connection: Any, companies: Sequence[str], cell: Cell) -> Cell:
    """Post every application, and compare what was told with the books."""
    name = f"banc-{cell.processes}-{cell.batch}"
    cell.total_cents = int(sum(map(grant, range(len(companies)))) / DEMAND)
    await open_envelope(connection, name, cell.total_cents)
    clients = [client_of(url) for url in stack.http["vouchers"].values()]
    states: Counter[str] = Counter()
    requests = _requests(name, companies, cell.batch)
    began = time.monotonic()

    async def post(client: Client) -> None:
        for path, body in requests:
            answer = await client.post(path, body)
            for item in _items(answer.status, answer.body, cell.batch):
                states[item.state] += 1
                cell.granted_cents += item.granted_cents
            if states["liste_attente"] == 0:
                cell.seconds, cell.reserved = time.monotonic() - began, states["accorde"]

    async with metered(lambda: processes(stack)) as cost, asyncio.TaskGroup() as group:
        for client, _ in zip(cycle(clients), range(UNDER_WAY[cell.batch] * len(clients)), strict=False):
            group.create_task(post(client))
    for client in clients:
        client.close()
    cell.waiting = states["liste_attente"]
    cell.cores = {role: round(seconds / cost.seconds, 2) for role, seconds in cost.cpu.items()}
    cell.faults = await _faults(connection)
    if unexpected := states.total() - states["accorde"] - cell.waiting:
        cell.faults.append(f"{unexpected} applications answered {dict(states)}")
    cell.left_cents = await connection.fetchval("select disponible_cents from vouchers.envelopes where id = $1", name)
    return cell


def _requests(envelope: str, companies: Sequence[str], batch: int) -> Iterator[tuple[str, bytes]]:
    """Path and body of every request, shared by all clients."""
    bodies = [application(envelope, siren, rank) for rank, siren in enumerate(companies)]
    if batch == 1:
        return (("/v1/vouchers", body) for body in bodies)
    return (("/v1/vouchers:batch", array(bodies[at : at + batch])) for at in range(0, len(bodies), batch))


def _items(status: int, body: bytes, batch: int) -> list[_Answer]:
    """The answers of a request; one of its own for a request that failed."""
    if status >= 300:
        return [_Answer(f"HTTP {status}")] * batch
    return [msgspec.json.decode(body, type=_Answer)] if batch == 1 else msgspec.json.decode(body, type=_Batch).results


async def _faults(connection: Any) -> list[str]:
    """What the audit's books find wrong with the ledger, replayed movement by movement."""
    findings = Findings()
    await check_ledger(connection, findings, (await schemas(connection, ""))["vouchers"])
    return [f"{example.where}: {example.what}" for example in findings.examples]


def envelope(
    processes: Annotated[list[int] | None, typer.Option(help="Numbers of processes; may be repeated.")] = None,
    batched: Annotated[int, typer.Option(min=1000, help="Applications in batches, for each number.")] = 30_000,
    single: Annotated[int, typer.Option(min=100, help="Applications one by one, for each number.")] = 4_000,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on the output.")] = False,
) -> None:
    """Reservations on one envelope until it is empty, from 1, 2 and 4 processes, on a system of its own."""

    async def work() -> Reservations:
        with tempfile.TemporaryDirectory(prefix="croissance-envelope-", ignore_cleanup_errors=True) as folder:
            return await run(Path(folder), processes or PROCESSES, batched, single, say)

    measured(work, as_json=as_json)


if __name__ == "__main__":
    typer.run(envelope)
