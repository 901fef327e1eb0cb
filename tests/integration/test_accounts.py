"""The accounts of deploy/k8s on a real broker with TLS, passwords and permissions: what they may and what they may not.

The permissions are those of the manifests, the client of a region is the page that it is given (docs/subscribing.md).
"""

import asyncio
import os
import re
import shutil
import ssl
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
import yaml
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    TopicAuthorizationFailedError,
)
from aiokafka.protocol.admin import CreateAclsRequest

from embedded import jars, kafka
from embedded.errand import run_once
from embedded.ports import free_port

from .world import until

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "deploy" / "k8s"
PUBLISHED, SET_ASIDE = "croissance.labels.v1", "croissance.labels.dead-letter.v1"
PASSWORD = "a-password"
KINDS, PATTERNS = {"topic": 2, "group": 3}, {"literal": 3, "prefix": 4}
OPERATIONS, ALLOW = {"Read": 3, "Write": 4, "Describe": 8}, 3
"""Numbers of Kafka's protocol."""

SECURED = """
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},EXTERNAL://127.0.0.1:{external}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},EXTERNAL://127.0.0.1:{external}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,EXTERNAL:SASL_SSL
listener.name.external.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.external.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={keys}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
"""What Strimzi makes of the listener; whoever comes by the other one, as the operators do, may everything."""


class Broker(NamedTuple):
    """A broker with a door for partners.

    Attributes:
        inside: address without a password.
        external: address with TLS and password.
        authority: the file by which clients know it.
    """

    inside: str
    external: str
    authority: Path

    def account(self, name: str, password: str = PASSWORD) -> dict[str, Any]:
        """The connection arguments of an account."""
        return {
            "bootstrap_servers": self.external,
            "security_protocol": "SASL_SSL",
            "ssl_context": ssl.create_default_context(cafile=self.authority),
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": name,
            "sasl_plain_password": password,
        }


def users() -> list[dict[str, Any]]:
    """The accounts of those who look: a region's, and that of the command line."""
    files = (K8S / "partners" / "region.yaml", K8S / "base" / "cli.yaml")
    found = [document for file in files for document in yaml.safe_load_all(file.read_text("utf-8"))]
    return [document for document in found if document["kind"] == "KafkaUser"]


async def allow(admin: Any, user: dict[str, Any]) -> None:
    """Give an account the permissions of its manifest."""
    for acl in user["spec"]["authorization"]["acls"]:
        resource = acl["resource"]
        for operation in acl["operations"]:
            request = CreateAclsRequest(
                KINDS[resource["type"]],
                resource["name"],
                PATTERNS[resource.get("patternType", "literal")],
                f"User:{user['metadata']['name']}",
                "*",
                OPERATIONS[operation],
                ALLOW,
            )
            response = await admin._send_to_controller(request)
            assert [code for code, *_ in response.creation_responses] == [0]


async def fill(inside: str) -> None:
    """Permissions, two topics, and a record in each."""
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=inside)
    await admin.start()
    try:
        for user in users():
            await allow(admin, user)
        await admin.create_topics([NewTopic(name, 1, 1) for name in (PUBLISHED, SET_ASIDE)])
    finally:
        await admin.close()
    headers = [("ce_sequence", b"1"), ("ce_type", b"fr.croissanceconnectee.labels.LabelGranted")]
    async with AIOKafkaProducer(bootstrap_servers=inside) as producer:
        for topic in (PUBLISHED, SET_ASIDE):
            await producer.send_and_wait(topic, b'{"rank": 7}', b"552100554", 0, headers=headers)


async def certificate(folder: Path) -> tuple[Path, Path]:
    """A key with its certificate for the broker, and the certificate alone for clients."""
    key, known, both = folder / "key.pem", folder / "croissance-ca.crt", folder / "broker.pem"
    names = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    command = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *names)
    code, told = await run_once(*command, "-keyout", str(key), "-out", str(known))
    assert code == 0, told
    both.write_text(key.read_text("utf-8") + known.read_text("utf-8"), "utf-8")
    return both, known


async def stopped(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    await process.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Broker]:
    home, folder = await jars.ensure_jars(lambda _: None), tmp_path_factory.mktemp("accounts")
    taken: list[int] = []
    for _ in range(3):
        taken.append(free_port(frozenset(taken)))
    port, controller, external = taken
    keys, authority = await certificate(folder)
    properties, _ = kafka._configure(folder, port, controller)
    more = SECURED.format(port=port, controller=controller, external=external, keys=keys)
    properties.write_text(properties.read_text("utf-8") + more, "utf-8")
    accounts = [f"SCRAM-SHA-512=[name={user['metadata']['name']},password={PASSWORD}]" for user in users()]
    options = [option for account in accounts for option in ("--add-scram", account)]
    tool = ("kafka.tools.StorageTool", "format", "-t", kafka.CLUSTER_ID, "-c", str(properties), *options)
    code, told = await run_once(*kafka._command(home, folder, *tool))
    assert code == 0, told
    command = kafka._command(home, folder, "kafka.Kafka", str(properties))
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=log, stderr=log)
    try:
        inside = f"127.0.0.1:{port}"
        await until(lambda: kafka.answers(inside))
        await fill(inside)
        yield Broker(inside, f"127.0.0.1:{external}", authority)
    finally:
        await stopped(process)


pytestmark = [
    pytest.mark.stack,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="machine: no openssl"),
]


async def first(topic: str, group: str | None = None, **account: Any) -> bytes:
    """The first record of a topic, as an account reads it."""
    consumer = AIOKafkaConsumer(topic, group_id=group, auto_offset_reset="earliest", **account)
    try:
        await consumer.start()
        return (await asyncio.wait_for(consumer.getone(), 30)).value or b""
    finally:
        await consumer.stop()


async def test_the_page_for_partners_reads_what_is_published(broker: Broker) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "subscribing.md").read_text("utf-8"), re.DOTALL)
    environment = os.environ | {"KAFKA_SERVERS": broker.external, "KAFKA_PASSWORD": PASSWORD, "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=broker.authority.parent, env=environment, stdout=PIPE, stderr=PIPE
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 60)
    finally:
        await stopped(process)
    assert line.decode() == "fr.croissanceconnectee.labels.LabelGranted {'rank': 7}\n"


async def test_a_region_reads_no_dead_letters_joins_nobodys_group_and_writes_nothing(broker: Broker) -> None:
    account = broker.account("region-84")
    assert await first(PUBLISHED, "region-84.register", **account) == b'{"rank": 7}'
    with pytest.raises(TopicAuthorizationFailedError):
        await first(SET_ASIDE, **account)
    with pytest.raises(GroupAuthorizationFailedError):
        await first(PUBLISHED, "croissance.notifications", **account)
    async with AIOKafkaProducer(**account) as producer:
        with pytest.raises(TopicAuthorizationFailedError):
            await producer.send_and_wait(PUBLISHED, b"{}", b"552100554")


async def test_a_wrong_password_or_another_broker_is_refused(broker: Broker) -> None:
    with pytest.raises(KafkaConnectionError):
        await first(PUBLISHED, **broker.account("region-84", "another"))
    with pytest.raises(KafkaConnectionError):
        await first(PUBLISHED, None, **{**broker.account("region-84"), "ssl_context": ssl.create_default_context()})


async def test_the_command_line_reads_every_topic_and_writes_none(broker: Broker) -> None:
    account = broker.account("croissance-cli")
    assert [await first(topic, **account) for topic in (PUBLISHED, SET_ASIDE)] == [b'{"rank": 7}'] * 2
    with pytest.raises(GroupAuthorizationFailedError):
        await first(PUBLISHED, "croissance.labels", **account)
    async with AIOKafkaProducer(**account) as producer:
        with pytest.raises(TopicAuthorizationFailedError):
            await producer.send_and_wait(PUBLISHED, b"{}", b"552100554")
