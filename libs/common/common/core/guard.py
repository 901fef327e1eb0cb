"""Whether a process may write: only on a database whose numbers were compared with those that Kafka carries.

A database that went back in time (a backup restored, a replica promoted that lacked commits) would give numbers that
are given already: every receiver drops what bears them, for ever and in silence. So nothing is written before the
comparison, and nothing after one that found the database behind, until `croissance recover` has moved its heads.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from common.core.inbox import TopicPartition
from common.declare.errors import Transient

NOT_COMPARED = "numbers are not compared with Kafka yet: nothing is written"
"""Why a process does not write before it has compared."""

SET_BACK = "the database was set back while this process ran: nothing is written before it is compared with Kafka"
"""Why a process does not write that has seen higher numbers than the database has."""

NAMED = 3
"""Partitions that a reason names; the others are counted."""


class Behind(NamedTuple):
    """A partition in which the database has given fewer numbers than Kafka carries."""

    head: int
    last: int


def behind(heads: Mapping[TopicPartition, int], lasts: Mapping[TopicPartition, int]) -> dict[TopicPartition, Behind]:
    """Where Kafka is ahead of the database.

    Args:
        heads: last number given of each output partition, read after `lasts`.
        lasts: highest number in Kafka of those that have any.
    """
    return {
        where: Behind(heads.get(where, 0), last) for where, last in sorted(lasts.items()) if last > heads.get(where, 0)
    }


def told(found: Mapping[TopicPartition, Behind]) -> str:
    """A database that is behind, in words: which topics, by how much, and what to do."""
    named = [
        f"{where.topic}/{where.partition} by {last - head} (given {head}, in Kafka {last})"
        for where, (head, last) in list(found.items())[:NAMED]
    ]
    more = [f"{len(found) - NAMED} partitions more"] if len(found) > NAMED else []
    return f"database behind Kafka: {', '.join(named + more)}: nothing is written until `croissance recover`"


@dataclass(slots=True)
class Guard:
    """Lets transactions through, or not.

    Attributes:
        reason: why nothing may be written, "" when it may.
        recovering: facts of Kafka that this database forgot wait to be decided again: what is published is looked up.
        server: which start of which database was compared; another one has to be compared anew.
        floor: highest head seen of each output partition: none may ever be lower.
        asked: wakes the loop that compares.
        opened: set while transactions go through.
    """

    reason: str = ""
    recovering: bool = False
    server: object = None
    floor: dict[TopicPartition, int] = field(default_factory=dict[TopicPartition, int])
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Open, unless a reason is given."""
        if not self.reason:
            self.opened.set()

    def check(self) -> None:
        """Let a transaction begin.

        Raises:
            Transient: nothing may be written now.
        """
        if self.reason:
            raise Transient(self.reason)

    def close(self, reason: str = NOT_COMPARED) -> None:
        """Let nothing through until the numbers are compared."""
        self.reason = reason
        self.opened.clear()
        self.asked.set()

    def note_server(self, server: object) -> None:
        """A connection was opened to this start of the database."""
        if self.server is None:
            self.server = server
        elif self.server != server:
            self.server = server
            self.close()

    def note_heads(self, heads: dict[TopicPartition, int]) -> dict[TopicPartition, int]:
        """The heads as locked by a transaction that is going to give numbers after them.

        Raises:
            Transient: one is lower than it was: the database was set back under this process.
        """
        for where, head in heads.items():
            if head < self.floor.get(where, 0):
                self.close(SET_BACK)
                self.check()
            self.floor[where] = head
        return heads

    def settle(
        self,
        server: object,
        heads: Mapping[TopicPartition, int],
        lasts: Mapping[TopicPartition, int],
        *,
        recovering: bool,
    ) -> dict[TopicPartition, Behind]:
        """Open or close after a comparison made on `server`; returns where the database is behind."""
        found = behind(heads, lasts)
        if found:
            self.close(told(found))
        elif server == self.server:
            self.recovering, self.floor, self.reason = recovering, dict(heads), ""
            self.opened.set()
        return found
