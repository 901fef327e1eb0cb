"""Published events: plain frozen structs owned by the service that publishes them."""

from hashlib import sha1
from typing import ClassVar
from uuid import UUID

import msgspec


class Event(msgspec.Struct, frozen=True, gc=False):
    """Base of every published event; a subclass is a frozen struct of JSON-friendly fields.

    The class name is the event's name (`LabelGranted`). Field types carry their bounds as
    `Annotated[int, pydantic.Field(ge=0)]`: pydantic derives the JSON Schema and checks it in tests
    (`common.declare.contract`), msgspec encodes on the hot path. Money is integer cents, times are aware UTC datetimes.
    An event carries no personal data.
    """

    KEY: ClassVar[str] = "siren"
    """Name of the field that is the Kafka key: the entity whose facts keep their order."""

    VERSION: ClassVar[int] = 1
    """Major version of the contract; inside it only optional fields are added."""


class PassedOn(msgspec.Struct, frozen=True, gc=False):
    """A record written as it came to a topic that the service passes on to, numbered like any other there.

    Attributes:
        topic: one of `Service.passes`.
        key: the Kafka key.
        value: the bytes of its data.
        headers: as they came; a `ce_sequence` among them is replaced by the number in the new topic.
    """

    topic: str
    key: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


def event_key(event: Event) -> str:
    """The Kafka key of an event: the value of its `KEY` field."""
    return str(getattr(event, type(event).KEY))


def uuid5_bytes(namespace: bytes, name: bytes) -> bytes:
    """The 16 bytes of the UUIDv5 of a name under a namespace, given as its 16 bytes: `uuid.uuid5`, at half its cost."""
    digest = bytearray(sha1(namespace + name, usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    return bytes(digest)


def derive_bytes(cause: UUID, index: int) -> bytes:
    """The 16 bytes of `derive_id`."""
    return uuid5_bytes(cause.bytes, b"%d" % index)


def derive_id(cause: UUID, index: int) -> UUID:
    """Id of the `index`-th event (0, 1, …) that `cause` leads to: UUIDv5 of both, so a replay gives the same id."""
    return UUID(bytes=derive_bytes(cause, index))


def id_text(digest: bytes) -> bytes:
    """The canonical text of an id given as its 16 bytes."""
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}".encode()
