"""Commands: what people and partners ask over HTTP, carried out in the same unit of work as events."""

from hashlib import sha256
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

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
        traceparent: of the span that asks, where a loop of the service does in a sampled chain; of no request.
    """

    input: Command
    key: str
    region: str = ""
    traceparent: str = ""


class Identity(NamedTuple):
    """What makes a request the one it is: asked again it is the same one, asked of another door it is another one.

    Attributes:
        service: name of the service that is asked.
        method: HTTP method.
        path: of the door, decoded.
        key: the client's `Idempotency-Key`; not "".
        principal: who asks; "" as long as nobody has to say so.
    """

    service: str
    method: str
    path: str
    key: str
    principal: str = ""

    @property
    def name(self) -> str:
        """Text that no other identity has; the ids of what is asked derive from it."""
        return msgspec.json.encode(self).decode()

    @property
    def stored(self) -> str:
        """Under what the service keeps the answer: the key of its principal, whatever door it came to.

        So a key that serves again for something else is refused, and a key of one principal says nothing to another.
        A line break parts the two: no header holds one.
        """
        return f"{self.principal}\n{self.key}" if self.principal else self.key


_NAMESPACE: Final = UUID("6f6e2f0e-5d6e-5c0b-9a3b-0f1d7f4b6a11").bytes


def to_message(ask: Ask, index: int, identity: str, traceparent: str) -> Message[Command]:
    """The message of the `index`-th command of a request, whose `identity` (its name) is "" without a key.

    Guarantee: the same identity and index give the same id, so a request that is repeated leads to the same events; no
    two identities share one. Without an identity the id is a new UUIDv7.
    """
    derived = f"{identity}/{index}".encode()
    event_id = UUID(bytes=uuid5_bytes(_NAMESPACE, derived)) if identity else clock.new_id()
    partition = partition_of(ask.key)
    now = clock.now()
    return Message(ask.input, ask.key, partition, event_id, now, event_id, ask.region, traceparent)


def body_hash(method: str, target: str, body: bytes) -> bytes:
    """What must be the same for two requests to be the same: method, path with its query, body."""
    return sha256(b"\0".join((method.encode(), target.encode(), body))).digest()
