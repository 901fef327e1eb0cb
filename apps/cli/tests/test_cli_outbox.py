"""`croissance outbox` on a toy service's real outbox: what is decided and published, and sending a range again."""

import json
from datetime import timedelta
from typing import Any

import pytest

from common.core.codec import partition_of
from common.core.commands import Ask, to_message
from common.core.inbox import TopicPartition
from common.core.requests import apply_commands
from common.postgres.outbox import PostgresOutbox
from common.testing.chain import COUNTER, Count
from croissance import querying
from croissance.outbox import process_of

from .conftest import Croissance, Toy

pytestmark = pytest.mark.stack

EVENTS = 4


@pytest.fixture
async def counter(open_toy: Any) -> Toy:
    """Four events decided, none published."""
    toy: Toy = await open_toy(COUNTER)
    for index in range(EVENTS):
        await apply_commands(toy.codec, toy.begin, [to_message(Ask(Count(), "k"), index, "", "")])
    return toy


def place(toy: Toy) -> TopicPartition:
    return TopicPartition(toy.codec.topic, partition_of("k"))


async def publish(toy: Toy) -> None:
    """As the relay does after the broker's acknowledgement."""
    outbox = PostgresOutbox(toy.pool)
    claimed = await outbox.claim("counter-1-77-00000000-0000-0000-0000-000000000000", timedelta(minutes=5))
    assert claimed[place(toy)] == 0
    await outbox.advance({place(toy): (0, EVENTS)})


async def published(toy: Toy) -> int:
    statement = "select published from outbox_published where topic = $1 and partition = $2"
    return await toy.pool.fetchval(statement, *place(toy))


async def test_status_tells_what_waits_and_who_publishes(counter: Toy, croissance: Croissance) -> None:
    lines = {line["topic"]: line for line in json.loads((await croissance("outbox", "status", "--json")).stdout)}
    waiting = lines[counter.codec.topic]
    assert (waiting["service"], waiting["head"], waiting["published"], waiting["waiting"]) == ("counter", 4, 0, 4)
    assert waiting["owners"] == []
    assert waiting["oldest"]

    await publish(counter)

    lines = {line["topic"]: line for line in json.loads((await croissance("outbox", "status", "--json")).stdout)}
    done = lines[counter.codec.topic]
    assert (done["published"], done["waiting"], done["oldest"]) == (4, 0, None)
    assert [process_of(owner) for owner in done["owners"]] == ["counter-1-77"]
    shown = (await croissance("outbox", "status")).stdout
    assert counter.codec.topic in shown
    assert "counter-1-77" in shown


async def test_a_range_is_sent_again(counter: Toy, croissance: Croissance) -> None:
    await publish(counter)
    topic, partition = counter.codec.topic, str(partition_of("k"))
    command = ("outbox", "republish", topic, partition, "--from", "3")

    said = (await croissance(*command, "--dry-run")).stderr
    assert f"{topic}[{partition}]: 2 événements (essai) seraient renvoyés, du numéro 3 au numéro 4." in said
    assert await published(counter) == 4

    assert "2 événements sont renvoyés" in (await croissance(*command)).stderr
    assert await published(counter) == 2
    assert [batch.last for batch in await PostgresOutbox(counter.pool).read({place(counter): 2}, 9)] == [3, 4]


async def test_what_the_outbox_does_not_hold_cannot_be_sent_again(counter: Toy, croissance: Croissance) -> None:
    await publish(counter)
    topic, partition = counter.codec.topic, partition_of("k")
    empty = str((partition + 1) % 12)

    too_far = await croissance("outbox", "republish", topic, str(partition), "--from", "5", code=1)
    assert "elle garde les numéros 1 à 4" in too_far.stderr
    nothing = await croissance("outbox", "republish", topic, empty, "--from", "1", code=1)
    assert "elle ne garde rien" in nothing.stderr
    unknown = await croissance("outbox", "republish", "nobody.v1", "0", "--from", "1", code=1)
    assert "aucun service ne publie nobody.v1[0]" in unknown.stderr
    assert await published(counter) == 4


async def test_a_database_that_is_away_is_said(croissance: Croissance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROISSANCE_DATABASE__DSN", "postgresql://nobody@127.0.0.1:1/nowhere")
    assert "base injoignable" in (await croissance("outbox", "status", code=1)).stderr


async def test_a_database_that_stays_away_is_waited_for_no_longer_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(querying, "PATIENCE", 0.3)
    with pytest.raises(OSError, match="Connect"):
        await querying.connect("postgresql://nobody@127.0.0.1:1/nowhere")
