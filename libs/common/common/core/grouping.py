"""Group commit: requests that arrive while transactions are under way share the next one."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from common.core.codec import Codec
from common.core.deciding import Created, Failure
from common.core.requests import Carried, Request, apply_narrowed, apply_requests
from common.core.unit_of_work import Begin
from common.declare.errors import NOBODYS_FAULT

LANES = 2
"""Transactions at once: while a large batch is decided, small requests pass in the other lane."""

LARGEST = 500
"""Commands that one transaction takes at most, unless a single request brings more."""

Reply = tuple[int, bytes]


class _Waiting(NamedTuple):
    request: Request
    reply: "asyncio.Future[Reply]"


@dataclass(slots=True)
class GroupCommit:
    """Where requests are handed in.

    A request waits for nothing while a lane is free. Requests of one transaction are decided in the order of their
    arrival, each accepted or refused by itself; the reply comes after the commit.
    """

    codec: Codec
    begin: Begin
    waiting: deque[_Waiting] = field(default_factory=deque[_Waiting])
    lanes: "set[asyncio.Task[None]]" = field(default_factory=set["asyncio.Task[None]"])
    on_failure: Callable[[Failure], None] = lambda _: None
    on_commit: Callable[[int, Sequence[Created]], None] = lambda _, __: None

    async def hand_in(self, request: Request) -> Reply:
        """Carry out a request; returns status and body.

        Raises:
            Transient: nothing was written; try again.
            Unstorable: nothing was written: the database refuses a value.
            Exception: nothing was written; what a rule, the storage or the rendering of the answer raised.
        """
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.waiting.append(_Waiting(request, reply))
        if len(self.lanes) < LANES:
            lane = asyncio.create_task(self._serve())
            self.lanes.add(lane)
            lane.add_done_callback(self.lanes.discard)
        return await reply

    async def _serve(self) -> None:
        """Take what waits, group by group, until nothing does."""
        while self.waiting:
            group = [self.waiting.popleft()]
            size = len(group[0].request.messages)
            while self.waiting and size + len(self.waiting[0].request.messages) <= LARGEST:
                group.append(self.waiting.popleft())
                size += len(group[-1].request.messages)
            await self._carry_out(group)

    async def _carry_out(self, group: list[_Waiting]) -> None:
        """One transaction; whatever it fails of is narrowed down to its request, there to its command."""
        try:
            carried = await self._carried(group)
        except BaseException as error:
            _tell(group, error)
            if not isinstance(error, Exception):
                raise
            return
        if carried is None:
            for each in group:
                await self._carry_out([each])
            return
        for failure in carried.failures:
            self.on_failure(failure)
        self.on_commit(carried.follow_ups, carried.created)
        for each, reply in zip(group, carried.replies, strict=True):
            if not each.reply.done():
                each.reply.set_result(reply)

    async def _carried(self, group: list[_Waiting]) -> Carried | None:
        """What became of a group; None: it fails as a whole, each must be taken alone."""
        requests = [each.request for each in group]
        try:
            return await apply_requests(self.codec, self.begin, requests)
        except NOBODYS_FAULT:
            raise
        except Exception:
            if len(group) > 1:
                return None
            narrowed = await apply_narrowed(self.codec, self.begin, requests[0])
            if narrowed is None:
                raise
            return narrowed


def _tell(group: list[_Waiting], error: BaseException) -> None:
    for each in group:
        if not each.reply.done():
            each.reply.set_exception(error)
