"""The side job of this service: keep the benchmark's cells up to date."""

import asyncio

from common.runtime import Context
from diagnostic import store
from diagnostic.model import DiagnosticFile
from diagnostic.settings import BenchmarkSettings, DiagnosticSettings


async def fold_benchmark(context: Context[DiagnosticFile, None]) -> None:
    """Fold the benchmark's changes for ever. Readers add both up, so a late fold costs speed, never truth."""
    settings = context.settings
    benchmark = settings.benchmark if isinstance(settings, DiagnosticSettings) else BenchmarkSettings()
    while True:
        async with context.pool.acquire() as connection:
            folded = await store.fold(connection, benchmark.fold_rows)
        if folded.done:
            await asyncio.sleep(benchmark.fold_seconds)
