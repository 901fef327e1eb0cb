"""Dead letters: what is kept of a record that cannot be applied, and when so many mean the code is at fault. Pure."""

from typing import Annotated, ClassVar, NamedTuple

import msgspec
from pydantic import Field

from common.errors import Transient
from common.event import Event
from common.inbox import Headers, Record


class DeadLetter(NamedTuple):
    """A record set aside with the reason; `sequence` and `key` are None where it carried none."""

    record: Record
    sequence: int | None
    key: str | None
    reason: str


class Parked(NamedTuple):
    """A good record whose key waits for a dead letter."""

    record: Record
    sequence: int
    key: str


class DeadLettered(Event, frozen=True):
    """Published on a service's dead-letter topic. `key` is the record's key, or "" when it had none."""

    KEY: ClassVar[str] = "key"

    key: str
    topic: str
    partition: Annotated[int, Field(ge=0)]
    offset: Annotated[int, Field(ge=0)]
    reason: str


class TooManyDeadLetters(Transient):
    """So many records of one batch failed that the deployed code is the likelier culprit: stop and say so."""


DEAD_LETTER_FLOOR = 20
"""A batch with fewer failures than this is always set aside record by record."""


def check_limit(failed: int, fresh: int) -> None:
    """Refuse to set aside more than half of a batch for failures of our own rules.

    A bad release must stop the consumer, not empty the topic into the dead letters.

    Raises:
        TooManyDeadLetters: the batch is rolled back and taken again after a pause.
    """
    if failed >= DEAD_LETTER_FLOOR and failed * 2 > fresh:
        raise TooManyDeadLetters(f"{failed} of {fresh} records failed in the rules of this service: not set aside")


def key_text(record: Record) -> str | None:
    """The key as text, or None when it is absent, not UTF-8 or holds a NUL (which PostgreSQL text cannot)."""
    try:
        return record.key.decode() if record.key and b"\0" not in record.key else None
    except UnicodeDecodeError:
        return None


def pack_headers(headers: Headers) -> bytes:
    """Headers exactly as they came, for a faithful replay."""
    return msgspec.msgpack.encode([(name, value) for name, value in headers])


def unpack_headers(packed: bytes) -> list[tuple[str, bytes | None]]:
    """The inverse of `pack_headers`."""
    return msgspec.msgpack.decode(packed, type=list[tuple[str, bytes | None]])


def readable_headers(headers: Headers) -> str:
    """Headers as JSON for people: bytes that are not UTF-8 show as U+FFFD, NUL bytes too."""

    def text(value: bytes | None) -> str | None:
        return None if value is None else value.decode(errors="replace").replace("\0", "\ufffd")

    return msgspec.json.encode([(name.replace("\0", "\ufffd"), text(value)) for name, value in headers]).decode()
