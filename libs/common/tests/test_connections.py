"""Connections of the real server in this loop: whoever is silent, slow or endless is answered and let go."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import structlog
import uvicorn
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry

from common.http import connections, threshold
from common.http.application import HttpSettings, build_app
from common.http.connections import HEAD_BYTES, Connection

MOST = 3


class Server:
    """A server on the loopback whose one slow door waits until it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.come = asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []
        router = APIRouter(prefix="/v1")

        @router.post("/things")
        async def things(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
            return JSONResponse(len(await request.body()))

        @router.get("/slow")
        async def slow() -> Response:  # pyright: ignore[reportUnusedFunction]
            self.come.set()
            await self.go.wait()
            return JSONResponse("done")

        @router.get("/large")
        async def large() -> Response:  # pyright: ignore[reportUnusedFunction]
            return Response(b"x" * 50_000_000)

        async def ready() -> list[str]:
            return []

        settings = HttpSettings(max_body_bytes=200_000, max_requests=MOST)
        self.app = build_app(
            "essai", settings, router, log=structlog.get_logger(), registry=CollectorRegistry(), ready=ready
        )
        self.server = uvicorn.Server(
            uvicorn.Config(self.app, port=0, http=Connection, ws="none", log_config=None, lifespan="off")
        )

    @property
    def port(self) -> int:
        return self.server.servers[0].sockets[0].getsockname()[1]

    @property
    def connections(self) -> set[Any]:
        return self.server.server_state.connections

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        return reader, writer


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience of moments; a test that waits for it takes as long."""
    for name in ("HEAD_WITHIN", "REST_WITHIN", "TAKEN_WITHIN"):
        monkeypatch.setattr(connections, name, 0.3)
    monkeypatch.setattr(threshold, "SILENCE", 0.3)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    opened = Server()
    task = asyncio.create_task(opened.server.serve())
    await until(lambda: opened.server.started)
    yield opened
    opened.go.set()
    for writer in opened.writers:
        writer.close()
    opened.server.should_exit = True
    await task


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  nobody here can signal it
            await asyncio.sleep(0.01)


HEAD = b"POST /v1/things HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


async def told(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The status that comes before the connection ends, and all of it; 0: nothing came."""
    async with asyncio.timeout(20):
        try:
            answer = await reader.read()
        except ConnectionResetError:
            answer = b""
    return int(answer.split(b" ", 2)[1]) if answer else 0, answer


async def answers(server: Server) -> None:
    """Others are served as ever."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.post("/v1/things", json={"a": 1})).json() == 7


async def test_a_head_without_end_is_refused(server: Server) -> None:
    for start in (b"GET /", HEAD + b"X-Long: ", HEAD + b"X-"):
        reader, writer = await server.raw()
        writer.write(start)
        sent = 0
        try:
            while sent < 40 * HEAD_BYTES and not reader.at_eof():
                writer.write(b"a" * 65_536)
                sent += 65_536
                await writer.drain()
                await asyncio.sleep(0)
        except ConnectionError:
            pass
        assert (await told(reader))[0] == 431
    await answers(server)


async def test_a_head_just_too_large_is_told_so(server: Server) -> None:
    reader, writer = await server.raw()
    writer.write(HEAD)
    for _ in range(HEAD_BYTES // 1000 + 2):
        writer.write(b"X-A: " + b"a" * 1000 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0.001)
        if reader.at_eof():
            break
    status, answer = await told(reader)
    assert status == 431
    assert b"application/problem+json" in answer
    assert "En-têtes trop grands".encode() in answer


async def test_who_says_nothing_is_let_go_and_who_says_half_is_told(server: Server) -> None:
    silent, _ = await server.raw()
    half, writer = await server.raw()
    writer.write(HEAD)
    blank, other = await server.raw()
    other.write(b"\r\n\r\n")
    assert (await told(silent))[0] == 0
    assert (await told(half))[0] == 408
    assert (await told(blank))[0] in {0, 408}
    await until(lambda: not server.connections)
    await answers(server)


async def test_a_body_that_does_not_come_is_told_so(server: Server) -> None:
    reader, writer = await server.raw()
    writer.write(HEAD + b"Content-Length: 10\r\n\r\n{")
    assert (await told(reader))[0] == 408
    await answers(server)


async def test_a_body_that_goes_on_after_its_answer_ends(server: Server) -> None:
    reader, writer = await server.raw()
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    try:
        while not reader.at_eof():
            writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    assert (await told(reader))[0] in {0, 413}
    await answers(server)


async def test_an_answer_that_nobody_reads_ends(server: Server) -> None:
    _, writer = await server.raw()
    writer.write(b"GET /v1/large HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await until(lambda: bool(server.connections))
    await until(lambda: not server.connections)
    await answers(server)


async def test_what_is_no_http_is_told_as_every_refusal(server: Server) -> None:
    reader, writer = await server.raw()
    writer.write(b"HELLO\r\n\r\n")
    status, answer = await told(reader)
    assert (status, b"application/problem+json" in answer) == (400, True)


SLOW = b"GET /v1/slow HTTP/1.1\r\nHost: localhost\r\n\r\n"
BROKEN = HEAD + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\nfive\r\n'

LONG = b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"


def codes(answer: bytes) -> list[int]:
    return [int(each) for each in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


@pytest.mark.parametrize("bad", [b"HELLO\r\n\r\n", BROKEN, LONG])
@pytest.mark.parametrize("before", [0, 1, 3])
async def test_what_is_no_request_takes_no_answer_from_those_before_it(server: Server, before: int, bad: bytes) -> None:
    reader, writer = await server.raw()
    writer.write(SLOW * before + bad)
    if before:
        await server.come.wait()
    server.go.set()
    answer = (await told(reader))[1]
    assert codes(answer) in (
        [200] * before + [400],
        [200] * before + [431],
    )  # as the address comes in one piece, or not
    assert answer.endswith(b"}")
    await answers(server)


async def test_a_connection_too_many_takes_the_place_of_the_oldest_that_is_owed_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 2)
    monkeypatch.setattr(connections, "HEAD_WITHIN", 60)
    busy, writer = await server.raw()
    writer.write(b"GET /v1/slow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    await server.come.wait()
    silent, _ = await server.raw()
    await answers(server)
    assert (await told(silent))[0] == 0
    server.go.set()
    assert (await told(busy))[0] == 200


async def test_full_doors_say_so_and_probes_are_answered(server: Server) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        waiting = [asyncio.create_task(client.get("/v1/slow", timeout=30)) for _ in range(MOST)]
        await until(lambda: len(server.server.server_state.tasks) == MOST)
        full = await client.post("/v1/things", json={})
        assert (full.status_code, full.headers["retry-after"]) == (503, "1")
        assert full.json()["title"] == "Trop de demandes à la fois"
        for probe in ("/health/live", "/health/ready", "/metrics"):
            assert (await client.get(probe)).status_code == 200
        server.go.set()
        assert {answer.status_code for answer in await asyncio.gather(*waiting)} == {200}
        assert (await client.post("/v1/things", json={})).status_code == 200


async def test_requests_in_a_row_on_one_connection_are_answered_in_order(server: Server) -> None:
    """Limits of one request are not those of the next: its head may begin in the last piece of a body."""
    reader, writer = await server.raw()
    body = b'{"a":"' + b"x" * 100_000 + b'"}'
    one = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    last = one.replace(b"Host", b"Connection: close\r\nHost", 1)
    writer.write(one * 3 + last)
    answer = (await told(reader))[1]
    assert answer.count(b"HTTP/1.1 200 OK") == 4


async def test_a_request_that_comes_in_one_piece_with_its_body_is_no_long_head(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one read of the socket brings is up to four times a head; here all of it is one request."""
    read: list[int] = []
    received = Connection.data_received

    def noted(self: Connection, data: bytes) -> None:
        read.append(len(data))
        received(self, data)

    monkeypatch.setattr(Connection, "data_received", noted)
    body = b'{"a":"' + b"x" * 150_000 + b'"}'
    one = HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body
    for _ in range(3):
        reader, writer = await server.raw()
        for _ in range(5):
            writer.write(one)
            async with asyncio.timeout(20):
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 OK")
                assert await reader.readexactly(6) == b"%d" % len(body)
    assert max(read) > HEAD_BYTES, "no read of the socket brought more than a head may have: nothing was tried"
    await answers(server)


ENDLESS = {
    "trailers": b"2\r\n{}\r\n0\r\n" + b"a: b\r\n" * 20_000,
    "one trailer": b"2\r\n{}\r\n0\r\nX-A: " + b"a" * 120_000,
    "an extension": b"2;a=" + b"a" * 120_000,
    "crumbs": b"1;abcdefgh\r\n \r\n" * 20_000,
}


@pytest.mark.parametrize("what", ENDLESS)
async def test_what_frames_a_body_has_a_limit_too(server: Server, what: str) -> None:
    """One connection of 20 MB of trailers took 400 MB."""
    reader, writer = await server.raw()
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    body = ENDLESS[what]
    try:
        for start in range(0, len(body), 10_000):
            writer.write(body[start : start + 10_000])
            await writer.drain()
            await asyncio.sleep(0.001)
    except ConnectionError:
        pass
    assert (await told(reader))[0] == 431
    await answers(server)


async def test_a_body_in_small_chunks_is_a_body(server: Server) -> None:
    reader, writer = await server.raw()
    body = b'1\r\n"\r\n' + b"8\r\n12345678\r\n" * 9_000 + b'1\r\n"\r\n' + b"0\r\nX-Sum: 1\r\n\r\n"
    writer.write(HEAD.replace(b"Host", b"Connection: close\r\nHost", 1) + b"Transfer-Encoding: chunked\r\n\r\n")
    for start in range(0, len(body), 10_000):
        writer.write(body[start : start + 10_000])
        await writer.drain()
    status, answer = await told(reader)
    assert (status, answer.rpartition(b"\r\n")[2]) == (200, b"72002")


OFFER = HEAD + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQ\r\n"


@pytest.mark.parametrize("pieces", [1, 7, 1_000])
async def test_an_offer_of_another_protocol_is_passed_over(server: Server, pieces: int) -> None:
    """curl --http2 and Java's client make it with each request; its body was thrown away, what followed unheard."""
    reader, writer = await server.raw()
    one = OFFER + b'Content-Length: 7\r\n\r\n{"a":1}'
    chunked = OFFER + b'Transfer-Encoding: chunked\r\n\r\n7\r\n{"a":1}\r\n0\r\n\r\n'
    bare = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    last = one.replace(b"Connection: Upgrade", b"Connection: close, Upgrade", 1)
    sent = one + chunked + bare + last
    for start in range(0, len(sent), pieces):
        writer.write(sent[start : start + pieces])
        await writer.drain()
        if pieces < 100:
            await asyncio.sleep(0)
    answer = (await told(reader))[1]
    assert codes(answer) == [200] * 4
    assert answer.endswith(b"7")
    await answers(server)


async def test_many_offers_at_once_are_passed_over(server: Server) -> None:
    reader, writer = await server.raw()
    bare = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
    writer.write(bare * 2_000 + bare.replace(b"Upgrade\r\n\r\n", b"close\r\n\r\n"))
    assert codes((await told(reader))[1]) == [200] * 2_001
