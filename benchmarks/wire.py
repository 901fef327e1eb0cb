"""What goes over the wire, counted where it passes: a proxy before PostgreSQL, the record batches in Kafka's log.

Counting on the wire needs no extension of the database, no hook in a driver and no knowledge of our tables: whatever a
service asks, however it asks, is a message of the protocol.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient  # pyright: ignore[reportMissingTypeStubs]
from aiokafka.protocol.fetch import FetchRequest  # pyright: ignore[reportMissingTypeStubs]
from aiokafka.record.memory_records import MemoryRecords

from common.core.inbox import StoredRecord
from common.declare.service import PARTITIONS

# --- PostgreSQL ------------------------------------------------------------------------------------------------------

_PROTOCOL_3: Final = 196608
"""Version in a startup message; other first messages ask for TLS or cancel something."""

_SIGN_OF_LIFE: Final = b"select 1\0"
"""What a long transaction sends now and then, by the clock: how often says how slow the machine is, nothing else."""

_CHUNK: Final = 65536


@dataclass(slots=True)
class Traffic:
    """What clients sent to the database.

    Attributes:
        statements: statements executed, BEGIN, COMMIT and COPY included, signs of life left out.
        round_trips: times a client waited for the server.
        sent: bytes to the server.
        received: bytes from the server.
    """

    statements: int = 0
    round_trips: int = 0
    sent: int = 0
    received: int = 0


@dataclass(slots=True)
class _Reader:
    """Reads the messages that one client sends (protocol 3: a type, a length, a content)."""

    traffic: Traffic
    buffer: bytearray = field(default_factory=bytearray)
    started: bool = False

    def feed(self, data: bytes) -> None:
        self.traffic.sent += len(data)
        self.buffer += data
        while (end := self._end()) and len(self.buffer) >= end:
            if self.started:
                self._count(self.buffer[0], bytes(self.buffer[5:end]))
            else:
                self.started = int.from_bytes(self.buffer[4:8]) == _PROTOCOL_3
            del self.buffer[:end]

    def _end(self) -> int:
        """Where the first message ends, 0 when too little is known."""
        skip = int(self.started)  # the first messages have no type
        return skip + int.from_bytes(self.buffer[skip : skip + 4]) if len(self.buffer) >= skip + 4 else 0

    def _count(self, kind: int, content: bytes) -> None:
        if kind == ord("Q") and content == _SIGN_OF_LIFE:
            return
        if kind == ord("Q"):  # a simple query
            self.traffic.statements += 1
            self.traffic.round_trips += 1
        elif kind == ord("E"):  # execute a prepared statement
            self.traffic.statements += 1
        elif kind in b"SH":  # sync, flush: now the client waits
            self.traffic.round_trips += 1


@asynccontextmanager
async def counted_database(dsn: str, traffic: Traffic) -> AsyncGenerator[str]:
    """A proxy before the server of `dsn` that counts into `traffic`; gives the DSN to use instead."""
    parts = urlsplit(dsn)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection(parts.hostname, parts.port)
        messages = _Reader(traffic)

        async def up() -> None:
            while data := await reader.read(_CHUNK):
                messages.feed(data)
                server_writer.write(data)
                await server_writer.drain()
            server_writer.close()

        async def down() -> None:
            while data := await server_reader.read(_CHUNK):
                traffic.received += len(data)
                writer.write(data)
                await writer.drain()
            writer.close()

        with suppress(ConnectionError):
            await asyncio.gather(up(), down())

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}").geturl()
    finally:
        server.close()


# --- Kafka -----------------------------------------------------------------------------------------------------------

_FETCH_BYTES: Final = 64 * 1024 * 1024


class Fetch(NamedTuple):
    """What one read of a topic gave.

    Attributes:
        records: by partition, then offset.
        batches: record batches they came in.
        size: bytes of these batches: what a producer sent, the log keeps and each consumer group receives.
    """

    records: list[StoredRecord]
    batches: int
    size: int


@dataclass(slots=True)
class Log:
    """Kafka's log as it is on the wire, read from where the last read ended."""

    client: Any
    ends: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])

    async def read(self, topic: str) -> Fetch:
        """Everything of `topic` acknowledged since the last read."""
        records: list[StoredRecord] = []
        batches = size = 0
        for partition in range(PARTITIONS):
            data: bytes = await self._fetch(topic, partition)
            size += len(data)
            memory = MemoryRecords(data)
            while (batch := memory.next_batch()) is not None:
                batches += 1
                records += [
                    StoredRecord(topic, partition, record.offset, record.key, record.value, record.headers)
                    for record in batch
                ]
            if records and records[-1].partition == partition:
                self.ends[topic, partition] = records[-1].offset + 1
        return Fetch(records, batches, size)

    async def _fetch(self, topic: str, partition: int) -> bytes:
        node = self.client.cluster.leader_for_partition(TopicPartition(topic, partition))
        if node is None:
            raise LookupError(f"{topic}/{partition} has no leader")
        wanted = (partition, self.ends.get((topic, partition), 0), _FETCH_BYTES)
        answer: Any = await self.client.send(node, FetchRequest(0, 0, _FETCH_BYTES, 0, [(topic, [wanted])]))
        _, [(_, error, *_, data)] = answer.topics[0]
        if error:
            raise OSError(f"{topic}/{partition}: the broker answers error {error}")
        return data or b""


@asynccontextmanager
async def opened_log(bootstrap_servers: str, topics: Sequence[str]) -> AsyncGenerator[Log]:
    """The log of some topics."""
    client: Any = AIOKafkaClient(bootstrap_servers=bootstrap_servers, client_id="croissance-counters")
    await client.bootstrap()
    try:
        await client.set_topics(topics)
        yield Log(client)
    finally:
        await client.close()
