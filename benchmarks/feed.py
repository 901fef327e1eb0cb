"""Sends waves of companies through the services' doors, as partners and campaigns do: batch after batch, pipelined."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from benchmarks.population import Wave
from croissance.api import Doors
from croissance.flow import Flow

IN_FLIGHT: Final = 8
"""Waves under way at once: enough to keep every service busy, few enough for flat memory."""

MOST_BEHIND: Final = 20_000
"""Events that consumers may have before them when another wave begins: sending faster than the chain works would
measure the doors first and the slowest service, alone, afterwards."""

NOT_YET: Final = frozenset({404, 409})
"""Statuses of an item that mean "what you refer to has not arrived here yet"."""

ASK_AGAIN: Final = 0.3
ASK_TIMES: Final = 100


class _Item(msgspec.Struct):
    status: int | str = 0
    detail: str = ""


class RefusedError(Exception):
    """A door refused what it should have taken: the benchmark would measure something else."""


@dataclass(slots=True)
class Feed:
    """Feeds one system.

    Attributes:
        total: companies to send, for the deciles.
        done: companies whose last request was answered.
        deciles: monotonic second at which each tenth was done, after the beginning.
    """

    doors: Doors
    flow: Flow
    total: int
    done: int = 0
    deciles: list[float] = field(default_factory=list[float])

    def progress(self) -> float:
        """How much is done, 0–1."""
        return self.done / self.total

    async def run(self, waves: Iterable[Wave]) -> None:
        """Send every wave; returns when all were answered.

        Raises:
            RefusedError: an item was refused for good.
        """
        self.deciles.append(time.monotonic())
        async with asyncio.TaskGroup() as group:
            room = asyncio.Semaphore(IN_FLIGHT)
            for wave in waves:
                await room.acquire()
                await self.flow.at_most(MOST_BEHIND)
                group.create_task(self._travel(wave)).add_done_callback(lambda _: room.release())

    async def _travel(self, wave: Wave) -> None:
        await self._post("companies", "/v1/companies:batch", wave.registrations)
        await self.flow.applied("diagnostic", "companies")
        await self._post("diagnostic", "/v1/diagnostics:batch", wave.diagnoses)
        await asyncio.gather(
            self._apply("labels", "/v1/applications:batch", wave.labels),
            self._apply("vouchers", "/v1/vouchers:batch", wave.vouchers),
        )
        self.done += wave.companies
        if self.done * 10 >= self.total * len(self.deciles):
            self.deciles.append(time.monotonic())

    async def _apply(self, service: str, path: str, body: bytes) -> None:
        if body:
            await self.flow.applied(service, "diagnostic")
            await self._post(service, path, body)

    async def _post(self, service: str, path: str, body: bytes) -> None:
        """Post until no item is refused because what it refers to has not arrived."""
        for _ in range(ASK_TIMES):
            items = await self.doors.batch(service, path, body, _Item, brief=True)
            refused = [item for item in items if isinstance(item.status, int) and item.status >= 400]
            if not refused:
                return
            if any(item.status not in NOT_YET for item in refused):
                raise RefusedError(f"{service}{path}: {refused[0]}")
            documents = msgspec.json.decode(body, type=list[msgspec.Raw])
            again = [d for d, item in zip(documents, items, strict=True) if item.status in NOT_YET]
            body = msgspec.json.encode(again)
            await asyncio.sleep(ASK_AGAIN)
        raise RefusedError(f"{service}{path}: still unknown after {ASK_TIMES * ASK_AGAIN:.0f} s")
