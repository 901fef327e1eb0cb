"""Locks in memory, as a session of PostgreSQL holds them, deadlocks included."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from common.core.inbox import TopicPartition
from common.declare.errors import Conflict, Transient
from common.declare.pool import Ref
from common.testing.memory_database import Lock, MemoryDatabase


@dataclass(slots=True, eq=False, kw_only=True)
class MemorySession:
    """One open session: the rows it has locked, the one it waits for, and whether the server has ended it."""

    database: MemoryDatabase
    dead: bool = False
    waits_for: Lock | None = None

    async def step(self) -> None:
        """A point where others may run, and where a lost session is noticed."""
        await asyncio.sleep(0)
        if self.dead:
            raise Transient("the session was ended by the server")

    async def lock(self, table: str, partitions: Sequence[TopicPartition] | Sequence[Ref]) -> None:
        """Lock rows, one after the other."""
        for where in partitions:
            await self.step()
            while self.database.locks.get((table, where), self) is not self:
                self.waits_for = (table, where)
                if self._in_deadlock():
                    raise Conflict("deadlock detected")
                await self.step()
            self.waits_for = None
            self.database.locks[table, where] = self

    def _in_deadlock(self) -> bool:
        """Whether who holds what this transaction waits for waits, in the end, for this one: PostgreSQL ends one."""
        holder: MemorySession = self
        seen = set[int]()
        while holder.waits_for is not None and id(holder) not in seen:
            seen.add(id(holder))
            found = self.database.locks.get(holder.waits_for)
            if not isinstance(found, MemorySession):
                return False
            holder = found
        return holder is self

    def free(self, table: str, name: str | None) -> bool:
        """No other transaction holds this row."""
        return self.database.locks.get((table, TopicPartition(name or "", 0)), self) is self

    def end(self) -> None:
        """Release the locks."""
        for lock in [lock for lock, holder in self.database.locks.items() if holder is self]:
            del self.database.locks[lock]
        if self in self.database.sessions:
            self.database.sessions.remove(self)
