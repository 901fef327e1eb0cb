"""Dead letters: what is kept of a record that cannot be applied, and when so many mean the code is at fault. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated, ClassVar, NamedTuple, TypeAlias

import msgspec
from pydantic import Field

from common.core.inbox import Headers, Record, StoredRecord, TopicPartition, sequence_of
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

Counts: TypeAlias = Mapping[TopicPartition, int]
"""How many records of each partition."""

PATIENCE = 5
"""How often a record may fail for a reason that nobody foresaw before it is set aside."""

REMEMBERED = 1000
"""Records whose failures are counted at most."""


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
    """Refuses to set aside more than half of what comes for failures of our own rules, of a partition or of them all.

    A bad release must stop the consumer, not empty the topic into the dead letters, be it in one large batch or in
    many small ones. Kept by the process: a new one sets aside `DEAD_LETTER_FLOOR` records at most before it stops too.

    Attributes:
        recent: the last transactions of each partition, from the first one that had a failure on; `EVERYWHERE`: of all.
        failures: how often a record (topic, partition, offset) failed for a reason that nobody foresaw.
        bugs: the same of the record that failed last.
    """

    recent: dict[TopicPartition, Recent] = field(default_factory=dict[TopicPartition, Recent])
    failures: dict[tuple[str, int, int], int] = field(default_factory=dict[tuple[str, int, int], int])
    bugs: int = 0

    def check(self, failed: Counts, fresh: Counts) -> None:
        """Look at a transaction before it commits, alone and with those before it.

        Raises:
            TooManyDeadLetters: it is to be rolled back and taken again after a pause.
        """
        for where, bad, total in _parts(failed, fresh):
            parts = with_newest(self.recent.get(where, ()), bad, total)
            for bad_ones, records in ((bad, total), (sum(part[0] for part in parts), sum(part[1] for part in parts))):
                if bad_ones >= DEAD_LETTER_FLOOR and bad_ones * 2 > records:
                    of = "" if where is EVERYWHERE else f" of {where.topic}/{where.partition}"
                    text = f"{bad_ones} of {records} records{of} failed in the rules of this service: not set aside"
                    raise TooManyDeadLetters(text)

    def note(self, failed: Counts, fresh: Counts) -> None:
        """Remember a transaction that is committed."""
        for where, bad, total in _parts(failed, fresh):
            recent = with_newest(self.recent.get(where, ()), bad, total)
            if any(part[0] for part in recent):
                self.recent[where] = recent
            else:
                self.recent.pop(where, None)

    def hopeless(self, record: Record) -> bool:
        """Count one more failure that nobody foresaw; True: it is time to set the record aside."""
        if len(self.failures) >= REMEMBERED:
            self.failures.clear()
        place = record_place(record)
        self.bugs = self.failures[place] = self.failures.get(place, 0) + 1
        return self.bugs >= PATIENCE


EVERYWHERE = TopicPartition("", -1)
"""All partitions of a process together."""


def _parts(failed: Counts, fresh: Counts) -> list[tuple[TopicPartition, int, int]]:
    """Failed and fresh of each partition, and of all."""
    total = sum(fresh.values())
    every = [(EVERYWHERE, sum(failed.values()), total)] if total else []
    return [*((where, failed.get(where, 0), count) for where, count in fresh.items()), *every]


LONGEST_REASON = 1000
"""Characters of a reason that are kept: it may quote what it is about, which may be a megabyte."""


def cleaned(text: str) -> str:
    """Text that JSON and PostgreSQL take, whatever was put into it; cut where it is too long."""
    short = text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 1] + "…"
    return short.replace("\0", "\ufffd").encode(errors="replace").decode()


def reason_of(error: Exception) -> str:
    """Why a rule failed."""
    return cleaned(f"{type(error).__name__}: {error}")


LONGEST_KEY = 1000
"""Bytes of the longest key: it stands in indexes, whose rows are 2,700 bytes at most."""


def key_text(record: Record) -> str | None:
    """The key as text, or None when it is absent, too long, not UTF-8 or holds a NUL (which PostgreSQL text cannot)."""
    key = record.key
    try:
        return key.decode() if key and len(key) <= LONGEST_KEY and b"\0" not in key else None
    except UnicodeDecodeError:
        return None


UNREADABLE = "unreadable"
"""Header of the record that stands for a batch that nobody can read, with the reason; its value is that batch."""


def why_unnumbered(record: Record, otherwise: str) -> str:
    """Why a record has no number: it stands for what cannot be read, or `otherwise`."""
    found = next((value or b"" for name, value in record.headers if name == UNREADABLE), None)
    return otherwise if found is None else cleaned(f"records that cannot be read: {found.decode(errors='replace')}")


def digest_of(record: Record) -> bytes:
    """SHA-256 of what a record carries: what tells it from another one at the same offset of a topic made anew."""
    return sha256(msgspec.msgpack.encode((record.key, record.value, list(record.headers)))).digest()


def husk_of(record: Record, id_: str | None) -> StoredRecord:
    """What can always be kept of a record: its place, its number or `id_`, its key if it is usable, and its digest."""
    sequence, key = sequence_of(record), key_text(record)
    number = [("ce_sequence", b"%d" % sequence)] if sequence else []
    named = [("ce_id", id_.encode())] if id_ else []
    headers = (*number, *named, ("sha256", digest_of(record).hex().encode()))
    return StoredRecord(*record_place(record), key.encode() if key else None, None, headers)


def record_place(record: Record) -> tuple[str, int, int]:
    """Topic, partition, offset."""
    return record.topic, record.partition, record.offset


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
