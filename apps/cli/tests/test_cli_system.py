"""`up`, `down`, `scale`, `status` and `doctor` on running systems: the session's broker and database as their parts."""

import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner, Result

from croissance import querying
from croissance.main import app
from embedded.desired import follow
from embedded.ports import Ports, free_port
from embedded.progress import quiet
from embedded.stack import BOOTSTRAP, DSN, SMTP, Stack
from embedded.state import STATE, lock_of, state_of
from embedded.supervisor import Supervisor

pytestmark = [
    pytest.mark.stack,
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),  # that is what detached means
]

RUNNER = CliRunner()
ONLY = "--only-infrastructure"
SERVICE = """
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Door(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"problems": ["un essai"]}'
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
address = (os.environ["CROISSANCE_HTTP__HOST"], int(os.environ["CROISSANCE_HTTP__PORT"]))
ThreadingHTTPServer(address, Door).serve_forever()
"""


def croissance(*arguments: str, code: int = 0) -> Result:
    result = RUNNER.invoke(app, list(arguments))
    assert result.exit_code == code, (result.output, result.exception)
    return result


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A data directory whose system is made of the session's parts: nothing has to be started."""
    assert os.environ.get(BOOTSTRAP), "no broker: run through `make test`"
    monkeypatch.setenv(SMTP, "smtp://127.0.0.1:1")
    return str(tmp_path / "data")


@pytest.fixture
def detached(data: str) -> Iterator[str]:
    """A system of no service in a process of its own."""
    croissance("up", "--detach", ONLY, "--data", data)
    yield data
    croissance("down", "--data", data)


def interrupted(data: str, seen: str, *options: str) -> Result:
    """`up` in this process, told to stop once its data directory tells what is waited for."""

    def stop_it() -> None:
        limit = time.monotonic() + 60
        while time.monotonic() < limit and not over.wait(0.02):
            told = state_of(Path(data))
            if (told or {}).get("status") == seen or (seen == "lock" and (Path(data) / "lock").exists()):
                os.kill(os.getpid(), signal.SIGTERM)
                return

    over = threading.Event()
    stopper = threading.Thread(target=stop_it)
    stopper.start()
    try:
        return croissance("up", ONLY, "--data", data, *options)
    finally:
        over.set()
        stopper.join()


def test_up_runs_until_it_is_told_to_stop(data: str) -> None:
    told = interrupted(data, "up").stderr

    for words in ("Tout est prêt en", os.environ[BOOTSTRAP], "Courriels", "Arrêt…", "Tout est arrêté"):
        assert words in told
    assert "@" not in told, "a password may stand before it"
    assert state_of(Path(data)) is None


def test_up_stops_while_it_still_starts(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DSN)
    before = {child.pid for child in psutil.Process().children(recursive=True)}

    told = interrupted(data, "lock").stderr

    assert "Arrêt…" in told
    assert "Tout est prêt" not in told
    assert state_of(Path(data)) is None
    left = {child.pid for child in psutil.Process().children(recursive=True) if "postgres" in " ".join(child.cmdline())}
    assert left <= before


def test_a_second_system_on_the_same_data_is_refused(data: str) -> None:
    _, held = lock_of(Path(data))
    with held:
        assert "tourne déjà" in croissance("up", ONLY, "--data", data, code=1).stderr
        assert "tourne déjà" in croissance("demo", "--companies", "1", "--data", data, code=1).stderr
        told = croissance("up", "--detach", ONLY, "--data", data, code=1)
    assert isinstance(told.exception, SystemExit)
    assert "tourne déjà" in (Path(data) / "up.log").read_text("utf-8")


def test_a_detached_system_is_seen_by_the_other_commands(detached: str) -> None:
    assert "tourne déjà" in croissance("up", "--detach", ONLY, "--data", detached, code=1).stderr

    told = json.loads(croissance("status", "--data", detached, "--json").stdout)
    assert (told["status"], told["services"], told["mails"]) == ("up", {}, 0)
    assert told["bootstrap_servers"] == os.environ[BOOTSTRAP]

    checks = {check["check"]: check for check in json.loads(croissance("doctor", "--data", detached, "--json").stdout)}
    assert checks["Système"]["seen"] == f"tourne (processus {told['supervisor']['pid']})"


def test_a_demo_that_cannot_reach_what_was_named_says_so(data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(querying, "PATIENCE", 0.3)
    nowhere = ["--dsn", "postgresql://nobody@127.0.0.1:1/nowhere", "--http", "companies=http://127.0.0.1:1"]
    told = croissance("demo", "--companies", "1", "--data", data, *nowhere, code=1).stderr
    assert "base injoignable" in told


def test_a_killed_supervisor_leaves_children_that_down_stops(data: str) -> None:
    child = psutil.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(data).mkdir()
    record = {"pid": child.pid, "created": child.create_time()}
    (Path(data) / STATE).write_text(json.dumps({"children": {"labels-1": record}}), "utf-8")

    told = croissance("doctor", "--data", data, code=1).stderr
    assert f"arrêté brutalement; restent labels-1 ({child.pid})" in " ".join(told.split())
    assert f"→ croissance down --data {data}" in " ".join(told.split())

    assert "Le ménage est fait." in croissance("down", "--data", data).stderr
    assert not child.is_running()


@pytest.fixture
def stack(data: str) -> Stack:
    """A system in this process, under the addresses of the session."""
    folder = Path(data)
    folder.mkdir()
    parts = (os.environ[BOOTSTRAP], os.environ[DSN], os.environ[SMTP])
    stack = Stack(folder, quiet, Supervisor(folder / "logs", quiet), Ports(folder / "ports.json"), *parts, status="up")
    stack.supervisor.changed = stack.write_state
    return stack


async def test_a_service_is_scaled_while_it_runs(
    stack: Stack, data: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "labels.py").write_text(SERVICE, "utf-8")  # goes before the real package of that name
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    await stack.scale("labels", 1)
    follower = asyncio.create_task(follow(stack.data, stack.http, stack.scale, quiet))
    try:
        told = await asyncio.to_thread(croissance, "scale", "labels=2", "--data", data)
        assert "Fait: labels=2" in told.stderr
        assert set(stack.http["labels"]) == {"labels-1", "labels-2"}

        document = json.loads((await asyncio.to_thread(croissance, "status", "--data", data, "--json")).stdout)
        instances: list[dict[str, Any]] = document["services"]["labels"]["instances"]
        assert [instance["problems"] for instance in instances] == [["un essai"], ["un essai"]]
        assert all(psutil.pid_exists(instance["pid"]) for instance in instances)

        told = await asyncio.to_thread(croissance, "status", "--data", data)
        assert "✘ labels-2: un essai" in told.stdout
    finally:
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)
        await stack.supervisor.stop()


async def test_status_says_what_does_not_answer(stack: Stack, data: str) -> None:
    port = free_port()
    stack.dsn = f"postgresql://croissance:secret@127.0.0.1:{port}/croissance"
    stack.http = {"labels": {"labels-1": f"http://127.0.0.1:{port}"}}
    stack.write_state()

    told = await asyncio.to_thread(croissance, "status", "--data", data)

    assert f"✘ la base ne répond pas (127.0.0.1:{port}/croissance, ConnectionRefusedError)" in told.stdout
    assert "✘ labels-1: ne répond pas (ConnectError)" in told.stdout
    assert "arrêté" in told.stdout
    assert "secret" not in told.output
