"""The benchmark on a real PostgreSQL: live, exact, folded without loss."""

import asyncio
from typing import Any

import pytest

from common.core.clock import new_id, now
from common.core.codec import partition_of
from common.core.commands import Ask
from common.core.requests import apply_commands
from common.declare.errors import Unstorable
from common.declare.message import Message
from common.process.context import Context
from diagnostic import store
from diagnostic.diagnostics.inputs import CompanyRegistered, SubmitDiagnostic
from diagnostic.events import Company
from diagnostic.questionnaire.forms import COMPLET
from diagnostic.questionnaire.sheet import write
from diagnostic.scoring.peers import Bucket, Cell
from diagnostic.settings import BenchmarkSettings
from diagnostic.upkeep import fold_benchmark

pytestmark = pytest.mark.stack

B = "222211100011111000001111111000003010011100001111000011110000111100100031110000000102120000000000000000000000"
ANSWERS: dict[str, Any] = write(COMPLET, B)
EVERYBODY = Cell("", "", "")


def company(region: str = "84", naf: str = "62.01Z") -> Company:
    return Company("", None, naf, "NAFRev2", "", "12", "", "", region, None, active=True, sme_category="petite")


async def register(context: Context, companies: dict[str, Company]) -> None:
    messages: list[Message[Any]] = []
    for siren, known in companies.items():
        cause = new_id()
        messages.append(Message(CompanyRegistered(siren, known), siren, partition_of(siren), cause, now(), cause))
    await apply_commands(context.codec, context.begin, messages)


async def submit(context: Context, sirens: list[str], answers: dict[str, Any] = ANSWERS) -> None:
    answered = await context.execute_all([Ask(SubmitDiagnostic(siren, answers=answers), siren) for siren in sirens])
    assert all(type(answer).__name__ == "DiagnosticScored" for answer in answered)


async def histogram(context: Context, cell: Cell) -> list[Bucket]:
    async with context.reading() as connection:
        return await store.histogram(connection, cell)


async def fold(context: Context, limit: int = 1000) -> store.Fold:
    async with context.pool.acquire() as connection:
        return await store.fold(connection, limit)


async def test_every_statement_is_valid_and_a_cell_is_found_by_its_index(context: Context) -> None:
    async with context.reading() as connection:
        for statement in store.HISTOGRAMS.values():
            await connection.prepare(statement)
        await connection.execute("set enable_seqscan = off")
        plan = await connection.fetch("explain " + store.HISTOGRAMS[True, True, True], "petite", "J", "84")
    assert "benchmark_cells_pkey" in "\n".join(row[0] for row in plan)


async def test_scores_are_live_before_and_after_the_fold(context: Context) -> None:
    await register(context, {f"{number}": company("84" if number % 2 else "11") for number in range(20)})
    await submit(context, [f"{number}" for number in range(20)])
    before = [await histogram(context, cell) for cell in (EVERYBODY, Cell("petite", "J", "84"), Cell("", "", "75"))]
    assert before[:2] == [[Bucket(43, 20, 875.16)], [Bucket(43, 10, 437.58)]]
    assert before[2] == []
    assert await fold(context) == store.Fold(20, done=True)
    after = [await histogram(context, cell) for cell in (EVERYBODY, Cell("petite", "J", "84"), Cell("", "", "75"))]
    assert after == before
    assert await context.pool.fetchval("select count(*) from benchmark_changes") == 0


async def test_a_company_counts_once_with_its_latest_score(context: Context) -> None:
    await register(context, {"1": company()})
    await submit(context, ["1"])
    await fold(context)
    await register(context, {"1": company(region="11")})
    await submit(context, ["1"], ANSWERS | {"Q8": []})
    for _ in range(2):
        assert await histogram(context, Cell("petite", "J", "84")) == []
        (bucket,) = await histogram(context, EVERYBODY)
        assert (bucket.count, bucket.score) == (1, 38)
        await fold(context)


async def test_folds_in_parallel_with_submissions_lose_nothing(context: Context) -> None:
    sirens = [f"{number}" for number in range(120)]
    await register(context, {siren: company(naf=f"{10 + int(siren) % 30}.00Z") for siren in sirens})
    submissions = [submit(context, sirens[start : start + 10]) for start in range(0, 120, 10)]
    await asyncio.gather(*submissions, *(fold(context, limit=7) for _ in range(12)))
    while not (await fold(context, limit=50)).done:
        pass
    assert sum(bucket.count for bucket in await histogram(context, EVERYBODY)) == 120
    assert await context.pool.fetchval("select sum(count) from benchmark_cells") == 120


async def test_the_side_job_folds_until_it_is_cancelled(context: Context) -> None:
    await register(context, {"1": company()})
    await submit(context, ["1"])
    task = asyncio.create_task(fold_benchmark(context))
    async with asyncio.timeout(10):
        while await context.pool.fetchval("select count(*) from benchmark_changes"):  # noqa: ASYNC110  the job has no signal
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert BenchmarkSettings().fold_seconds == 5


async def test_a_bucket_outside_the_scale_is_refused(context: Context) -> None:
    with pytest.raises(Unstorable):
        await context.pool.execute("insert into benchmark_changes values ('', '', '', 101, 1, 1)")
