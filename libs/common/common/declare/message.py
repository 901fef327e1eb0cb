"""What a service decides on: one decoded input with where it came from."""

import re
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec
from msgspec.structs import replace

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


_ODD: Final = frozenset("13579bdf")
"""Last hexadecimal digits of flags whose lowest bit is set: the chain is sampled, whatever the other bits say."""

_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def sampled(messages: Sequence[Message[Any]]) -> list[Message[Any]]:
    """The messages of sampled chains (https://www.w3.org/TR/trace-context/#sampled-flag)."""
    return [message for message in messages if is_sampled(message)]


def is_sampled(message: Message[Any]) -> bool:
    """Whether the chain of a message is traced: what is no valid trace context is not."""
    return message.traceparent[54:55] in _ODD and _TRACEPARENT.fullmatch(message.traceparent) is not None


def trace_of(message: Message[Any]) -> str | None:
    """What is kept of a message so that later work goes on with its trace; None unless its chain is sampled."""
    return message.traceparent if is_sampled(message) else None


def span_id(what: str, of: UUID) -> bytes:
    """The eight bytes that name the span of what is done with `of`, by a service: the same each time it is done."""
    return sha256(f"{what}/{of}".encode()).digest()[:8]


def under(message: Message[Any], what: str, of: UUID) -> str:
    """The context, in the sampled chain of a message, of the span that `what` and `of` name: see `span_id`."""
    parent = message.traceparent
    return f"{parent[:36]}{span_id(what, of).hex()}{parent[52:]}"


def entered(message: Message[Any], service: str) -> Message[Any]:
    """A message of a sampled chain as the rules of `service` see it: what follows from it hangs under its own span."""
    return replace(message, traceparent=under(message, service, message.id))


def all_entered(messages: Sequence[Message[Any]], service: str) -> list[Message[Any]]:
    """Messages as the rules of `service` see them: see `entered`."""
    return [entered(message, service) if is_sampled(message) else message for message in messages]
