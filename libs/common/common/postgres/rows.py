"""Rows on their way to and from PostgreSQL."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from aiokafka.codec import zstd_decode, zstd_encode

from common.core.dead_letter import unpack_headers
from common.core.inbox import StoredRecord

PACKED_FROM: Final = 4096
"""Bytes from which a stored answer is compressed."""

ZSTD: Final = b"\x28\xb5\x2f\xfd"
"""First bytes of whatever zstd compressed; JSON never starts so."""


def columns(rows: Iterable[Sequence[object]], width: int = 0) -> list[list[object]]:
    """Rows turned into the column arrays of `unnest`; where there may be none, `width` says how many columns."""
    found = [list(column) for column in zip(*rows, strict=True)]
    return found or [[] for _ in range(width)]


def affected(tag: str) -> int:
    """How many rows a statement touched, from its command tag."""
    return int(tag.rpartition(" ")[2])


def packed(answer: bytes) -> bytes:
    """An answer as it is stored: JSON, compressed by zstd where it is that of a large batch."""
    return zstd_encode(answer) if len(answer) >= PACKED_FROM else answer


def unpacked(answer: bytes) -> bytes:
    """The inverse of `packed`."""
    return zstd_decode(answer) if answer.startswith(ZSTD) else answer


def stored(row: Any) -> StoredRecord:
    """The record of a row of `dead_letters` or `parked`."""
    key: str | None = row["key"]
    headers = unpack_headers(row["raw_headers"])
    return StoredRecord(
        row["topic"], row["partition"], row["offset"], key.encode() if key else None, row["value"], headers
    )
