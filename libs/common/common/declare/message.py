"""What a service decides on: one decoded input with where it came from."""

from collections.abc import Sequence
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

import msgspec

Input_co = TypeVar("Input_co", covariant=True)


class Source(msgspec.Struct, frozen=True, gc=False):
    """The place of a record in the log; its sequence is the producer's gapless `ce_sequence`."""

    topic: str
    partition: int
    offset: int
    sequence: int


class Message(msgspec.Struct, Generic[Input_co], frozen=True, gc=False):
    """One input of a service: a consumed event, a command or a deadline that fell due.

    Attributes:
        input: the decoded input, one of the dataclasses the service declares.
        key: the entity it is about (a SIREN, or the entity's id); selects the state.
        partition: partition number of the key, the same in every topic.
        id: id of the event or command; ids of what follows derive from it.
        time: when it happened, aware UTC. Rules use this as "now", never the wall clock.
        correlation: id of the event or command that started the chain.
        region: INSEE code of the region, or "" when unknown.
        traceparent: W3C trace context, or "".
        source: place in the log; None for a command or a deadline.
    """

    input: Input_co
    key: str
    partition: int
    id: UUID
    time: datetime
    correlation: UUID
    region: str = ""
    traceparent: str = ""
    source: Source | None = None


_SAMPLED = "-01"
"""End of a W3C traceparent whose chain is sampled."""


def sampled(messages: Sequence[Message[object]]) -> list[Message[object]]:
    """The messages of sampled chains."""
    return [message for message in messages if message.traceparent.endswith(_SAMPLED)]
