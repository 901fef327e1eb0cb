"""The real broker and the real database: killed, restarted, stopped, started again."""

import asyncio
import json
import os
import signal
import stat
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from embedded import kafka, postgres
from embedded.desired import follow
from embedded.leftovers import stale
from embedded.ports import Ports
from embedded.probe import http_status
from embedded.progress import quiet
from embedded.stack import BOOTSTRAP, DSN, SMTP, Stack, infrastructure, running
from embedded.state import DESIRED, STATE, BusyError, state_of
from embedded.supervisor import Supervisor

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="module")]

DUMMY = """
import json, os, signal, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Door(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({name: os.environ[name] for name in os.environ if name.startswith("CROISSANCE_")}).encode()
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
address = (os.environ["CROISSANCE_HTTP__HOST"], int(os.environ["CROISSANCE_HTTP__PORT"]))
ThreadingHTTPServer(address, Door).serve_forever()
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stack")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(data: Path) -> AsyncIterator[Stack]:
    async with infrastructure(data) as stack:
        yield stack


async def write(stack: Stack, value: bytes) -> None:
    """One row and one record, both acknowledged."""
    connection: Any = await asyncpg.connect(stack.dsn)
    await connection.execute("create table if not exists kept (value bytea)")
    await connection.execute("insert into kept values ($1)", value)
    await connection.close()
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic("kept", 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=stack.bootstrap_servers, enable_idempotence=True)
    await producer.start()
    await (await producer.send("kept", value))
    await producer.stop()


async def read(stack: Stack) -> tuple[list[bytes], list[bytes | None]]:
    """Every row and every record."""
    connection: Any = await asyncpg.connect(stack.dsn)
    rows = [row["value"] for row in await connection.fetch("select value from kept order by value")]
    await connection.close()
    partition = TopicPartition("kept", 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([partition])
    end = (await consumer.end_offsets([partition]))[partition]
    records: list[bytes | None] = []
    while len(records) < end:
        records += [record.value for batch in (await consumer.getmany(timeout_ms=200)).values() for record in batch]
    await consumer.stop()
    return rows, records


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> float:
    """Wait for what other processes do; returns the seconds it took."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  other processes give no event
            await asyncio.sleep(0.05)
    return time.monotonic() - began


async def test_addresses_are_written_for_their_owner_only(stack: Stack, data: Path) -> None:
    state = state_of(data)
    assert state is not None
    assert state["dsn"] == stack.dsn
    assert state["bootstrap_servers"] == stack.bootstrap_servers
    assert state["supervisor"]["pid"] == os.getpid()
    for secret in (data / STATE, data / "postgres" / "password"):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600


async def test_the_database_is_durable_and_wants_the_password(stack: Stack) -> None:
    connection: Any = await asyncpg.connect(stack.dsn)
    for setting, value in {"fsync": "on", "synchronous_commit": "on", "server_encoding": "UTF8", "jit": "off"}.items():
        assert await connection.fetchval(f"show {setting}") == value
    assert (await connection.fetchval("show server_version")).startswith("18.")
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(stack.dsn, password="wrong")


async def test_a_second_system_on_the_same_data_is_refused(stack: Stack, data: Path) -> None:
    with pytest.raises(BusyError, match="tourne déjà"):
        async with infrastructure(data):
            pass
    assert await postgres.answers(stack.dsn)


async def test_killed_broker_and_database_come_back_with_everything(stack: Stack) -> None:
    await write(stack, b"before")
    children = [stack.supervisor.children[name] for name in ("kafka", "postgres")]
    for child in children:
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)

    async def both_answer() -> bool:
        return await postgres.answers(stack.dsn) and await kafka.answers(stack.bootstrap_servers)

    seconds = await until(both_answer)
    assert [child.restarts for child in children] == [1, 1]
    assert await read(stack) == ([b"before"], [b"before"])
    print(f"back after {seconds:.1f} s")  # noqa: T201  shown by pytest -s


async def test_a_service_is_scaled_killed_and_restarted(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dummy.py").write_text(DUMMY, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    await stack.scale("dummy", 1)
    follower = asyncio.create_task(follow(stack.data, stack.http, stack.scale, stack.say))
    desired = stack.data / DESIRED

    async def scaled() -> bool:
        state = state_of(stack.data)
        return state is not None and len(state["services"]["dummy"]["instances"]) == 2

    try:
        desired.write_text("not json", "utf-8")
        await asyncio.sleep(0.7)
        desired.write_text(json.dumps({"unknown": 2, "dummy": 2}), "utf-8")
        await until(scaled)
    finally:
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)
    port = int(stack.http["dummy"]["dummy-2"].rpartition(":")[2])
    child = stack.supervisor.children["dummy-2"]
    assert child.pid is not None
    assert await http_status(port, "/health/ready") == 200
    former = child.pid
    os.kill(former, signal.SIGKILL)

    async def back() -> bool:
        return child.pid not in {None, former} and await http_status(port, "/") == 200

    await until(back)
    await stack.scale("dummy", 0)
    assert stack.http["dummy"] == {}
    assert await http_status(port, "/") is None


KILLED = """
import asyncio, sys
from pathlib import Path
from embedded.stack import infrastructure
async def main():
    async with infrastructure(Path(sys.argv[1])) as stack:
        print("up", flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


async def test_data_survives_a_killed_supervisor_and_nothing_else_does(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"up\n"
    state = state_of(tmp_path)
    assert state is not None
    addresses = {BOOTSTRAP: state["bootstrap_servers"], DSN: state["dsn"], SMTP: state["smtp_url"]}
    first = Stack(tmp_path, quiet, Supervisor(tmp_path, quiet), Ports(tmp_path / "ports.json"), *addresses.values())
    await write(first, b"1")
    process.kill()
    await process.wait()
    assert state_of(tmp_path) is None

    async def all_gone() -> bool:
        return not stale(state["children"])

    await until(all_gone)
    async with infrastructure(tmp_path) as again:
        assert again.environment == addresses
        assert await read(again) == ([b"1"], [b"1"])
    assert not (tmp_path / STATE).exists()


async def test_parts_of_ones_own_are_used_instead(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CROISSANCE_PUBLIC_URL", "https://exemple.fr")
    async with running(tmp_path, []) as own:
        assert own.environment == stack.environment | {"CROISSANCE_PUBLIC_URL": "https://exemple.fr"}
        assert not own.supervisor.children
        state = state_of(tmp_path)
        assert state is not None
        assert state["status"] == "up"
