"""Dead letters: what is kept of a record that cannot be applied, and when so many mean the code is at fault. Pure."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple, TypeAlias

import msgspec
from pydantic import Field

from common.core.inbox import Headers, Record
from common.declare.errors import Transient
from common.declare.event import Event


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
    """So many of the last records failed that the deployed code is the likelier culprit: stop and say so."""


DEAD_LETTER_FLOOR = 20
"""Fewer failures than this are always set aside record by record."""

WINDOW = 2 * DEAD_LETTER_FLOOR
"""Records that are looked back at, over as many transactions as they took."""

Recent: TypeAlias = tuple[tuple[int, int], ...]
"""How many records failed in our own rules, of how many, in each of the last transactions; the newest is the last."""


def with_newest(recent: Recent, failed: int, fresh: int) -> Recent:
    """One transaction more; forgotten are those older than the last `WINDOW` records."""
    kept, records = [(failed, fresh)], fresh
    for part in reversed(recent):
        if records >= WINDOW:
            break
        kept.append(part)
        records += part[1]
    return tuple(reversed(kept))


@dataclass(slots=True)
class Brake:
    """Refuses to set aside more than half of what comes for failures of our own rules.

    A bad release must stop the consumer, not empty the topic into the dead letters, be it in one large batch or in
    many small ones. Kept by the process: a new one sets aside `DEAD_LETTER_FLOOR` records at most before it stops too.
    """

    recent: Recent = ()

    def check(self, failed: int, fresh: int) -> None:
        """Look at a transaction before it commits, alone and with those before it.

        Raises:
            TooManyDeadLetters: it is to be rolled back and taken again after a pause.
        """
        parts = with_newest(self.recent, failed, fresh)
        for bad, total in ((failed, fresh), (sum(part[0] for part in parts), sum(part[1] for part in parts))):
            if bad >= DEAD_LETTER_FLOOR and bad * 2 > total:
                raise TooManyDeadLetters(f"{bad} of {total} records failed in the rules of this service: not set aside")

    def note(self, failed: int, fresh: int) -> None:
        """Remember a transaction that is committed."""
        if fresh:
            self.recent = with_newest(self.recent, failed, fresh)


def reason_of(error: Exception) -> str:
    """Why a rule failed, as text that JSON and PostgreSQL take, whatever the rule put into it."""
    return f"{type(error).__name__}: {error}".replace("\0", "\ufffd").encode(errors="replace").decode()


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
