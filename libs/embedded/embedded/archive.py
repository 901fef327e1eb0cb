"""Kafka's classes kept loaded and linked for the JVM, so that the broker starts with half the CPU. Made once.

A broker of its own is started, used a little and stopped; the JVM writes what it had loaded while it ends.
"""

import asyncio
import signal
import tempfile
from asyncio.subprocess import DEVNULL
from contextlib import suppress
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from embedded.jars import alone
from embedded.kafka import answers, archive, prepare
from embedded.ports import free_port
from embedded.progress import Say
from embedded.supervisor import die_with_parent

TOPIC, RECORDS = "training", 1000
PATIENCE = 180.0
"""Seconds after which the attempt is given up."""


async def ensure_archive(home: Path, say: Say) -> None:
    """Make the archive unless it is there. Without it everything works and starts slower, so a failure is only said."""
    given_up = archive(home).with_suffix(".abandoned")
    if archive(home).exists() or given_up.exists():
        return
    async with alone(home.parent):
        if archive(home).exists():
            return
        say("Préparation d'Apache Kafka pour des démarrages rapides (une seule fois)…")
        try:
            with tempfile.TemporaryDirectory(prefix="kafka-training-", ignore_cleanup_errors=True) as folder:
                await asyncio.wait_for(_train(home, Path(folder)), PATIENCE)
        except Exception as error:  # noqa: BLE001  an optimisation must not keep anybody from starting
            given_up.touch()
            say(f"Préparation abandonnée, les démarrages seront plus lents ({type(error).__name__}: {error})")


async def _train(home: Path, folder: Path) -> None:
    port = free_port()
    command = await prepare(home, folder, port, free_port(frozenset({port})))
    made = folder / "start.aot"
    broker = await asyncio.create_subprocess_exec(
        command[0],
        f"-XX:AOTCacheOutput={made}",
        *command[1:],
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    try:
        while not await answers(f"127.0.0.1:{port}"):
            if broker.returncode is not None:
                raise RuntimeError("le courtier ne démarre pas")
            await asyncio.sleep(0.1)
        await _exercise(f"127.0.0.1:{port}")
        broker.send_signal(signal.SIGTERM)  # the JVM writes the archive while it ends
        await broker.wait()
    finally:
        with suppress(ProcessLookupError):
            broker.kill()
        await broker.wait()
    scratch = archive(home).with_suffix(".new")
    scratch.write_bytes(made.read_bytes())
    scratch.replace(archive(home))


async def _exercise(bootstrap_servers: str) -> None:
    """Do a little of what services do, so that the archive holds what they need."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(TOPIC, 4, 1)])
    finally:
        await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, enable_idempotence=True)
    await producer.start()
    try:
        for _ in range(RECORDS):
            await producer.send(TOPIC, b"x" * 300, headers=[("ce_id", b"x")])
    finally:
        await producer.stop()
    consumer = AIOKafkaConsumer(
        TOPIC, bootstrap_servers=bootstrap_servers, group_id=TOPIC, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        seen = 0
        while seen < RECORDS:
            seen += sum(len(batch) for batch in (await consumer.getmany(timeout_ms=500)).values())
    finally:
        await consumer.stop()
