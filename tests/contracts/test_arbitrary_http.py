"""Whatever bytes a caller can send: every process goes on, and whoever asks at the same time is answered.

`HTTP_CASES=5000` tries more. A case is a connection: one to three requests written at once or in pieces, broken in
their lines, headers, lengths or bodies; beside each of them somebody else asks for something good.
"""

import asyncio
import os
import re
import sys
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import uuid4

import asyncpg
import httpx
import pytest

from common.core.codec import Codec
from common.process.app import installed_apps
from common.process.provision import provision
from common.process.settings import Settings, database_address
from croissance.directors import Participant, participant
from croissance.population import Population
from embedded.ports import free_port

from .arbitrary import cases_of
from .test_texts_at_doors import BODIES, Door

CASES: Final = int(os.environ.get("HTTP_CASES", "240"))
AT_ONCE: Final = 40
"""Cases made at once."""

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180 + CASES)]

APPS = installed_apps()
PATIENCE: Final = 2.0
"""Seconds for the answers to a connection; one that promised more than it sent gets none."""

UNDERSTOOD: Final = frozenset({100, 200, 201, 304, 400, 403, 404, 405, 408, 409, 413, 415, 421, 422, 431, 503})

NEIGHBOURS = [participant(company) for company in Population(29).draw(0, 60)]


class Server(NamedTuple):
    """A process of a service."""

    name: str
    port: int
    process: Process
    client: httpx.AsyncClient

    async def ready(self) -> bool:
        try:
            return (await self.client.get("/health/ready")).status_code == 200
        except httpx.TransportError:
            return False

    async def doors(self) -> list[Door]:
        paths = (await self.client.get("/openapi.json")).json()["paths"]
        return [Door(method, path, ()) for path, methods in paths.items() for method in methods]

    async def exchange(self, pieces: Sequence[bytes]) -> bytes:
        """All that is answered, until the connection ends or patience does."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        answered: list[bytes] = []

        async def write() -> None:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()

        async def read() -> None:
            while data := await reader.read(65_536):
                answered.append(data)

        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(write(), read(), return_exceptions=True)
        except TimeoutError:
            pass
        finally:
            writer.transport.abort()
        return b"".join(answered)


@asynccontextmanager
async def running(folder: Path) -> AsyncGenerator[list[Server]]:
    """One process of every service on topics and schemas of their own; at the end they stop with success."""
    namespace = f"h{uuid4().hex[:8]}."
    await provision(list(APPS.values()), Settings(namespace=namespace))
    environment = os.environ | {"CROISSANCE_NAMESPACE": namespace}
    servers: list[Server] = []
    try:
        for name in sorted(APPS):
            port = free_port()
            with (folder / name).open("wb") as log:
                process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", name),
                    env=environment | {"CROISSANCE_HTTP__PORT": str(port)},
                    stdout=log,
                    stderr=log,
                )
            client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60)
            servers.append(Server(name, port, process, client))
        yield servers
    finally:
        for server in servers:
            if server.process.returncode is None:
                server.process.terminate()
        codes = {each.name: await asyncio.wait_for(each.process.wait(), 40) for each in servers}
        for server in servers:
            await server.client.aclose()
        connection: Any = await asyncpg.connect(database_address())
        for app in APPS.values():
            await connection.execute(f'drop schema "{Codec(app.service, namespace).schema}" cascade')
        await connection.close()
    assert codes == dict.fromkeys(APPS, 0)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(120):
        while not await condition():  # noqa: ASYNC110  nobody here can signal it
            await asyncio.sleep(0.05)


WRITES: Final = {
    "companies": ("post", "/v1/companies"),
    "diagnostic": ("post", "/v1/diagnostics"),
    "labels": ("put", "/v1/cohorts/{year}"),
    "matching": ("put", "/v1/connecteurs/{connector_id}"),
    "notifications": ("put", "/v1/contacts/{siren}"),
}
"""What a neighbour asks for; of vouchers, which knows nobody here, the envelopes."""


async def good(server: Server, who: Participant) -> httpx.Response:
    """What a neighbour is answered."""
    if server.name not in WRITES:
        return await server.client.get("/v1/envelopes")
    method, path = WRITES[server.name]
    address = Door(method, path, ()).address(siren=who.siren, connector_id=f"desk-{who.siren}")
    return await server.client.request(method, address, json=BODIES[server.name][method, path](who))


async def test_arbitrary_requests_end_no_process_and_harm_no_neighbour(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tally: Counter[int] = Counter()
    connections = neighbours = 0
    numbers = count()
    async with running(tmp_path) as servers:
        for server in servers:
            await until(server.ready)
        companies, diagnostic = servers[0], servers[1]
        for who in NEIGHBOURS:
            assert (await good(companies, who)).is_success

        async def heard_of() -> bool:
            return all([(await good(diagnostic, who)).is_success for who in NEIGHBOURS])

        await until(heard_of)

        async def tried(server: Server, pieces: Sequence[bytes], room: asyncio.Semaphore) -> None:
            async with room:
                who = NEIGHBOURS[next(numbers) % len(NEIGHBOURS)]
                answered, beside = await asyncio.gather(server.exchange(pieces), good(server, who))
            said = [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", answered)]
            tally.update(said or [0])
            told = f"{server.name} {b''.join(pieces)[:3_000]!r} {answered[:2_000]!r}"
            assert beside.is_success, f"{told} {beside.text}"
            assert UNDERSTOOD.issuperset(said), told
            assert server.process.returncode is None, told

        doors = {server.name: await server.doors() for server in servers}
        each = -(-CASES // len(servers))
        room = asyncio.Semaphore(16)
        for start in range(0, each, AT_ONCE):
            for server in servers:
                made = cases_of(server.name, doors[server.name], min(AT_ONCE, each - start), start)
                await asyncio.gather(*(tried(server, pieces, room) for pieces in made))
                connections += len(made)
                neighbours += len(made)
        for server in servers:
            await until(server.ready)
            assert server.process.returncode is None
    for name in sorted(APPS):
        assert "Traceback" not in (tmp_path / name).read_text("utf-8", "replace"), name
    with capsys.disabled():
        sys.stdout.write(
            f"\n{connections} arbitrary connections: answers {dict(sorted(tally.items()))}, "
            f"0 processes ended, 0 of {neighbours} neighbours harmed\n"
        )
