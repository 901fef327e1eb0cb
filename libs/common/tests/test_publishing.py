"""What a broker refuses of one partition is told with the setting it speaks of, and harms no other."""

import time
from struct import Struct
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from common.core.inbox import TopicPartition
from common.core.outbox import Batch
from common.core.record_batch import Entry, seal
from common.core.relay import Refused
from common.kafka.client import KafkaSettings
from common.kafka.publishing import publisher_opener

pytestmark = pytest.mark.stack

HOUR_MS = "3600000"
ANY_MS = "9223372036854775807"
TIMES = Struct(">qq")


@pytest.fixture
async def settings(bootstrap: str) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=bootstrap)


async def topic(settings: KafkaSettings, **configs: str) -> str:
    """A topic of one partition with these limits."""
    name = f"p{uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    await admin.start()
    limits = {key.replace("_", "."): value for key, value in configs.items()}
    await admin.create_topics([NewTopic(name, 1, 1, topic_configs=limits)])
    await admin.close()
    return name


def batch(name: str, data: bytes | None = None) -> Batch:
    return Batch(name, 0, 1, 1, data or seal([Entry(b"k", b"v", [])]))


async def test_what_waited_for_years_is_published_where_the_cluster_takes_only_what_is_new(
    settings: KafkaSettings,
) -> None:
    name = await topic(settings, message_timestamp_before_max_ms=HOUR_MS)
    old = bytearray(seal([Entry(b"k", b"v", [])]))
    TIMES.pack_into(old, 27, 1_500_000_000_000, 1_500_000_000_000)

    async with publisher_opener(settings, "test")() as publisher:
        await publisher.publish([batch(name, bytes(old))])


async def test_a_clock_ahead_is_named_with_the_setting_and_the_others_go_on(
    settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = await topic(settings, message_timestamp_after_max_ms=HOUR_MS)
    mild = await topic(settings, message_timestamp_after_max_ms=ANY_MS)
    honest = time.time

    with monkeypatch.context() as wrong:
        wrong.setattr(time, "time", lambda: honest() + 7200)
        async with publisher_opener(settings, "test")() as publisher:
            with pytest.raises(Refused) as refused:
                await publisher.publish([batch(strict), batch(mild)])
    assert refused.value.reasons.keys() == {TopicPartition(strict, 0)}
    assert "message.timestamp.after.max.ms" in str(refused.value)

    async with publisher_opener(settings, "test")() as publisher:
        await publisher.publish([batch(strict), batch(mild)])


async def test_what_is_too_large_for_its_topic_harms_no_other(settings: KafkaSettings) -> None:
    small, other = await topic(settings, max_message_bytes="200"), await topic(settings)
    large = batch(small, seal([Entry(b"k", b"v" * 500, [])], "none"))

    async with publisher_opener(settings, "test")() as publisher:
        with pytest.raises(Refused, match=f"{small}/0: MessageSizeTooLargeError: max.message.bytes"):
            await publisher.publish([large, batch(other)])
