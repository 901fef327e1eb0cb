"""What a process clears away: old segments of the outbox, and what is kept for a while only."""

import asyncio
from datetime import timedelta
from typing import Final

from common.core import clock
from common.declare.errors import Transient
from common.postgres.outbox import PostgresOutbox
from common.postgres.retention import Kept, forget
from common.process.context import Context

LOOK_EVERY: Final = 60
"""Seconds between two looks at what is old."""


async def clear_away(context: Context) -> None:
    """Open and drop segments of the outbox, forget what is old, for ever."""
    settings, retention = context.settings.outbox, context.settings.retention
    outbox = PostgresOutbox(context.pool)
    every, keep = timedelta(hours=settings.segment_hours), timedelta(hours=settings.keep_hours)
    kept = Kept(
        timedelta(days=retention.answers_days),
        timedelta(days=retention.letters_days),
        timedelta(days=retention.arrivals_days),
    )
    while True:
        await context.guard.opened.wait()
        try:
            await outbox.rotate(clock.now(), every, keep)
        except Transient as error:
            context.log.info("rotation is tried again later", reason=str(error))
        await forget(context.pool, clock.now(), kept)
        await asyncio.sleep(LOOK_EVERY)
