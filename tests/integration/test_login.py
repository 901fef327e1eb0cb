"""The tools log in: every command that speaks to Kafka, against a broker that asks for TLS and an account (SCRAM)."""

import asyncio
import gc
import json
import os
import shutil
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaProducer
from typer.testing import CliRunner

from common.core import clock
from common.core.envelope import cause_headers, event_headers, type_headers
from common.kafka.client import declare_topics
from croissance.login import broker_options, kafka_settings
from croissance.main import app
from croissance.proof.log import PartitionLog
from croissance.proof.reader import LogReader
from embedded import kafka
from embedded.errand import run_once
from embedded.jars import ensure_jars
from embedded.ports import Ports
from embedded.progress import quiet
from embedded.supervisor import Spec, Supervisor

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # of a refused connection: the command ends at once
]
TOPIC = "croissance.companies.v1"
NOWHERE = "elsewhere."
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
USER, PASSWORD = "croissance-operator", "un-secret"


async def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of the loopback that nobody else vouches for: for clients, and with its key for the broker."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("machine: openssl is not there")
    key, public, both = folder / "key.pem", folder / "ca.pem", folder / "broker.pem"
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    code, told = await run_once(
        *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", *subject), "-keyout", str(key), "-out", str(public)
    )
    assert code == 0, told
    both.write_text(key.read_text("utf-8") + public.read_text("utf-8"), "utf-8")
    return public, both


async def secured(folder: Path, both: Path) -> tuple[Spec, str]:
    """A broker with a listener that asks for TLS and an account, and its address."""
    ports, home = Ports(folder / "ports.json"), await ensure_jars(quiet)
    inner, port, controller = [ports.get(name) for name in ("inner", "secured", "controller")]
    command = await kafka.prepare(home, folder / "kafka", inner, controller)
    *java, _, properties = command
    shutil.rmtree(folder / "kafka" / "data")
    account = f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"
    code, told = await run_once(
        *(*java, "kafka.tools.StorageTool", "format", "-t", kafka.CLUSTER_ID, "-c", properties, "--add-scram", account)
    )
    assert code == 0, told
    here = "://127.0.0.1"
    settings = {
        "listeners": f"PLAINTEXT{here}:{inner},CONTROLLER{here}:{controller},SASL_SSL{here}:{port}",
        "advertised.listeners": f"PLAINTEXT{here}:{inner},SASL_SSL{here}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": f"{SCRAM} required;",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(both),
    }
    command += [part for name, value in settings.items() for part in ("--override", f"{name}={value}")]
    return Spec("kafka", command, lambda: kafka.answers(f"127.0.0.1:{inner}")), f"127.0.0.1:{port}"


class Nobody:
    """Takes records of no interest."""

    def __init__(self) -> None:
        self.taken = 0

    def take(self, log: PartitionLog, records: Any, end: int) -> None:
        self.taken += len(records)

    def close(self, log: PartitionLog) -> None:
        """Nothing is kept."""


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The settings of a service, as far as they are the same on every machine."""
    monkeypatch.setenv("CROISSANCE_KAFKA__SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("CROISSANCE_KAFKA__SASL_USERNAME", USER)
    monkeypatch.setenv("CROISSANCE_KAFKA__SASL_PASSWORD", PASSWORD)
    return monkeypatch


COMMANDS = (
    ("audit", "--wait", "1"),
    ("recover",),
    ("outbox", "republish", "--missing", "--dry-run"),
    ("events", "tail", "--from", "beginning", "--limit", "1"),
)
"""Those that open Kafka, of a namespace where nothing is installed."""


async def test_the_tools_log_in_with_the_settings_of_the_services(tmp_path: Path, account: pytest.MonkeyPatch) -> None:
    public, both = await certificate(tmp_path)
    account.setenv("CROISSANCE_KAFKA__CA_FILE", str(public))
    spec, bootstrap = await secured(tmp_path, both)
    supervisor = Supervisor(tmp_path / "logs", quiet)
    try:
        await supervisor.start(spec)
        await declare_topics(kafka_settings(bootstrap), [TOPIC, f"{NOWHERE}{TOPIC}"])
        await told(bootstrap)

        (_, shown), *_ = await run(bootstrap, ("events", "tail", "--from", "beginning", "--limit", "1", "--json"))
        receiver: Any = Nobody()
        async with LogReader(bootstrap, receiver) as reader:
            assert TOPIC in await reader.topics()
            await reader.read([TOPIC], 0)

        assert json.loads(shown)["key"] == "732829320"
        assert receiver.taken == 1
        assert await outcomes(bootstrap) == dict.fromkeys(COMMANDS, 0)
        assert not await silent(bootstrap)

        for name, wrong in (("SASL_PASSWORD", "wrong"), ("CA_FILE", ""), ("SECURITY_PROTOCOL", "PLAINTEXT")):
            with account.context() as changed:
                changed.setenv(f"CROISSANCE_KAFKA__{name}", wrong)
                assert 0 not in (await outcomes(bootstrap)).values(), name
                assert await silent(bootstrap), name
    finally:
        await supervisor.stop()
        gc.collect()  # here, where the sockets of refused connections are expected


async def told(bootstrap: str) -> None:
    """One event of a company."""
    cause = UUID(int=1)
    headers = [
        ("ce_sequence", b"1"),
        *type_headers("companies", "CompanyRegistered", 1),
        *event_headers(cause.bytes, b"732829320", "84"),
        *cause_headers(cause, clock.now(), cause),
    ]
    producer: Any = AIOKafkaProducer(**broker_options(bootstrap))
    await producer.start()
    try:
        await producer.send_and_wait(TOPIC, b"{}", b"732829320", partition=0, headers=headers)
    finally:
        await producer.stop()


async def silent(bootstrap: str) -> list[str]:
    """What `status` says of a broker that does not answer it; it looks at a system that runs elsewhere."""
    ((code, shown),) = await run(bootstrap, ("status", "--json"))
    state = json.loads(shown)
    assert (code, state["status"]) == (0, "elsewhere")
    assert {"companies", "vouchers"} <= state["services"].keys()
    assert "://" not in state["dsn"], "of the database the address is told, not the account"
    return [problem for problem in state["problems"] if "le courtier ne répond pas" in problem]


async def outcomes(bootstrap: str) -> dict[tuple[str, ...], int]:
    """How each command ends."""
    done = await run(bootstrap, *((*command, "--namespace", NOWHERE) for command in COMMANDS))
    return {command: code for command, (code, _) in zip(COMMANDS, done, strict=True)}


async def run(bootstrap: str, *commands: tuple[str, ...]) -> list[tuple[int, str]]:
    """Exit code and output of commands, one after the other."""
    here = ("--bootstrap", bootstrap, "--dsn", os.environ["CROISSANCE_DATABASE__DSN"], "--data", "nowhere")
    runner, found = CliRunner(), list[tuple[int, str]]()
    for command in commands:
        done = await asyncio.to_thread(runner.invoke, app, [*command, *here])
        assert done.exception is None or isinstance(done.exception, SystemExit), (command, done.exception)
        found.append((done.exit_code, done.stdout))
    return found
