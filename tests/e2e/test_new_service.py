"""A service made by `tools/new_service.py` in a copy of the project: every check, a batch on the real stack, the audit.

The copy has an environment of its own: its members stand in it, what others wrote is read from the running one, which
is left as it is. What is run are the commands that CONTRIBUTING names.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from common.core.inbox import sequence_of
from croissance.directors import participant
from croissance.population import Population
from embedded.ports import free_port

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parents[2]
NAME, TOPIC = "almanac", "croissance.almanac.v1"
COMPANIES = 24
WISHES = ("apprendre", "vendre en ligne")
NOTED = COMPANIES * len(WISHES)
PROVISION = f"""
import asyncio
from common.process.app import installed_apps
from common.process.provision import provision
from common.process.settings import Settings, read_settings
apps = installed_apps()
print(asyncio.run(provision([apps["companies"], apps["{NAME}"]], read_settings(Settings))))
"""
"""Room for two services: what nobody reads in a test would be under way for ever in the audit."""


class Copy:
    """The files of the project in a folder of their own, with an environment of their own.

    Attributes:
        root: the folder.
        seconds: what each part took.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.bin = root / ".venv" / "bin"
        self.namespace = f"n{uuid4().hex[:8]}."
        self.schemas = [f"{self.namespace.replace('.', '_')}{name}" for name in ("companies", NAME)]
        self.seconds: dict[str, float] = {}

    @property
    def environment(self) -> dict[str, str]:
        """The session's addresses, and nothing of the environment that runs the test."""
        mine = {"CROISSANCE_NAMESPACE": self.namespace, "NO_COLOR": "1", "COLUMNS": "200"}
        return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))} | mine

    @contextmanager
    def timed(self, part: str) -> Generator[None]:
        began = time.monotonic()
        yield
        self.seconds[part] = time.monotonic() - began

    def run(self, *command: str, code: int = 0, namespace: bool = True) -> str:
        """The output of a program of the copy's environment."""
        environment = self.environment if namespace else self.environment | {"CROISSANCE_NAMESPACE": ""}
        program = str(self.bin / command[0]) if (self.bin / command[0]).exists() else command[0]
        done = subprocess.run(
            [program, *command[1:]], cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, f"{' '.join(command)}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def pytest(self, *paths: str) -> str:
        return self.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths, namespace=False)


def copied(root: Path) -> Copy:
    """What git has or would take, without anything that was made from it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    return Copy(root)


def install(copy: Copy) -> None:
    """An environment like that of `make setup`, whose foreign packages are those of the running one; no network."""
    venv.create(copy.root / ".venv", symlinks=True)
    (site,) = copy.root.glob(".venv/lib/python*/site-packages")
    (site / "foreign.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    here = Path(sys.executable).parent
    for program in here.iterdir():
        mine, content = copy.bin / program.name, program.read_bytes()
        if mine.exists() or not os.access(program, os.X_OK):
            continue
        if content.startswith(b"#!"):  # a script is run by the interpreter that it names
            mine.write_bytes(content.replace(os.fsencode(here), os.fsencode(copy.bin)))
            mine.chmod(0o755)
        else:
            mine.symlink_to(program)
    members = [str(file.parent) for base in ("libs", "services", "apps") for file in copy.root.glob(f"{base}/*/*.toml")]
    local = ["--quiet", "--offline", "--no-deps", "--no-build-isolation", "--python", str(copy.bin / "python")]
    copy.run("uv", "pip", "install", *local, *[word for member in members for word in ("-e", member)])
    (copy.root / ".venv" / ".ready").touch()  # `make` need not prepare it


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something the system does by itself; fails when it does not."""
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110  nobody here can signal it
            await asyncio.sleep(0.05)


@asynccontextmanager
async def running(copy: Copy, *services: str) -> AsyncGenerator[dict[str, httpx.AsyncClient]]:
    """One process of each service; their doors. Asked to stop at the end, they do, with success."""
    ports = {name: free_port() for name in services}
    logs = {name: copy.root / f"{name}.log" for name in services}
    processes: dict[str, asyncio.subprocess.Process] = {}
    doors = {name: httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") for name, port in ports.items()}
    try:
        for name, port in ports.items():
            with logs[name].open("wb") as log:
                processes[name] = await asyncio.create_subprocess_exec(
                    *(str(copy.bin / "python"), "-m", name),
                    cwd=copy.root,
                    env=copy.environment | {"CROISSANCE_HTTP__PORT": str(port)},
                    stdout=log,
                    stderr=log,
                )
        for door in doors.values():
            await until(lambda door=door: ready(door))
        yield doors
    finally:
        for process in processes.values():
            process.terminate()
        codes = {name: await asyncio.wait_for(process.wait(), 40) for name, process in processes.items()}
        for door in doors.values():
            await door.aclose()
    assert codes == dict.fromkeys(services, 0), "".join(log.read_text("utf-8")[-2000:] for log in logs.values())


async def ready(door: httpx.AsyncClient) -> bool:
    try:
        return (await door.get("/health/ready")).status_code == 200
    except httpx.TransportError:
        return False


async def noted(door: httpx.AsyncClient, siren: str, wish: str) -> bool:
    """Whether a wish is taken: not before the service has heard of the company."""
    answer = await door.post(f"/v1/{NAME}", json={"siren": siren, "wish": wish})
    if answer.status_code == 409:
        assert answer.json()["type"].endswith(":entreprise_inconnue")
        return False
    assert answer.status_code == 201, answer.text
    return wish in answer.json()["wishes"]


async def numbers_on(topic: str, wanted: int) -> dict[int, list[int]]:
    """Partition → `ce_sequence` of every record of a topic, once there are as many as wanted."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=os.environ["CROISSANCE_KAFKA__BOOTSTRAP_SERVERS"],
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    found: dict[int, list[int]] = {}
    try:
        consumer.assign([TopicPartition(topic, number) for number in range(12)])
        async with asyncio.timeout(60):
            while sum(map(len, found.values())) < wanted:
                record = await consumer.getone()
                found.setdefault(record.partition, []).append(sequence_of(record) or 0)
    finally:
        await consumer.stop()
    return found


async def work(copy: Copy) -> None:
    """Companies register, the new service hears of them, they note wishes, one of them twice."""
    people = [participant(company) for company in Population(5).draw(0, COMPANIES)]
    async with running(copy, "companies", NAME) as doors:
        body = b"[" + b",".join(who.registration for who in people) + b"]"
        answer = await doors["companies"].post(
            "/v1/companies:batch", content=body, headers={"content-type": "application/json"}
        )
        assert answer.status_code == 200, answer.text
        for who in people:
            for wish in (*WISHES, WISHES[0]):
                await until(lambda siren=who.siren, wish=wish: noted(doors[NAME], siren, wish))
        assert (await doors[NAME].get(f"/v1/{NAME}")).json() == {"wishes": NOTED}
        found = await numbers_on(copy.namespace + TOPIC, NOTED)
    assert sum(map(len, found.values())) == NOTED
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in found.values()), found


def audited(copy: Copy, *, wait: int, code: int = 0) -> dict[str, Any]:
    """The result of `croissance audit`: it finds the addresses where the services do."""
    data = str(copy.root / "no-data")
    return json.loads(copy.run("croissance", "audit", "--data", data, "--wait", str(wait), "--json", code=code))


async def execute(statement: str) -> None:
    connection: Any = await asyncpg.connect(os.environ["CROISSANCE_DATABASE__DSN"])
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
async def copy(tmp_path: Path) -> AsyncIterator[Copy]:
    """A copy with its environment; the schemas that it makes go with it."""
    made = copied(tmp_path / "project")
    yield made
    await execute(f"drop schema if exists {', '.join(made.schemas)} cascade")


async def test_a_service_is_one_command(copy: Copy, capsys: pytest.CaptureFixture[str]) -> None:
    with copy.timed("the tool"):
        said = copy.run(sys.executable, "tools/new_service.py", NAME)
    with copy.timed("an environment"):
        install(copy)
    with copy.timed("make contracts"):
        copy.run("make", "contracts")
    assert (copy.root / "services" / NAME / "contracts" / "AlmanacNoted.v1.json").is_file()
    with copy.timed("format, lint, types, imports, dependencies"):
        copy.run("ruff", "format", "--check", "--no-cache", ".")
        copy.run("ruff", "check", "--no-cache", ".")
        copy.run("pyright", "--pythonpath", str(copy.bin / "python"), f"services/{NAME}")
        copy.run("make", "imports", "dependencies")
    with copy.timed("its own tests"):
        assert "4 passed" in copy.pytest(f"services/{NAME}")
    with copy.timed("contracts, architecture, wiring of the audit"):
        others = "whatever_its_producer or fits_its_schema"  # random data of events that are as they were
        copy.pytest(
            *("-k", f"{NAME} or not ({others})"),
            "tests/contracts/test_contracts.py",  # the others are about the command line, which knows no new service
            "tests/architecture/test_derived.py",
            "tests/architecture/test_docs.py",
            "apps/cli/tests/test_cli_audit.py::test_the_wiring_is_that_of_the_declarations",
        )
    with copy.timed("provision"):
        assert f"topic {copy.namespace}{TOPIC}" in copy.run("python", "-c", PROVISION)
    with copy.timed("a batch on the real stack"):
        await work(copy)
    with copy.timed("audit"):
        clean = audited(copy, wait=30)
    assert clean["ok"], clean
    assert clean["events"] == {f"{NAME}.AlmanacNoted": NOTED, "companies.CompanyRegistered": COMPANIES}
    with copy.timed("an audit that finds what is missing"):
        await lose_an_effect(copy)
        missing = audited(copy, wait=0, code=1)
    assert (missing["ok"], missing["pending"]) == (False, 1), missing
    with capsys.disabled():
        report(copy.seconds, said.splitlines())


async def lose_an_effect(copy: Copy) -> None:
    """Let the new service forget that it applied one event: the audit knows that it reads the register."""
    positions = f"{copy.schemas[1]}.positions"
    await execute(f"""update {positions} set sequence = sequence - 1, applied = applied - 1
        where (topic, partition) = (select topic, partition from {positions} where sequence > 0 limit 1)""")


def report(seconds: dict[str, float], said: Sequence[str]) -> None:
    """What it took, and what the tool leaves to a person."""
    begin, end = said.index("yours to write:"), next(i for i, line in enumerate(said) if line.startswith("then:"))
    parts = [f"  {took:5.1f} s  {part}" for part, took in seconds.items()]
    head = f"A new service, {sum(seconds.values()):.1f} s:"
    sys.stdout.write("\n".join(["\n", head, *parts, "A person still writes:", *said[begin + 1 : end], ""]))
