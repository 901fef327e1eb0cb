"""Commands: what people and partners ask over HTTP, carried out in the same unit of work as events."""

from hashlib import sha256
from typing import Final, NamedTuple
from uuid import UUID

from common.core import clock
from common.core.codec import partition_of
from common.declare.event import uuid5_bytes
from common.declare.inputs import Command
from common.declare.message import Message


class Ask(NamedTuple):
    """One command, addressed to one key.

    Attributes:
        input: what is asked.
        key: the entity it is about: a SIREN, or the entity's id.
        region: INSEE code of the region, or "" when unknown.
    """

    input: Command
    key: str
    region: str = ""


_NAMESPACE: Final = UUID("6f6e2f0e-5d6e-5c0b-9a3b-0f1d7f4b6a11").bytes


def to_message(ask: Ask, index: int, idempotency_key: str, traceparent: str) -> Message[Command]:
    """The message of a command. With an idempotency key its id derives from it, else it is a new UUIDv7."""
    if idempotency_key:
        event_id = UUID(bytes=uuid5_bytes(_NAMESPACE, f"{idempotency_key}/{index}".encode()))
    else:
        event_id = clock.new_id()
    partition = partition_of(ask.key)
    now = clock.now()
    return Message(ask.input, ask.key, partition, event_id, now, event_id, ask.region, traceparent)


def body_hash(method: str, path: str, body: bytes) -> bytes:
    """What must be the same for two requests to be the same: method, path and body."""
    return sha256(b"\0".join((method.encode(), path.encode(), body))).digest()
