"""The broker loses a partition’s log: it is reported, `croissance outbox republish` heals it, the audit is clean."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from chaos.faults import kill_worker
from chaos.load import Load, load
from chaos.schedule import Fault, Kind
from chaos.system import System, system
from embedded.progress import quiet

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]
TOPIC = "croissance.diagnostic.v1"


class World(NamedTuple):
    """A system with some companies in it."""

    system: System
    load: Load


class Standing(NamedTuple):
    """Where a partition of the topic stands: last number published, and each reader's last number and next offset."""

    published: int
    matching: int
    matching_offset: int
    notifications: int
    notifications_offset: int


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with system(tmp_path, quiet, doubled=()) as made, load(made, 1) as flowing:
        for _ in range(6):
            await flowing.one_batch()
        await flowing.flow.caught_up()
        yield World(made, flowing)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 90) -> None:
    """Wait for something the system does by itself; fails when it does not."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  nobody here can signal it
            await asyncio.sleep(0.1)


async def standing(world: World, partition: int) -> Standing:
    async with world.system.connection() as connection:
        return Standing(*await connection.fetchrow(STANDING, TOPIC, partition))


STANDING = """select p.published, m.sequence, m.next_offset, n.sequence, n.next_offset
    from diagnostic.outbox_published p
    join matching.positions m using (topic, partition) join notifications.positions n using (topic, partition)
    where topic = $1 and partition = $2"""


async def problems(world: World, service: str) -> list[str]:
    """What `croissance status` says of the processes of a service."""
    state: dict[str, Any] = json.loads(await world.system.croissance("status", "--json"))
    return [problem for each in state["services"][service]["instances"] for problem in each["problems"]]


async def lose_log(world: World, partition: int) -> None:
    """Stop the broker, delete the log, start the broker."""
    spec = world.system.base.children["kafka"].spec
    await world.system.base.stop_child("kafka")
    shutil.rmtree(world.system.data / "kafka" / "data" / f"{TOPIC}-{partition}")
    await world.system.base.start(spec)


async def assert_whole(world: World) -> None:
    """Every process is ready, everything is applied once, the audit is clean."""
    await until(world.system.all_ready)
    await world.load.one_batch()
    await world.load.flow.caught_up()
    audit = json.loads(await world.system.croissance("audit", "--json", "--wait", "60", codes=(0, 1)))
    assert audit["ok"], audit
    assert [line for line in audit["notes"] if TOPIC in line], "the audit says that the beginning is not verified"


async def test_a_lost_log_is_reported_sent_again_and_harms_nobody(world: World) -> None:
    readers, partition, before = ("matching", "notifications"), 3, await standing(world, 3)
    assert before.published > 5

    # both readers miss what comes next, and the log is lost with it
    with world.system.broker.cut("matching"), world.system.broker.cut("notifications"):
        await publish_more(world, partition)
        await lose_log(world, partition)
    for service in readers:
        await complaint(world, service, f"records lost: {TOPIC}/{partition} ends at offset 0")

    # newer events come: the numbers between are missing, and nothing after them is applied
    await publish_more(world, partition)
    for service in readers:
        await complaint(world, service, f"sequence gap: {TOPIC}/{partition} waits for {before.matching + 1}")
    assert (await standing(world, partition)).matching == before.matching

    # sent again; meanwhile one reader is away, and when it comes back the log is longer than the offset it knew
    with world.system.broker.cut("notifications"):
        await kill_worker(world.system, Fault(Kind.KILL_WORKER, "notifications", 0, 0))
        await world.system.croissance("outbox", "republish", TOPIC, str(partition), "--from", str(before.matching + 1))
        await until(lambda: caught_up(world, partition))
        while (await standing(world, partition)).matching_offset <= before.notifications_offset + 1:
            await publish_more(world, partition)
            await until(lambda: caught_up(world, partition))
    await assert_whole(world)

    # what the processes know after a restart is right too
    await world.system.croissance("down")
    await world.system.croissance("up", "--detach")
    await assert_whole(world)


async def complaint(world: World, service: str, text: str) -> None:
    """Wait until `croissance status` says this of a service."""

    async def said() -> bool:
        return any(problem.startswith(text) for problem in await problems(world, service))

    await until(said)


async def publish_more(world: World, partition: int) -> None:
    """Let companies come until the partition has published more."""
    before = await standing(world, partition)
    while (await standing(world, partition)).published == before.published:
        await world.load.one_batch()


async def caught_up(world: World, partition: int) -> bool:
    now = await standing(world, partition)
    return now.matching == now.published
