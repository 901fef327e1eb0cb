"""Whatever bytes Kafka can carry: every process goes on, neighbours are applied once, nothing stays unread."""

import os
import sys
from functools import partial
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from hypothesis import given, settings
from hypothesis import strategies as st

from common.core.codec import partition_of
from common.testing.chain import COUNTER, READER
from common.testing.raw_records import CODECS, Loose, batch_of

from .world import KEYS, World, until

pytestmark = pytest.mark.stack

CASES = int(os.environ.get("ARBITRARY_CASES", "300"))
PLACES = sorted({partition_of(key) for key in KEYS})
DEEP = b"[" * 20_000 + b"]" * 20_000
"""40 kB that are legal JSON and that no reader of JSON takes."""

NAMES = [b"ce_id", b"ce_type", b"ce_time", b"ce_correlationid", b"ce_region", b"traceparent", b"content-type"]
TYPES = [b"fr.croissanceconnectee.counter.Counted", b"fr.croissanceconnectee.counter.Unknown", b"Counted"]
NUMBERS = [b"1", b"0", b"00", b"-1", b"1" * 5_000, b"9" * 18, b"9" * 19, b"1e3", "\u0663".encode()]
"""Of numbers that can be, those applied already and those far ahead: the next ones are the counter's to give."""

UUIDS = st.uuids().map(lambda each: str(each).encode())
TIMES = st.sampled_from([b"2026-01-05T12:00:00Z", b"9999-12-31T23:59:59.999999Z", b"2026-01-05", b"0001-01-01T00:00Z"])
VALUES = st.one_of(
    st.none(),
    st.binary(max_size=300),
    st.sampled_from([b'{"key": "k1", "n": 1}', b'{"key": "\\ud83d", "n": 1}', b'{"key": "\\u0000", "n": 1}', DEEP]),
    st.integers(0, 700_000).map(lambda size: b'{"key": "%b", "n": 1}' % (b"x" * size)),
)
KEYS_OF_ALL = st.one_of(
    st.none(),
    st.binary(max_size=60),
    st.sampled_from([key.encode() for key in KEYS]),
    st.sampled_from([999, 1_000, 1_001, 2_700, 2_713, 8_192, 100_000]).map(lambda size: b"k" * size),
)
KNOWN = st.tuples(
    st.sampled_from(NAMES), st.none() | st.binary(max_size=80) | UUIDS | TIMES | st.sampled_from([*TYPES, DEEP])
)
NUMBERED = st.tuples(st.just(b"ce_sequence"), st.none() | st.sampled_from(NUMBERS))
ANY = st.tuples(st.binary(max_size=80), st.none() | st.binary(max_size=80))
WHOLE = st.tuples(st.sampled_from(NUMBERS), UUIDS, st.sampled_from(TYPES), TIMES).map(
    lambda parts: list(zip([b"ce_sequence", b"ce_id", b"ce_type", b"ce_time"], parts, strict=True))
)
HEADERS = st.lists(KNOWN | NUMBERED | ANY, max_size=8) | st.tuples(
    WHOLE, st.lists(KNOWN | NUMBERED | ANY, max_size=3)
).map(lambda parts: [*parts[0], *parts[1]])
RECORDS = st.lists(st.tuples(KEYS_OF_ALL, VALUES, HEADERS), min_size=1, max_size=3)


def arbitrary_batches() -> list[tuple[int, bytes]]:
    """As many batches as there are cases, each with its partition."""
    found: list[tuple[int, bytes]] = []

    @settings(max_examples=CASES, database=None)
    @given(st.sampled_from(PLACES), RECORDS, st.sampled_from(sorted(CODECS)))
    def draw(partition: int, records: list[Loose], codec: int) -> None:
        data = batch_of(records, codec)
        if len(data) < 1_000_000:  # a broker takes no more
            found.append((partition, data))

    draw()
    return found


async def test_arbitrary_records_end_no_process_and_harm_no_neighbour(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    batches = arbitrary_batches()
    reader = world.pools["reader"]
    async with world.process(COUNTER, "counter-1"), world.process(READER, "reader-1"):
        await world.count(2)
        await until(world.caught_up)
        for first in range(0, len(batches), 20):
            await world.write_batches(batches[first : first + 20])
            await world.count(1)
        await until(world.caught_up, 300)
        await world.count(1)
        await until(world.caught_up)
        await until(world.all_dealt_with)

    await world.assert_exactly_once()
    letters = await reader.fetch("select sequence, reason from dead_letters")
    assert {letter["sequence"] for letter in letters} == {None}
    assert await reader.fetchval("select count(*) from parked") == 0
    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(batches)} arbitrary batches: {len(letters)} dead letters, 0 processes ended, 0 keys harmed\n"
        )


@pytest.mark.parametrize("codec", sorted(CODECS))
async def test_a_header_name_that_is_not_text_holds_nothing(world: World, codec: int) -> None:
    key = KEYS[0].encode()
    bad = (key, b"{}", [(b"\xff\xfe", b"x")])
    async with world.process(COUNTER, "counter-1"), world.process(READER, "reader-1"):
        await world.write_batches([(partition, batch_of([bad, bad], codec)) for partition in PLACES])
        await world.count(2)
        await until(world.caught_up)
        await until(world.all_dealt_with)

    await world.assert_exactly_once()
    assert await world.pools["reader"].fetchval("select count(*) from dead_letters") == 2 * len(PLACES)


async def test_what_no_event_may_be_is_set_aside_with_its_number(world: World) -> None:
    """The fault of a producer: the next numbers of a partition, with what no service can read or keep."""
    partition, reader = PLACES[0], world.pools["reader"]
    head = [
        (b"ce_type", TYPES[0]),
        (b"ce_id", b"6b0f3f4e-3f5b-4c5e-8f43-0f2f3a1d9a11"),
        (b"ce_time", b"2026-01-05T12:00:00Z"),
    ]
    broken: list[Loose] = [
        (b"deep", b'{"key": "deep", "n": %b}' % DEEP, head),
        (b"k" * 2_714, b'{"key": "k", "n": 1}', head),
        (b"k" * 100_000, b'{"key": "k", "n": 1}', head),
        (b"time", b'{"key": "k", "n": 1}', [*head[:2], (b"ce_time", b"2" * 500_000)]),
        (b"nul\0", b'{"key": "k", "n": 1}', head),
    ]
    numbered = [(key, value, [(b"ce_sequence", b"%d" % n), *told]) for n, (key, value, told) in enumerate(broken, 1)]
    after = (b"after", b'{"key": "after", "n": 7}', [(b"ce_sequence", b"6"), *head])
    async with world.process(READER, "reader-1"):
        await world.write_batches([(partition, batch_of([each])) for each in [*numbered, after]])
        await until(partial(_seen, world, "after", (7,)))
        await until(world.all_dealt_with)

    letters = await reader.fetch("select sequence, length(reason) as size from dead_letters order by sequence")
    assert [letter["sequence"] for letter in letters] == [1, 2, 3, 4, 5]
    assert all(letter["size"] <= 1_000 for letter in letters)


async def _seen(world: World, key: str, wanted: tuple[int, ...]) -> bool:
    return await world.seen(key) == wanted


async def test_the_records_of_an_aborted_transaction_are_not_read_and_its_end_is_no_work_that_waits(
    world: World,
) -> None:
    partition = PLACES[0]
    producer: Any = AIOKafkaProducer(bootstrap_servers=world.bootstrap, transactional_id=world.namespace)
    async with world.process(COUNTER, "counter-1"), world.process(READER, "reader-1"), producer:
        await world.count(1)
        await until(world.caught_up)
        await producer.begin_transaction()
        await producer.send_and_wait(world.counter.topic, b"?", b"k", partition)
        await producer.abort_transaction()
        await until(world.all_dealt_with)
        await world.count(1)
        await until(world.caught_up)
        async with producer.transaction():
            await producer.send_and_wait(world.counter.topic, b"?", b"k", partition)
        await until(world.all_dealt_with)

    await world.assert_exactly_once()
    assert await world.pools["reader"].fetchval("select count(*) from dead_letters") == 1  # the one that was committed


async def test_records_deleted_before_they_were_read_are_no_work_that_waits(world: World) -> None:
    place = TopicPartition(world.counter.topic, PLACES[0])
    await world.write_batches([(place.partition, batch_of([(b"k", b"?", [])])) for _ in range(3)])
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=world.bootstrap)
    async with world.process(READER, "reader-1"):
        await until(world.all_dealt_with)
    await world.write_batches([(place.partition, batch_of([(b"k", b"?", [])])) for _ in range(2)])
    await admin.start()
    await admin.delete_records({place: RecordsToDelete(before_offset=5)})
    await admin.close()
    async with world.process(READER, "reader-2"):
        await until(world.all_dealt_with)
