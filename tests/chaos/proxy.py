"""A TCP proxy between the services and the broker or the database: it does what networks do, to whom it is told to."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

HELLO = 1024
"""First bytes of a client that are remembered: they name it (Kafka client id, PostgreSQL application name)."""


@dataclass(slots=True, eq=False)
class Link:
    """One client's connection and ours to the server behind; it learns whose it is from the first bytes."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    hello: bytes = b""

    def belongs_to(self, service: str) -> bool:
        """Whether a process of `service` opened it."""
        return f"{service}-{service}-".encode() in self.hello or f"croissance-{service}\0".encode() in self.hello

    def cut(self) -> None:
        """End it at once: both sides see a reset, what is under way is lost."""
        self.client.transport.abort()
        self.server.transport.abort()


@dataclass(slots=True)
class Proxy:
    """Listens on loopback and forwards to a port; what is wrong at present is said service by service.

    Attributes:
        target: port of the server behind.
        port: where it listens.
        cuts: services whose connections are reset, and reset again.
        silences: services whose bytes wait, both ways: nobody is told.
        unheard: services that are heard and get no answer: what the server sends them is lost.
        delays: service → seconds that each chunk takes longer.
    """

    target: int
    port: int = 0
    cuts: set[str] = field(default_factory=set[str])
    silences: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])
    unheard: set[str] = field(default_factory=set[str])
    delays: dict[str, float] = field(default_factory=dict[str, float])
    links: set[Link] = field(default_factory=set[Link])
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Reset what is open and listen no more."""
        if self._server is not None:
            self._server.close()
        for link in list(self.links):
            link.cut()

    @contextmanager
    def cut(self, service: str) -> Generator[None]:
        """While this lasts, connections of `service` are reset, old and new."""
        self.cuts.add(service)
        self._reset(service)
        try:
            yield
        finally:
            self.cuts.discard(service)

    @contextmanager
    def silenced(self, service: str) -> Generator[None]:
        """While this lasts, nothing that `service` sends arrives, nor any answer; later all of it does."""
        over = self.silences[service] = asyncio.Event()
        try:
            yield
        finally:
            del self.silences[service]
            over.set()

    @contextmanager
    def unanswered(self, service: str) -> Generator[None]:
        """While this lasts, what `service` sends arrives and the answers are lost; then its connections are reset."""
        self.unheard.add(service)
        try:
            yield
        finally:
            self.unheard.discard(service)
            self._reset(service)  # half an answer would be worse than none

    @contextmanager
    def slowed(self, service: str, seconds: float) -> Generator[None]:
        """While this lasts, every chunk from or to `service` comes later."""
        self.delays[service] = seconds
        try:
            yield
        finally:
            del self.delays[service]

    def _reset(self, service: str) -> None:
        """End the connections that a service has now."""
        for link in list(self.links):
            if link.belongs_to(service):
                link.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, until either side closes."""
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        link = Link(writer, to_server)
        self.links.add(link)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._forward(link, reader, to_server, asking=True))
                group.create_task(self._forward(link, from_server, writer, asking=False))
        except* OSError:
            pass
        finally:
            self.links.discard(link)
            link.cut()

    async def _forward(
        self, link: Link, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, asking: bool
    ) -> None:
        """Bytes of one direction (`asking`: to the server), chunk by chunk, through whatever is wrong at the moment."""
        while chunk := await source.read(65536):
            if asking and len(link.hello) < HELLO:
                link.hello += chunk[: HELLO - len(link.hello)]
            await self._pass(link)
            if sink.is_closing():
                return
            if not asking and any(link.belongs_to(service) for service in self.unheard):
                continue
            sink.write(chunk)
            await sink.drain()
        if not sink.is_closing():
            sink.write_eof()

    async def _pass(self, link: Link) -> None:
        """Wait as long as the weather says; a cut ends the link."""
        for service, over in list(self.silences.items()):
            if link.belongs_to(service):
                await over.wait()
        for service, seconds in list(self.delays.items()):
            if link.belongs_to(service):
                await asyncio.sleep(seconds)
        if any(link.belongs_to(service) for service in self.cuts):
            link.cut()
            raise ConnectionResetError
