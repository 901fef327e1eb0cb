"""Topics that are deleted, made anew or given more partitions under two services on the real broker and database."""

import json
import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE
from functools import partial
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from common.core.inbox import TopicPartition, sequence_of
from common.kafka.client import raised
from common.kafka.tail import extents, read_spans, reading
from common.kafka.topics import topics_of
from common.process.provision import provision
from common.testing.apps import app_of
from common.testing.chain import COUNTER, READER

from .world import KEYS, World, until

pytestmark = pytest.mark.stack


async def delete_topic(world: World) -> None:
    """The counter's topic is gone, as an operator's mistake or a lost disk leaves it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=world.bootstrap)
    await admin.start()
    before = (await topics_of(admin, [world.counter.topic]))[world.counter.topic].id

    async def is_gone() -> bool:
        found = await topics_of(admin, [world.counter.topic])
        return world.counter.topic not in found or found[world.counter.topic].id != before

    await admin.delete_topics([world.counter.topic])
    await until(is_gone)
    await admin.close()


async def test_a_topic_made_anew_while_its_reader_was_away_is_read_from_its_beginning(world: World) -> None:
    async with world.process(COUNTER, "counter-1"), world.process(READER, "reader-1"):
        await world.count(3)
        await until(world.caught_up)
    await delete_topic(world)
    await provision([app_of(COUNTER), app_of(READER)], world.settings("setup"))
    async with world.process(COUNTER, "counter-2"):
        await world.count(3)  # the new log ends where the position stands in the old one
        await until(lambda: log_is(world, 3 * len(KEYS)))
        async with world.process(READER, "reader-2"):
            await until(world.caught_up)
    await world.assert_exactly_once()


async def test_a_missing_topic_is_made_again_and_what_it_lacks_is_sent_by_one_command(world: World) -> None:
    async with world.process(COUNTER, "counter-1"), world.process(READER, "reader-1"):
        await world.count(2)
        await until(world.caught_up)
        await delete_topic(world)
        await world.count(2)
        await until(world.caught_up, 120)
        assert not await whole(world), "the beginning is lost"

        said = await republish_missing(world, "--dry-run")
        assert "(essai) seraient renvoyés" in said
        assert not await whole(world), "a trial sends nothing"
        await republish_missing(world)
        await until(lambda: whole(world))
        await world.count(1)
        await until(world.caught_up)
    assert "Rien ne manque" in await republish_missing(world, "--dry-run")
    await world.assert_exactly_once()
    given = await world.pools["counter"].fetchval("select sum(sequence)::bigint from outbox_heads")
    assert given >= 5 * len(KEYS)
    audit = json.loads(await croissance(world, "audit", "--json"))
    assert (audit["ok"], audit["checked"]["events"], audit["notes"]) == (True, given, []), audit


async def croissance(world: World, *arguments: str) -> str:
    """What a command says."""
    where = ("--bootstrap", world.bootstrap, "--dsn", world.dsn, "--namespace", world.namespace)
    process = await create_subprocess_exec(
        sys.executable, "-m", "croissance", *arguments, *where, stdout=PIPE, stderr=PIPE
    )
    output, errors = await process.communicate()
    assert process.returncode in (0, 1), errors.decode()
    return output.decode() if "--json" in arguments else (output + errors).decode()


async def republish_missing(world: World, *options: str) -> str:
    return await croissance(world, "outbox", "republish", "--missing", *options)


async def log_of(world: World) -> dict[int, list[int]]:
    """Partition → the numbers in the counter's log, in their order there."""
    there: dict[int, list[int]] = {number: [] for number in range(12)}

    def note(where: TopicPartition, record: Any) -> bool:
        there[where.partition].append(sequence_of(record) or 0)
        return False

    async with reading(world.settings("look").kafka, "log-of") as consumer:
        places = [TopicPartition(world.counter.topic, number) for number in there]
        await read_spans(consumer, await extents(consumer, places), note)
    return there


async def log_length(world: World) -> int:
    """Records in the counter's log."""
    return sum(map(len, (await log_of(world)).values()))


async def log_is(world: World, length: int) -> bool:
    return await log_length(world) >= length


async def whole(world: World) -> bool:
    """Whether every number of every partition is in the log."""
    rows = await world.pools["counter"].fetch(
        "select partition, sequence from outbox_heads where topic = $1", world.counter.topic
    )
    log = await log_of(world)
    return all(set(log[row["partition"]]) == set(range(1, row["sequence"] + 1)) for row in rows)


async def test_partitions_raised_by_an_operator_stop_nobody(world: World) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=world.bootstrap)
    await admin.start()
    await admin.create_partitions({world.counter.topic: NewPartitions(14)})
    await until(lambda: has_partitions(admin, world.counter.topic, 14))
    assert "14 partitions" in raised(world.counter.topic, 14)
    assert raised(world.counter.topic, 12) == ""
    await provision([app_of(COUNTER), app_of(READER)], world.settings("setup"))
    async with world.process(COUNTER, "counter-1"), world.process(READER, "reader-1"):
        await world.count(2)
        await world.write(13, b"k", b"{}", [])
        await until(world.caught_up)
        await until(partial(one_letter, world))
    await admin.close()
    await world.assert_exactly_once()


async def has_partitions(admin: Any, topic: str, wanted: int) -> bool:
    return (await topics_of(admin, [topic]))[topic].partitions == wanted


async def one_letter(world: World) -> bool:
    return await world.pools["reader"].fetchval("select count(*) from dead_letters") == 1
