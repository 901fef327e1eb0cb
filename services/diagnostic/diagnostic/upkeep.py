"""The side job of this service: keep the benchmark's cells up to date."""

import asyncio

from common.process.context import Context
from diagnostic import store
from diagnostic.settings import BenchmarkSettings, DiagnosticSettings


async def fold_benchmark(context: Context) -> None:
    """Fold the benchmark's changes for ever. Readers add both up, so a late fold costs speed, never truth."""
    settings = context.settings
    benchmark = settings.benchmark if isinstance(settings, DiagnosticSettings) else BenchmarkSettings()
    while True:
        async with context.pool.acquire() as connection:
            folded = await store.fold(connection, benchmark.fold_rows)
        if folded.done:
            await asyncio.sleep(benchmark.fold_seconds)
