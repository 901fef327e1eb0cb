"""One audit, from the first query to the findings. Read-only: it may run beside a living system."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from aiokafka.errors import KafkaError

from croissance.proof.books import check_books
from croissance.proof.database import Place, Schema, outbox, schemas
from croissance.proof.equations import WANTED, Chain, check_joined, check_messages, read_content
from croissance.proof.findings import Findings
from croissance.proof.log import PartitionLog, Receiver, short
from croissance.proof.mechanism import Marks, check_consumer, check_order, check_publishing, compare_outbox
from croissance.proof.reader import LogReader
from croissance.proof.wiring import CONSUMES, dead_letter_topic, topic

PARTITIONS: Final = 12
POLL: Final = 0.25
"""Seconds between two looks at whether the chain has come to rest."""

Unreachable = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, KafkaError, TimeoutError)
"""What an audit raises when the broker or the database cannot be read."""


@dataclass(frozen=True, slots=True)
class Where:
    """What to audit.

    Attributes:
        bootstrap: broker addresses.
        dsn: of the database.
        namespace: prefix of topics and schemas, or "".
    """

    bootstrap: str
    dsn: str
    namespace: str = ""


async def audit(where: Where, wait: float) -> Findings:
    """Wait up to `wait` seconds for the chain to come to rest, then verify all of it.

    Raises:
        Unreachable: the broker or the database cannot be read.
    """
    findings = Findings()
    connection: Any = await asyncpg.connect(where.dsn, timeout=10, command_timeout=120)
    try:
        services = await _at_rest(connection, where.namespace, wait)
        for schema in services.values():
            check_publishing(findings, schema)
            findings.held += len(schema.held)
            findings.checked["forgotten"] += len(schema.forgotten)
        await _read_all(connection, where, services, findings)
    finally:
        await connection.close()
    return findings


async def _at_rest(connection: Any, namespace: str, wait: float) -> dict[str, Schema]:
    """The services once everything numbered is published and applied, or when time is up."""
    limit = time.monotonic() + wait
    while True:
        services = await schemas(connection, namespace)
        if not _under_way(services, namespace) or time.monotonic() >= limit:
            return services
        await asyncio.sleep(POLL)


def _under_way(services: dict[str, Schema], namespace: str) -> int:
    """Events numbered and not published yet, plus events not applied yet by a consumer."""
    left = sum(head - schema.published[place] for schema in services.values() for place, head in schema.heads.items())
    for name, schema in services.items():
        for producer in CONSUMES.get(name, ()):
            for place, head in services[producer].heads.items() if producer in services else ():
                position = schema.positions.get(place)
                if place.topic == topic(namespace, producer):
                    left += max(0, head - (position.sequence if position else 0))
    return left


async def _read_all(connection: Any, where: Where, services: dict[str, Schema], findings: Findings) -> None:
    chain, ids = Chain(findings, services), Marks()
    late: list[str] = []
    async with LogReader(where.bootstrap, Receiver(WANTED, read_content, findings)) as reader:
        existing = await reader.topics()
        owners = _owners(services, where.namespace)
        for name in sorted(owners.keys() - existing):
            numbered = sum(n for place, n in owners[name].heads.items() if place.topic == name)
            findings.fault("lost", name, "ce topic n’existe pas dans Kafka", numbered)
        topics = sorted(owners.keys() & existing)
        findings.checked["topics"] = len(topics)
        for partition in range(PARTITIONS):
            logs = await reader.read(topics, partition)
            late += [f"{log.name} à partir du numéro {log.base + 1}" for log in logs.values() if log.base]
            for log in logs.values():
                schema = owners[log.topic]
                rows = outbox(connection, schema.name, Place(log.topic, partition))
                await compare_outbox(findings, log, schema, rows)
                source = short(schema.service.encode())
                ids.add(mark ^ source for mark in log.ids)
            _check_partition(findings, chain, services, logs, where.namespace)
    findings.fault("duplicated", "identifiants", "des événements d’un service ont le même ce_id", ids.repeated())
    after = await schemas(connection, where.namespace)
    moved = any(after[name].heads != schema.heads for name, schema in services.items() if name in after)
    await _check_domain(connection, services, findings, chain, moved=moved, late=late)


def _owners(services: dict[str, Schema], namespace: str) -> dict[str, Schema]:
    """Topic → the service that writes it."""
    owners = {topic(namespace, name): schema for name, schema in services.items()}
    return owners | {dead_letter_topic(namespace, name): schema for name, schema in services.items()}


def _check_partition(
    findings: Findings, chain: Chain, services: dict[str, Schema], logs: dict[str, PartitionLog], namespace: str
) -> None:
    """What can be said of one partition number of every topic."""
    facts = {name: logs[topic(namespace, name)] for name in services if topic(namespace, name) in logs}
    for name, schema in services.items():
        for producer in CONSUMES.get(name, ()):
            if producer in facts:
                check_consumer(findings, schema, facts[producer])
    check_order(findings, facts, services)
    chain.partition(facts)


async def _check_domain(
    connection: Any, services: dict[str, Schema], findings: Findings, chain: Chain, *, moved: bool, late: list[str]
) -> None:
    """The equations over the whole log; both ways only when nothing is under way and the log is complete."""
    moving = moved or findings.pending > 0
    whole = not moving and not late
    if late:
        examples = ", ".join(late[:3]) + (f" et {len(late) - 3} autres" if len(late) > 3 else "")
        findings.notes.append(
            f"Kafka n’a plus le début de {len(late)} journaux (rétention ou disque perdu), qui n’est pas vérifié : "
            f"{examples}."
        )
    if forgotten := findings.checked["forgotten"]:
        findings.notes.append(
            f"{forgotten} faits ne sont connus que de Kafka, ou le sont autrement, depuis que la base est revenue en "
            "arrière : ce que la base devrait en savoir n’est pas vérifié (croissance recover les nomme)."
        )
    if moving:
        findings.notes.append("Des événements sont en cours : ce qui ne se vérifie qu’au repos ne l’est pas.")
    if "matching" in services:
        await check_joined(connection, findings, services["matching"].name, chain.unanswered)
    notifications = services.get("notifications")
    if notifications is not None and "messages_to_send" in notifications.tables:
        await check_messages(connection, findings, notifications, chain, whole=whole)
    await check_books(connection, findings, services, chain, whole=whole)
