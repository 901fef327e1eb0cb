"""The proxy does to a service what it is told, and to nobody else."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest

from chaos.proxy import Proxy

MINE, OTHERS = b"....labels-labels-1-relay", b"....croissance-matching\0"


@dataclass
class Client:
    """A connection through the proxy to a server that sends everything back."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def echo(self, text: bytes) -> bytes:
        self.writer.write(text)
        return await self.reader.readexactly(len(text))


Open = Callable[[bytes], Awaitable[Client]]
"""Opens a connection that begins with these bytes."""


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with Proxy(server.sockets[0].getsockname()[1]) as made:
        yield made
    server.close()


@pytest.fixture
async def opened(proxy: Proxy) -> AsyncIterator[Open]:
    clients: list[Client] = []

    async def open_with(hello: bytes) -> Client:
        clients.append(client := Client(*await asyncio.open_connection("127.0.0.1", proxy.port)))
        assert await client.echo(hello) == hello
        return client

    yield open_with
    for client in clients:
        client.writer.close()
        with suppress(OSError):
            await client.writer.wait_closed()


async def held_back(client: Client, text: bytes, other: Client) -> "asyncio.Task[bytes]":
    """A client's question that is not answered while another client's is."""
    answer = asyncio.create_task(client.echo(text))
    assert await other.echo(b"now") == b"now"
    assert not answer.done()
    return answer


async def test_bytes_pass_both_ways(proxy: Proxy, opened: Open) -> None:
    client, long = await opened(MINE), bytes(range(256)) * 4000
    assert await client.echo(long) == long


async def test_a_cut_resets_the_service_and_nobody_else(proxy: Proxy, opened: Open) -> None:
    mine, other = await opened(MINE), await opened(OTHERS)
    with proxy.cut("labels"):
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await mine.echo(b"lost")
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await opened(MINE)
        assert await other.echo(b"kept") == b"kept"
    assert await (await opened(MINE)).echo(b"again") == b"again"


async def test_silence_holds_bytes_back_and_then_delivers_them(proxy: Proxy, opened: Open) -> None:
    mine, other = await opened(MINE), await opened(OTHERS)
    with proxy.silenced("labels"):
        answer = await held_back(mine, b"late", other)
    assert await answer == b"late"


async def test_lost_answers_are_never_delivered_and_the_connection_ends(proxy: Proxy, opened: Open) -> None:
    mine, other = await opened(MINE), await opened(OTHERS)
    with proxy.unanswered("labels"):
        answer = await held_back(mine, b"lost", other)
    with pytest.raises((OSError, asyncio.IncompleteReadError)):
        await answer
    assert await (await opened(MINE)).echo(b"again") == b"again"


async def test_slow_means_later(proxy: Proxy, opened: Open) -> None:
    mine = await opened(MINE)
    with proxy.slowed("labels", 0.1):
        began = time.monotonic()
        assert await mine.echo(b"slow") == b"slow"
    assert time.monotonic() - began >= 0.2


async def test_a_server_that_is_away_refuses(proxy: Proxy, opened: Open) -> None:
    proxy.target = 1
    with pytest.raises((OSError, asyncio.IncompleteReadError)):
        await opened(MINE)
