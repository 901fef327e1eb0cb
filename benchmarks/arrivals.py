"""Open-loop load: requests start when they are due, whatever became of the earlier ones, over a lean HTTP client.

A closed loop waits for answers, so a slow server is asked less and looks fast (coordinated omission). Here the schedule
is fixed beforehand and a latency counts from the scheduled instant: what a stall delays is in the figures.
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple, cast
from urllib.parse import urlsplit

# --- latencies -------------------------------------------------------------------------------------------------------


class Latency(NamedTuple):
    """Quantiles of one kind of latency, in milliseconds; `sample` is how many there were."""

    sample: int
    p50: float
    p95: float
    p99: float
    longest: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> "Latency":
        """The quantiles of a sample in seconds; NaN when it is empty."""
        ordered = sorted(seconds)
        if not ordered:
            return cls(0, *[float("nan")] * 4)

        def at(share: float) -> float:
            return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)

        return cls(len(ordered), at(0.50), at(0.95), at(0.99), at(1.0))

    def __str__(self) -> str:
        """For a table: the three quantiles."""
        return f"{self.p50:,.1f} / {self.p95:,.1f} / {self.p99:,.1f}"


# --- the schedule ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Schedule:
    """Arrivals at a fixed rate, evenly spaced, beginning when it is run.

    Attributes:
        rate: arrivals a second.
        count: how many.
        began: UNIX time of the first arrival.
        late: seconds by which each arrival was started late: what the generator itself adds.
    """

    rate: float
    count: int
    began: float = 0.0
    late: list[float] = field(default_factory=list[float])

    def due(self, index: int) -> float:
        """UNIX time at which an arrival is due."""
        return self.began + index / self.rate

    async def run(self, arrive: Callable[[int], Awaitable[None]]) -> None:
        """Start `arrive(index)` at each due time without waiting for earlier ones; returns when all have ended."""
        self.began = time.time() + 0.05
        async with asyncio.TaskGroup() as group:
            for index in range(self.count):
                pause = self.due(index) - time.time()
                if pause > 0:
                    await asyncio.sleep(pause)
                self.late.append(max(0.0, time.time() - self.due(index)))
                group.create_task(_awaited(arrive(index)))


async def _awaited(work: Awaitable[None]) -> None:
    await work


# --- the client ------------------------------------------------------------------------------------------------------

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
TIMEOUT: Final = 30.0
"""Seconds after which an answer is given up."""


class Answer(NamedTuple):
    """What a door answered."""

    status: int
    body: bytes


class _Wire(asyncio.Protocol):
    """One kept-alive HTTP/1.1 connection that carries one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._answer: asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand the answer over once its body is whole; our services always say its length."""
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0 or self._answer is None:
            return
        length = _LENGTH.search(self._buffer, 0, head + 2)
        end = head + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) >= end:
            answer, self._answer = self._answer, None
            if not answer.done():
                answer.set_result(Answer(int(self._buffer[9:12]), bytes(self._buffer[head + 4 : end])))
            self._buffer.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the request under way."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("connection closed by the server"))

    @property
    def usable(self) -> bool:
        """Whether another request may be sent."""
        return self._transport is not None and not self._transport.is_closing() and self._answer is None

    def ask(self, request: bytes) -> "asyncio.Future[Answer]":
        """Send a request; its answer."""
        if self._transport is None:
            raise ConnectionError("not connected")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


@dataclass(slots=True)
class Client:
    """A client of one process: a connection for each request under way, kept alive; 20 times leaner than httpx."""

    host: str
    port: int
    _idle: list[_Wire] = field(default_factory=list[_Wire])

    async def get(self, path: str) -> Answer:
        """Read a door.

        Raises:
            OSError: the connection failed.
            TimeoutError: no answer in time.
        """
        return await self._send(f"GET {path} HTTP/1.1\r\nhost: {self.host}\r\n\r\n".encode())

    async def post(self, path: str, body: bytes, key: str = "") -> Answer:
        """Post JSON, under an Idempotency-Key unless it is empty.

        Raises:
            OSError: the connection failed.
            TimeoutError: no answer in time.
        """
        named = f"idempotency-key: {key}\r\n" if key else ""
        head = f"POST {path} HTTP/1.1\r\nhost: {self.host}\r\ncontent-type: application/json\r\n{named}"
        return await self._send(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)

    async def _send(self, request: bytes) -> Answer:
        async with asyncio.timeout(TIMEOUT), self._wire() as wire:
            return await wire.ask(request)

    @asynccontextmanager
    async def _wire(self) -> AsyncGenerator[_Wire]:
        wire = self._take() or (await asyncio.get_running_loop().create_connection(_Wire, self.host, self.port))[1]
        try:
            yield wire
        except BaseException:
            wire.close()
            raise
        self._idle.append(wire)

    def _take(self) -> _Wire | None:
        while self._idle:
            wire = self._idle.pop()
            if wire.usable:
                return wire
        return None

    def close(self) -> None:
        """Hang up all connections."""
        for wire in self._idle:
            wire.close()


def client_of(url: str) -> Client:
    """The client of a base URL such as `http://127.0.0.1:8001`."""
    parts = urlsplit(url)
    return Client(parts.hostname or "127.0.0.1", parts.port or 80)
