"""What becomes of requests that share a transaction when it fails as a whole."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from common.core.codec import Codec
from common.core.commands import Ask, to_message
from common.core.grouping import GroupCommit
from common.core.requests import Request
from common.declare.errors import Transient
from common.testing.chain import COUNTER, Count


def render(_: Sequence[object]) -> tuple[int, bytes]:
    return 201, b"{}"


def ask(key: str = "k") -> Request:
    return Request([to_message(Ask(Count(), key), 0, "", "")], render)


class Door:
    """Transactions that fail, once they are let."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.let = asyncio.Event()

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[Any]:
        await self.let.wait()
        raise self.error
        yield


async def test_a_transaction_that_fails_tells_each_of_its_requests() -> None:
    door = Door(Transient("away"))
    commits = GroupCommit(Codec(COUNTER), door.begin)
    asked = [asyncio.create_task(commits.hand_in(ask(key))) for key in "abcde"]
    await asyncio.sleep(0)
    asked[-1].cancel()  # who went away is not told
    door.let.set()

    told = await asyncio.gather(*asked, return_exceptions=True)

    assert [type(error) for error in told] == [Transient] * 4 + [asyncio.CancelledError]
    await asyncio.gather(*commits.lanes)


async def test_a_lane_that_is_cancelled_leaves_no_caller_waiting() -> None:
    door = Door(Transient("never"))
    commits = GroupCommit(Codec(COUNTER), door.begin)
    asked = asyncio.create_task(commits.hand_in(ask()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    (lane,) = commits.lanes
    lane.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asked
    with pytest.raises(asyncio.CancelledError):
        await lane
