"""The open loop is open, and quantiles are what they say."""

import asyncio
import math

from benchmarks.arrivals import Client, Latency, Schedule


def test_quantiles_are_milliseconds_of_the_sample() -> None:
    found = Latency.of(number / 1000 for number in range(1, 101))
    assert found == Latency(100, 51, 96, 100, 100)
    assert math.isnan(Latency.of([]).p50)


async def test_an_answer_that_never_comes_delays_nobody() -> None:
    schedule, started, stuck = Schedule(1000, 20), list[int](), asyncio.Event()

    async def arrive(index: int) -> None:
        started.append(index)
        if index == 0:
            await stuck.wait()
        if index == 19:
            stuck.set()

    await asyncio.wait_for(schedule.run(arrive), 10)
    assert started == list(range(20))
    assert math.isclose(schedule.due(19) - schedule.began, 0.019, rel_tol=1e-4)


async def test_the_client_keeps_its_connection_and_takes_a_body_in_pieces() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for _ in range(2):
            head = await reader.readuntil(b"\r\n\r\n")
            assert b"content-length: 2" in head
            assert await reader.readexactly(2) == b"{}"
            writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\nab")
            await asyncio.sleep(0.01)
            writer.write(b"cd")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = Client("127.0.0.1", server.sockets[0].getsockname()[1])
    assert await client.post("/", b"{}") == (201, b"abcd")
    assert await client.post("/", b"{}", key="k") == (201, b"abcd")
    assert connections == 1
    client.close()
    server.close()
