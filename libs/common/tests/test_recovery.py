"""What a database forgot is taken back from Kafka; what is decided again is recognised and not told twice."""

from typing import Any

import pytest

from common.core.codec import Codec
from common.core.commands import Ask, to_message
from common.core.guard import Guard
from common.core.inbox import StoredRecord, TopicPartition
from common.core.record_batch import unseal
from common.core.requests import apply_commands
from common.core.told import fact_id, fact_mark
from common.core.unit_of_work import Begin
from common.postgres.recovery import close, left, take_back
from common.postgres.storage import Storage
from common.postgres.transaction import postgres
from common.testing.chain import COUNTER, Count

from .conftest import OpenPostgres
from .places import MemoryPlace, P, Place, count


def test_the_mark_of_a_fact_is_its_key_and_its_data() -> None:
    fact = StoredRecord("t", 0, 7, b"k", b"{}", [("ce_id", b"an-id")])
    assert fact_id(fact) == "an-id"
    assert fact_id(fact._replace(headers=[])) == ""
    same = fact._replace(offset=9, headers=[])
    assert fact_mark(fact) == fact_mark(same)
    assert len({fact_mark(f) for f in (fact, fact._replace(key=b"k{"), fact._replace(value=b"{}}"))}) == 3


async def told(place: Place) -> list[str]:
    """Ids of what waits to be published, in order."""
    batches = await place.outbox.read({TopicPartition(place.codec.topic, P): 0}, 100)
    return [dict(entry.headers)["ce_id"].decode() for batch in batches for entry in unseal(batch.data)]


async def count_as_one(place: Place, begin: Begin) -> None:
    """A command whose id is always the same: what it leads to has the same ids each time."""
    await apply_commands(place.codec, begin, [to_message(Ask(Count(), "k"), 0, "one", "")])


async def test_memory_recognises_what_is_told_already() -> None:
    place = MemoryPlace(Codec(COUNTER))
    await count_as_one(place, place.begin)
    (first,) = await told(place)
    place.database.recovered = {first: b""}
    await count_as_one(place, place.begin)
    assert await told(place) == [first]


async def test_postgres_recognises_it_and_says_whether_it_is_the_same(open_postgres: OpenPostgres) -> None:
    place, where = await open_postgres(COUNTER), TopicPartition("", 0)
    guard = Guard(recovering=True)
    begin = postgres(place.codec, Storage(), place.pool, guard)
    await count_as_one(place, begin)
    (first,) = await told(place)
    (batch,) = await place.outbox.read({TopicPartition(place.codec.topic, P): 0}, 1)
    (entry,) = unseal(batch.data)
    fact = StoredRecord(*where, 1, entry.key, entry.value, entry.headers)
    await place.pool.execute(
        "insert into recovered values ($1, 't', 0, 1, 'k', 'Counted', 'c', null, $2)", first, fact_mark(fact)
    )
    await count_as_one(place, begin)
    assert await told(place) == [first]
    async with place.pool.acquire() as connection:
        assert [fact.status for fact in await left(connection)] == ["otherwise"], "it counts to two this time"

    await place.pool.execute("truncate states; update recovered set status = 'open'")
    await count_as_one(place, begin)
    assert await told(place) == [first]
    assert await place.pool.fetchval("select status from recovered") == "again"

    guard.recovering = False
    await count_as_one(place, begin)
    assert await told(place) == [first, first], "nothing is looked up where nothing was recovered"


async def test_what_was_forgotten_is_in_the_outbox_again_and_numbers_go_on(open_postgres: OpenPostgres) -> None:
    place = await open_postgres(COUNTER)
    where = TopicPartition(place.codec.topic, P)
    for n in range(4):
        await count(place.codec, place.begin, f"t{n}")
    before = await told(place)
    records = [
        StoredRecord(*where, number, entry.key, entry.value, entry.headers)
        for batch in await place.outbox.read({where: 0}, 100)
        for number, entry in enumerate(unseal(batch.data), batch.first)
    ]
    async with place.pool.acquire() as connection, connection.transaction():
        await connection.execute("delete from outbox where last > 1")
        await connection.execute("update outbox_heads set sequence = 1 where topic = $1 and partition = $2", *where)

    async def take(head: int, taken: list[StoredRecord]) -> int:
        async with place.pool.acquire() as connection, connection.transaction():
            return await take_back(connection, where, head, taken)

    with pytest.raises(ValueError, match="has moved"):
        await take(0, records)
    with pytest.raises(ValueError, match="do not follow"):
        await take(1, records[2:])
    assert await take(1, records[1:]) == 4
    assert await told(place) == before

    async with place.pool.acquire() as connection:
        facts = await left(connection)
        assert [(fact.sequence, fact.id, fact.type, fact.status) for fact in facts] == [
            (number, before[number - 1], "Counted", "open") for number in (2, 3, 4)
        ]
        cut: Any = await connection.fetchrow("select topic, partition, head, last from cuts")
        assert tuple(cut) == (*where, 1, 4)
        assert await close(connection) == 3
        assert await left(connection) == []
