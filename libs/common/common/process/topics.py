"""Looking after topics: a missing one is named at once and made again where we may; one made anew is read anew."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from common.core.inbox import TopicPartition
from common.declare.errors import Misconfigured
from common.kafka.client import client_options, declare_topics, raised
from common.kafka.topics import Topic, topics_of
from common.postgres.positions import belong, offsets
from common.process.context import Context

LOOK_EVERY: Final = 5.0
"""Seconds between two looks: one small request to the broker."""


class Reading(Protocol):
    """The consumer of a process, as far as topics concern it."""

    @property
    def assigned(self) -> frozenset[TopicPartition]: ...  # noqa: D102

    async def seek(self, partitions: frozenset[TopicPartition], *, from_start: bool = False) -> None:
        """Read on where the database says."""
        ...


async def where_to_read(
    context: Context, consumer: Any, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, int]:
    """Where PostgreSQL says these partitions are to be read on from: the beginning, if their log is another one."""
    known: dict[str, Topic] = {}
    if consumer is not None:
        with suppress(KafkaError):  # told by the look at the topics, a moment later
            known = await topics_of(consumer, {where.topic for where in partitions})
    anew = await belong(context.pool, partitions, {name: topic.id for name, topic in known.items()})
    for where in anew:
        context.log.warning("another log: read from its beginning", partition=f"{where.topic}/{where.partition}")
    return await offsets(context.pool, partitions)


async def look_after_topics(context: Context, reading: Any) -> None:
    """Look until cancelled; `reading()` is the consumer of the process, or None."""
    codec, settings = context.codec, context.settings.kafka
    wanted = sorted({*codec.owned_topics, *codec.topics})
    admin = AIOKafkaAdminClient(**client_options(settings), client_id=f"{codec.group}-topics")
    seen: dict[str, Topic] = {}
    try:
        await admin.start()
        while True:
            known = await topics_of(admin, wanted)
            missing = {topic: "" for topic in wanted if topic not in known}
            for topic in sorted(missing.keys() & set(codec.owned_topics)):
                missing[topic] = await _make_again(context, topic)
            context.progress.missing_topics = missing
            for topic, now in known.items():
                if topic not in seen and (told := raised(topic, now.partitions)):
                    context.log.warning("partitions raised", topic=topic, reason=told)
            await _read_anew(context, reading(), seen, known)
            seen |= known
            await asyncio.sleep(LOOK_EVERY)
    finally:
        await admin.close()


async def _make_again(context: Context, topic: str) -> str:
    """Make a topic of ours; returns why that cannot be, or ""."""
    try:
        await declare_topics(context.settings.kafka, [topic])
    except (Misconfigured, KafkaError) as error:
        return str(error) or type(error).__name__
    context.log.warning("topic made again: croissance outbox republish --missing sends what it lacks", topic=topic)
    return ""


async def _read_anew(
    context: Context, reading: Reading | None, seen: Mapping[str, Topic], known: Mapping[str, Topic]
) -> None:
    """Read the topics from their beginning that have another log than a moment ago."""
    anew = {topic for topic, now in known.items() if topic in seen and seen[topic].id != now.id}
    if reading is not None and (places := frozenset(where for where in reading.assigned if where.topic in anew)):
        context.log.warning("topic made anew: read from its beginning, by number", topics=sorted(anew))
        await reading.seek(places)
