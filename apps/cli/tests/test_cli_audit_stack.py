"""The audit on a real broker and database: a small chain written by hand is right; each tampering is found.

The chain is written row by row, without the code of the services: what is under test is the checker.
"""

import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from common.core import clock
from common.core.codec import partition_of
from common.core.envelope import cause_headers, event_headers, type_headers
from common.core.record_batch import Entry, seal
from common.declare.event import derive_id
from common.postgres.migrations import declare_topics, migrate
from croissance.proof.equations import check_joined
from croissance.proof.findings import Findings
from croissance.proof.run import Where, audit
from croissance.proof.wiring import CONSUMES, dead_letter_topic, topic

pytestmark = pytest.mark.stack

COMPANIES = 30
SIRENS = [f"{number:09d}" for number in range(100, 100 + COMPANIES)]
TIME = datetime(2026, 11, 23, 8, tzinfo=UTC)


class Row(NamedTuple):
    """One numbered event."""

    topic: str
    partition: int
    sequence: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]

    def entry(self, value: bytes | None = None) -> Entry:
        numbered = [("ce_sequence", b"%d" % self.sequence), *self.headers]
        return Entry(self.key, self.value if value is None else value, numbered)


class Chain:
    """A chain of all services under a namespace, as rows and records."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.rows: dict[str, list[Row]] = {service: [] for service in CONSUMES}
        self.heads: dict[tuple[str, int], int] = {}
        self.told: list[tuple[str, UUID, str]] = []

    def emit(self, service: str, name: str, key: str, cause: UUID, index: int, data: dict[str, Any]) -> UUID:
        place = (topic(self.namespace, service), partition_of(key))
        self.heads[place] = sequence = self.heads.get(place, 0) + 1
        event_id = derive_id(cause, index)
        headers = (
            *type_headers(service, name, 1),
            *event_headers(event_id.bytes, key.encode(), "84"),
            *cause_headers(cause, TIME, cause),
        )
        value = msgspec.json.encode({"siren": key, **data})
        self.rows[service].append(Row(*place, sequence, key.encode(), value, headers))
        return event_id

    def build(self) -> None:
        for number, siren in enumerate(SIRENS):
            command = UUID(int=number + 1)
            self.emit("companies", "CompanyRegistered", siren, command, 0, {})
            done = {"diagnostic_id": f"d{number}", "measures": [{"subject": "cybersecurite"}], "gaps": []}
            completed = self.emit("diagnostic", "DiagnosticCompleted", siren, derive_id(command, 9), 0, done)
            self.emit("matching", "NeedOpened", siren, completed, 0, {})
            matched = self.emit("matching", "ConnectorMatched", siren, completed, 1, {"round": 1})
            self.told += [(siren, completed, "diagnostic_completed"), (siren, matched, "connector_matched")]
        for number, (siren, cause, template) in enumerate(self.told):
            told = {"cause": str(cause), "template": template}
            self.emit(
                "notifications",
                "NotificationSent",
                siren,
                UUID(int=10_000 + number),
                0,
                told,
            )

    def schema(self, service: str) -> str:
        return self.namespace.replace(".", "_") + service

    def runs(self, service: str) -> Iterator[tuple[tuple[str, int], list[Row]]]:
        """The events of each output partition."""
        rows = sorted(self.rows[service], key=lambda row: row[:3])
        for place, run in groupby(rows, key=lambda row: row[:2]):
            yield place, list(run)

    def altered(self, service: str, partition: int) -> str:
        """The batch of a partition with another last event, as hexadecimal text."""
        run = dict(self.runs(service))[topic(self.namespace, service), partition]
        return seal([*(row.entry() for row in run[:-1]), run[-1].entry(b"{}")]).hex()

    async def store(self, connection: Any) -> None:
        for service, producers in CONSUMES.items():
            schema = self.schema(service)
            own = [topic(self.namespace, service), dead_letter_topic(self.namespace, service)]
            await migrate(connection, schema, Path(str(files(service) / "migrations")))
            await declare_topics(connection, [topic(self.namespace, producer) for producer in producers], own)
            columns = ("segment", "topic", "partition", "first", "last", "data")
            batches = [
                (1, *place, 1, len(run), seal([row.entry() for row in run])) for place, run in self.runs(service)
            ]
            await connection.copy_records_to_table("outbox_1", schema_name=schema, records=batches, columns=columns)
            for place, head in self.heads.items():
                for table, column in (("outbox_heads", "sequence"), ("outbox_published", "published")):
                    await connection.execute(
                        f'update "{schema}".{table} set {column} = $3 where topic = $1 and partition = $2', *place, head
                    )
                await connection.execute(
                    f'update "{schema}".positions set sequence = $3, next_offset = $3, applied = $3'
                    " where topic = $1 and partition = $2",
                    *place,
                    head,
                )
        now = clock.now()
        messages = [(siren, cause, told, False, "84", now, now, "sent") for siren, cause, told in self.told]
        columns = ("siren", "cause", "template", "legal", "region", "recorded_at", "ready_at", "status")
        await connection.copy_records_to_table(
            "messages_to_send", schema_name=self.schema("notifications"), records=messages, columns=columns
        )

    async def publish(self, bootstrap: str) -> None:
        admin: Any = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        names = [name(self.namespace, service) for service in CONSUMES for name in (topic, dead_letter_topic)]
        await admin.create_topics([NewTopic(name, 12, 1) for name in names])
        await admin.close()
        producer: Any = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
        async with producer:
            for rows in self.rows.values():
                for row in rows:
                    await self.send(producer, row)

    async def send(self, producer: Any, row: Row, value: bytes | None = None) -> None:
        key, content, headers = row.entry(value)
        await producer.send_and_wait(row.topic, content, key=key, partition=row.partition, headers=headers)


@pytest.fixture
async def system() -> AsyncIterator[tuple[Chain, Any, Where]]:
    bootstrap = os.environ.get("CROISSANCE_KAFKA__BOOTSTRAP_SERVERS", "")
    dsn = os.environ.get("CROISSANCE_DATABASE__DSN", "")
    assert bootstrap, "no broker: run through `make test` or set CROISSANCE_KAFKA__BOOTSTRAP_SERVERS"
    assert dsn, "no database: run through `make test` or set CROISSANCE_DATABASE__DSN"
    chain = Chain(f"t{clock.new_id().hex[-12:]}.")
    chain.build()
    connection: Any = await asyncpg.connect(dsn)
    try:
        await chain.store(connection)
        await chain.publish(bootstrap)
        yield chain, connection, Where(bootstrap, dsn, chain.namespace)
    finally:
        for service in CONSUMES:
            await connection.execute(f'drop schema if exists "{chain.schema(service)}" cascade')
        await connection.close()


def faults(findings: Findings) -> dict[str, int]:
    return {kind: count for kind, count in findings.faults.items() if count}


TAMPERINGS: dict[str, tuple[str, set[str]]] = {
    "a message vanishes": (
        """delete from "{ns}notifications".messages_to_send where siren = '{siren}' and cause = '{cause}'""",
        {"lost", "duplicated"},
    ),
    "a consumer counts twice": (
        """update "{ns}labels".positions set applied = applied + 1
            where topic = '{topic}' and partition = {partition}""",
        {"duplicated"},
    ),
    "a consumer forgets": (
        """update "{ns}matching".positions set applied = applied - 1
            where topic = '{topic}' and partition = {partition}""",
        {"lost"},
    ),
    "an outbox row changes": (
        """update "{ns}diagnostic".outbox set data = '\\x{altered}'
            where topic = '{topic}' and partition = {partition}""",
        {"altered"},
    ),
    "a movement of money from nowhere": (
        """insert into "{ns}vouchers".movements values ('cheque-2026', 1, gen_random_uuid(), 'reserve', 'engage',
            100, now(), gen_random_uuid(), 0, '')""",
        {"overspent_cents", "unbalanced", "gaps"},
    ),
    "more labels than places": (
        """with cohort as (insert into "{ns}labels".cohorts values (2026, 0, 0))
            insert into "{ns}labels".register values (gen_random_uuid(), '{siren}', null, '84', '62.01Z', 2026, 1,
            now(), now(), 'actif')""",
        {"over_cap", "unbalanced", "lost"},
    ),
}
"""What is done to a table → the kinds of fault the audit must find, and no other."""


@asynccontextmanager
async def tampered(connection: Any, statement: str) -> AsyncGenerator[None]:
    """The tables that a statement names are changed by it, then brought back as they were."""
    tables = sorted(set(re.findall(r'"\w+"\.\w+', statement)), reverse=True)
    for table in tables:
        await connection.execute(f"create table {table}_saved as table {table}")
    await connection.execute(statement)
    yield
    for table in tables:
        await connection.execute(f"truncate {table}")
        await connection.execute(f"insert into {table} select * from {table}_saved")
        await connection.execute(f"drop table {table}_saved")


async def test_a_right_chain_is_right_and_each_tampering_is_found(system: tuple[Chain, Any, Where]) -> None:
    chain, connection, where = system
    clean = await audit(where, 5)
    assert (faults(clean), clean.pending, clean.ok) == ({}, 0, True)
    assert clean.checked["events"] == clean.checked["outbox_rows"] == sum(map(len, chain.rows.values()))
    assert clean.checked["messages"] == 2 * COMPANIES
    siren, cause, _ = chain.told[0]
    place: dict[str, Any] = {"topic": topic(chain.namespace, "diagnostic"), "partition": partition_of(siren)}
    place["altered"] = chain.altered("diagnostic", partition_of(siren))
    for name, (statement, expected) in TAMPERINGS.items():
        text = statement.format(ns=chain.schema(""), siren=siren, cause=cause, **place)
        async with tampered(connection, text):
            assert set(faults(await audit(where, 0))) == expected, name
    assert (await audit(where, 0)).ok


async def test_text_that_the_database_cannot_hold_is_compared_by_its_bytes(system: tuple[Chain, Any, Where]) -> None:
    chain, connection, _ = system
    schema, doc = chain.schema("matching"), msgspec.json.encode({"told": ["a\0b", 'c"d']}).decode()
    await connection.execute(f'insert into "{schema}".states values ($1, $2, 1, $3)', "needs", "é", doc)
    unanswered = [("é", "a\0b"), ("é", 'c"d'), ("é", "\0"), ("\0", 'c"d')]
    findings = Findings()

    await check_joined(connection, findings, schema, unanswered)

    assert faults(findings) == {"lost": 2}


async def test_what_is_under_way_is_pending_not_lost(system: tuple[Chain, Any, Where]) -> None:
    chain, connection, where = system
    row = chain.rows["diagnostic"][-1]
    for table, column in (("vouchers", "sequence"), ("vouchers", "applied")):
        schema = chain.schema(table)
        await connection.execute(
            f'update "{schema}".positions set {column} = {column} - 1 where topic = $1 and partition = $2',
            row.topic,
            row.partition,
        )
    findings = await audit(where, 0.1)
    assert (faults(findings), findings.pending, findings.ok) == ({}, 1, False)


async def test_repeats_are_no_fault_other_content_is(system: tuple[Chain, Any, Where]) -> None:
    chain, _, where = system
    row = chain.rows["companies"][0]
    producer: Any = AIOKafkaProducer(bootstrap_servers=where.bootstrap, acks="all")
    async with producer:
        await chain.send(producer, row)
        findings = await audit(where, 0)
        assert (faults(findings), findings.checked["repeats"]) == ({}, 1)
        await chain.send(producer, row, b'{"siren": "other"}')
        assert faults(await audit(where, 0)) == {"duplicated": 1}
        last = chain.rows["companies"][-1]
        await chain.send(producer, last._replace(sequence=last.sequence + 2))
        assert faults(await audit(where, 0)) == {"duplicated": 1, "gaps": 2}


async def test_who_may_only_read_audits_and_changes_nothing(system: tuple[Chain, Any, Where]) -> None:
    """The command line on Kubernetes is a member of `pg_read_all_data` and of nothing else."""
    chain, connection, where = system
    role = f"reader_{chain.namespace.rstrip('.')}"
    await connection.execute(f'create role "{role}" in role pg_read_all_data')
    reader = f"{where.dsn}{'&' if '?' in where.dsn else '?'}role={role}"
    try:
        findings = await audit(Where(where.bootstrap, reader, where.namespace), 0)
        looking: Any = await asyncpg.connect(reader)
        assert await looking.fetchval("select current_user") == role
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await looking.execute(f'delete from "{chain.schema("labels")}".outbox')
        await looking.close()
    finally:
        await connection.execute(f'drop role "{role}"')
    assert (findings.ok, findings.checked["outbox_rows"]) == (True, sum(map(len, chain.rows.values())))
