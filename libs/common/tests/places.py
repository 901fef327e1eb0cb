"""Where the core's tests run a service, in memory and on PostgreSQL, and the records and commands they give it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import msgspec

from common.core.codec import Codec, partition_of
from common.core.commands import Ask, to_message
from common.core.envelope import cause_headers, event_headers, type_headers
from common.core.inbox import StoredRecord, TopicPartition
from common.core.relay import Outbox
from common.core.requests import apply_commands
from common.core.unit_of_work import Begin, Due
from common.declare.service import Service
from common.postgres.connections import ConnectionPool
from common.postgres.letters import ALONE, DROP, RELEASE, REPLAY
from common.postgres.outbox import PostgresOutbox
from common.postgres.storage import Storage
from common.postgres.transaction import postgres
from common.testing.chain import Count, Seen
from common.testing.memory import MemoryDatabase, MemoryOutbox, MemoryStorage, memory
from common.testing.memory_operators import drop, replay

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
P = partition_of("k")


class Letter(NamedTuple):
    """A dead letter as an operator sees it."""

    id: int
    topic: str
    sequence: int | None
    reason: str
    status: str


class Place(Protocol):
    """A service on its storage, with what operators see and do there."""

    codec: Codec
    begin: Begin
    outbox: Outbox

    async def letters(self) -> list[Letter]: ...
    async def parked(self) -> list[tuple[str, int]]: ...
    async def deadlines(self) -> list[Due]: ...
    async def replay(self, *ids: int) -> None: ...
    async def drop(self, *ids: int) -> None: ...
    async def republish(self, where: TopicPartition, published: int) -> None: ...


OpenPlace = Callable[[Service], Awaitable[Place]]


class Prices:
    """The index that the inn reads."""

    async def read(self, connection: Any) -> int:
        return await connection.fetchval("select 7")


class MemoryPlace:
    """In memory."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.database = MemoryDatabase()
        self.begin: Begin = memory(codec, self.database, MemoryStorage(views={"prices": lambda _: 7}))
        self.outbox: Outbox = MemoryOutbox(self.database)

    async def letters(self) -> list[Letter]:
        found = self.database.letters.values()
        return [Letter(n, each.record.topic, each.sequence, each.reason, status) for n, each, status in found]

    async def parked(self) -> list[tuple[str, int]]:
        return [(each.record.topic, each.sequence) for each in self.database.parked]

    async def deadlines(self) -> list[Due]:
        return sorted(self.database.deadlines.values())

    async def replay(self, *ids: int) -> None:
        await replay(self.begin, ids)

    async def drop(self, *ids: int) -> None:
        await drop(self.begin, ids)

    async def republish(self, where: TopicPartition, published: int) -> None:
        self.database.published[where] = published


class PostgresPlace:
    """On PostgreSQL."""

    def __init__(self, codec: Codec, pool: ConnectionPool) -> None:
        self.codec, self.pool = codec, pool
        self.begin: Begin = postgres(codec, Storage(views={"prices": Prices()}), pool)
        self.outbox: Outbox = PostgresOutbox(pool)

    async def letters(self) -> list[Letter]:
        rows = await self.pool.fetch("select id, topic, sequence, reason, status from dead_letters order by id")
        return [Letter(*row) for row in rows]

    async def parked(self) -> list[tuple[str, int]]:
        return [tuple(row) for row in await self.pool.fetch("select topic, sequence from parked order by arrival")]

    async def deadlines(self) -> list[Due]:
        columns = "kind, key, name, partition, due, id, type, correlation, region, input, traceparent"
        return [Due(*row) for row in await self.pool.fetch(f"select {columns} from deadlines order by kind, key, name")]

    async def replay(self, *ids: int) -> None:
        await self.pool.execute(REPLAY.format(of=""), ids)

    async def drop(self, *ids: int) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute(ALONE.format(of=""))
            rows = await connection.fetch(DROP.format(of=""), ids)
            for key in sorted({row["key"] for row in rows} - {None}):
                await connection.execute(RELEASE.format(of=""), key, "waits behind a letter that is settled")

    async def republish(self, where: TopicPartition, published: int) -> None:
        statement = "update outbox_published set published = $3 where topic = $1 and partition = $2"
        await self.pool.execute(statement, *where, published)


def record(
    codec: Codec,
    sequence: int,
    n: int = 0,
    *,
    key: str = "k",
    value: bytes | None = None,
    topic: int = 0,
    event: str = "",
) -> StoredRecord:
    """The `sequence`-th record of a topic the service reads (the first: the counter's), as its relay would write it."""
    name = event or ("Counted", "Granted")[topic]
    data = value if value is not None else msgspec.json.encode({"key": key, "n": n or sequence, "left": 0})
    headers = (
        ("ce_sequence", b"%d" % sequence),
        *type_headers("toy", name, 1),
        *event_headers(UUID(int=1000 * topic + sequence).bytes, key.encode(), "84"),
        *cause_headers(UUID(int=1), NOW, UUID(int=1)),
    )
    return StoredRecord(codec.topics[topic], P, sequence - 1, key.encode(), data, headers)


async def seen(codec: Codec, begin: Begin, key: str = "k") -> Seen:
    """What the reader knows of a key."""
    async with begin() as transaction:
        loaded = await transaction.load({("readings", key)})
        return loaded["readings", key].state if loaded else Seen()


async def head(codec: Codec, begin: Begin, topic: str, partition: int = P) -> int:
    """The last number that a service gave in a partition."""
    where = TopicPartition(topic, partition)
    async with begin() as transaction:
        return (await transaction.lock_heads([where]))[where]


async def count(codec: Codec, begin: Begin, token: str = "", key: str = "k") -> Any:
    """Count once more."""
    decided = await apply_commands(codec, begin, [to_message(Ask(Count(token), key), 0, token, "")])
    return decided.answers[0]
