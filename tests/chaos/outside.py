"""The faults that come from outside: foreign records, a topic deleted, transactions given up, requests without end."""

import asyncio
from contextlib import AsyncExitStack, suppress
from random import Random
from typing import Final
from urllib.parse import urlsplit

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from chaos.schedule import Fault
from chaos.system import PATIENCE, Process, System
from common.kafka.topics import topics_of
from croissance.proof.wiring import topic

PARTITIONS: Final = range(12)

Headers = list[tuple[str, bytes | None]]
Forged = tuple[bytes | None, bytes | None, Headers]
"""Key, value and headers of a record."""


async def poison(system: System, fault: Fault) -> str:
    """Write records that nobody can read to every partition of a service's topic."""
    rng, where = Random(fault.pause), topic("", fault.victim)
    producer = AIOKafkaProducer(bootstrap_servers=system.bootstrap, max_request_size=2_000_000)
    async with producer:
        for partition in PARTITIONS:
            for key, value, headers in _unreadable(rng):
                await producer.send_and_wait(where, value, key, partition, headers=headers)
    return where


def _unreadable(rng: Random) -> list[Forged]:
    """No number, no JSON, no UTF-8; brackets without end; an endless number; an endless key; no value; any bytes.

    None has a number that a service gives: who may write such a record to a topic is a question of access.
    """
    plausible: Headers = [("ce_type", b"CompanyRegistered"), ("ce_source", b"/companies"), ("ce_id", rng.randbytes(16))]
    anything: Headers = [(f"ce_{rng.randrange(9)}", rng.randbytes(rng.randrange(40))) for _ in range(rng.randrange(9))]
    return [
        (b"\xff", b"\xff{", [("ce_id", b"\xff"), ("ce_sequence", b"-1"), ("ce_type", None)]),
        (b"443061841", b"[" * 20_000 + b"]" * 20_000, plausible),
        (b"443061841", b"{}", [*plausible, ("ce_sequence", b"9" * 5_000)]),
        (b"4" * 3_000, b"{}", plausible),
        (None, b"", []),
        (rng.randbytes(20), rng.randbytes(200), anything),
    ]


async def aborted(system: System, fault: Fault) -> str:
    """Write what nobody can read to every partition of a service's topic, in transactions that are given up."""
    rng, where = Random(fault.pause), topic("", fault.victim)
    producer = AIOKafkaProducer(bootstrap_servers=system.bootstrap, transactional_id=f"chaos-{fault.pause}")
    async with producer:
        for partition in PARTITIONS:
            await producer.begin_transaction()
            for key, value, headers in _unreadable(rng):
                await producer.send_and_wait(where, value, key, partition, headers=headers)
            await producer.abort_transaction()
    return where


async def topic_anew(system: System, fault: Fault) -> str:
    """Delete a service's topic; once the service has made it again, send what Kafka lacks, as an operator would."""
    name = topic("", fault.victim)
    admin = AIOKafkaAdminClient(bootstrap_servers=system.bootstrap)
    await admin.start()
    try:
        before = (await topics_of(admin, [name]))[name].id
        await admin.delete_topics([name])
        async with asyncio.timeout(PATIENCE):
            while (there := (await topics_of(admin, [name])).get(name)) is None or there.id == before:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
    finally:
        await admin.close()
    await system.croissance("outbox", "republish", "--missing")
    return name


HUGE: Final = 100 << 20
"""Bytes of a header without end."""

CALLERS: Final = 400
"""Connections that say nothing, to each process of a service."""


async def huge_header(system: System, fault: Fault) -> str:
    """Send each process of a service a header that does not end."""
    for process in system.processes(fault.victim):
        with suppress(ConnectionError):  # it may hang up
            await _without_end(process)
    return fault.victim


async def _without_end(process: Process) -> None:
    place = urlsplit(process.url)
    _, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: chaos\r\nX-Endless: ")
        async with asyncio.timeout(PATIENCE):
            for _ in range(HUGE >> 16):
                writer.write(b"a" * (1 << 16))
                await writer.drain()
    finally:
        writer.close()


async def silent_callers(system: System, fault: Fault) -> str:
    """Take up many connections to each process of a service, half of them in a request; no word more."""
    async with AsyncExitStack() as held:
        for process in system.processes(fault.victim):
            place = urlsplit(process.url)
            for number in range(CALLERS):
                with suppress(OSError):  # it may take no more
                    _, writer = await asyncio.open_connection(place.hostname, place.port)
                    held.callback(writer.close)
                    if number % 2:
                        writer.write(b"POST /v1/companies HTTP/1.1\r\nHost: chaos\r\nContent-Length: 1000\r\n\r\n{")
        await asyncio.sleep(fault.seconds)
    return fault.victim
