"""Long work in slices: the event loop, and with it probes, heartbeats and everybody else, gets its turn between two."""

import asyncio
from typing import Final

SLICE: Final = 0.02
"""Seconds of work in one go."""


class Pace:
    """Tells one piece of work when to stand aside."""

    __slots__ = ("_loop", "_until")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + SLICE

    async def rest(self) -> None:
        """Let the others pass if the slice is used up; costs nothing to speak of otherwise."""
        if self._loop.time() >= self._until:
            await asyncio.sleep(0)
            self._until = self._loop.time() + SLICE
