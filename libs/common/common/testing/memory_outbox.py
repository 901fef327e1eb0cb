"""The outbox in memory, as the relay reads it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from common.core.inbox import TopicPartition
from common.core.outbox import Batch
from common.testing.memory_database import MemoryDatabase


@dataclass(frozen=True, slots=True)
class MemoryOutbox:
    """`relay.Outbox` in memory, without a lease: any number of relays at once, the hardest case."""

    database: MemoryDatabase

    async def claim(self, owner: str, lease: timedelta) -> dict[TopicPartition, int]:  # noqa: ARG002
        """See `Outbox.claim`."""
        await asyncio.sleep(0)
        return {where: self.database.published.get(where, 0) for where in self.database.heads}

    async def release(self, owner: str) -> None:
        """See `Outbox.release`."""

    async def read(self, after: Mapping[TopicPartition, int], limit: int) -> list[Batch]:
        """See `Outbox.read`."""
        await asyncio.sleep(0)
        return [
            batch
            for where, last in after.items()
            for batch in [batch for batch in self.database.outbox[where] if batch.last > last][:limit]
        ]

    async def advance(self, ranges: Mapping[TopicPartition, tuple[int, int]]) -> None:
        """See `Outbox.advance`."""
        await asyncio.sleep(0)
        for where, (after, last) in ranges.items():
            published = self.database.published.get(where, 0)
            if published >= after:
                self.database.published[where] = max(published, last)
