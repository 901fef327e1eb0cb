"""Scaling one service under load: its partitions spread over the processes and come back, and nothing is lost."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocol

from chaos.load import Load, load
from chaos.system import System, system
from embedded.progress import quiet

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]


@pytest.fixture
async def under_test(tmp_path: Path) -> AsyncIterator[System]:
    async with system(tmp_path, quiet, doubled=()) as made:
        yield made


async def shares(under_test: System, group: str) -> list[int]:
    """How many partitions each member of a consumer group has."""
    admin = AIOKafkaAdminClient(bootstrap_servers=under_test.bootstrap)
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups([group])
    finally:
        await admin.close()
    _, _, state, _, _, members, *_ = answer.groups[0]
    if state != "Stable":
        return []
    assigned = [ConsumerProtocol.ASSIGNMENT.decode(member[-1]) for member in members]
    return sorted(len(numbers) for each in assigned for _, numbers in each.assignment)


async def until_shared(under_test: System, group: str, wanted: list[int]) -> None:
    """Wait for a distribution of partitions."""
    async with asyncio.timeout(90):
        while await shares(under_test, group) != wanted:  # noqa: ASYNC110  the broker tells nobody
            await asyncio.sleep(0.2)


async def applied(flowing: Load) -> int:
    """Events that matching has applied, after everything that was decided by now."""
    await flowing.one_batch()
    await flowing.flow.caught_up()
    return sum(number for (consumer, _, _), number in flowing.flow.look.applied.items() if consumer == "matching")


async def test_matching_grows_to_three_processes_and_shrinks_to_one_without_loss(under_test: System) -> None:
    over = asyncio.Event()
    async with load(under_test, 1) as flowing, asyncio.TaskGroup() as group:
        group.create_task(flowing.flow_steadily(over))
        await until_shared(under_test, "croissance.matching", [12])
        alone = await applied(flowing)
        await under_test.croissance("scale", "matching=3")
        await until_shared(under_test, "croissance.matching", [4, 4, 4])
        shared = await applied(flowing)
        await under_test.croissance("scale", "matching=1")
        await until_shared(under_test, "croissance.matching", [12])
        assert alone < shared < await applied(flowing)
        over.set()
    audit = json.loads(await under_test.croissance("audit", "--json", "--wait", "60", codes=(0, 1)))
    assert audit["ok"], audit
    assert flowing.campaign.tally.refused == []
