"""Reading whatever bytes a broker holds: a record batch that the client library gives up on stops nobody.

aiokafka raises for a header name that is not UTF-8 and for what cannot be expanded, and expands whatever it is told to;
the partition would stand still for ever, in a loop that no caller sees. `tolerate` has its consumers read through
`Batches`: with the compiled codec where it can, by hand where it cannot, as one stand-in record where nobody can.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from struct import Struct
from typing import Any, Final, NamedTuple

import cramjam
from aiokafka.codec import snappy_decode
from aiokafka.consumer import fetcher
from aiokafka.record import default_records, memory_records

from common.core.dead_letter import UNREADABLE
from common.core.inbox import Headers

EXPANDED: Final = 64 * 1024 * 1024
"""Bytes of the largest batch that is expanded: sixty times what a broker takes compressed."""

_batch_of: Callable[[bytearray], Any] = default_records.DefaultRecordBatch
_batches_of: Callable[[bytes], Any] = memory_records.MemoryRecords

_LENGTH: Final = Struct(">i")
_LENGTH_AT: Final = 8
_BEFORE_LENGTH: Final = 12
_CODEC_AT: Final = 22
_CODEC: Final = 0x07
_COUNT: Final = Struct(">i")
_COUNT_AT: Final = 57
_HEADER: Final = 61
_EXPANDERS: Final[dict[int, Any]] = {1: cramjam.gzip, 3: cramjam.lz4, 4: cramjam.zstd}
_SNAPPY: Final = 2
_ROOMS: Final = (16, 128)
"""How many times larger a batch becomes, mostly: room is filled with zeros first, so that much of it costs time."""


class ReadRecord(NamedTuple):
    """A record as the client library hands it on."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    checksum: None = None


class Batch:
    """One record batch of a fetch, read as far as it can be read. Attributes and iteration as aiokafka's own."""

    __slots__ = ("_data", "_inner", "base_offset", "is_transactional", "next_offset", "producer_id")

    is_control_batch = False

    def __init__(self, inner: Any, data: memoryview) -> None:
        self._inner = inner
        self._data = data
        self.base_offset: int = inner.base_offset
        self.next_offset: int = inner.next_offset
        self.is_transactional: bool = inner.is_transactional
        self.producer_id: int = inner.producer_id

    def validate_crc(self) -> bool:
        """Whether the batch is what the broker was given."""
        return self._inner.validate_crc()

    def __iter__(self) -> Iterator[Any]:
        """Its records."""
        plain: memoryview | bytearray = self._data
        batch: Any = self._inner
        try:
            if plain[_CODEC_AT] & _CODEC:
                plain = expanded(self._data)
                batch = _batch_of(plain)
            return iter(list(batch))
        except Exception as error:  # noqa: BLE001  whatever a decompressor or the codec says of it
            return iter(self._by_hand(plain, error))

    def _by_hand(self, plain: memoryview | bytearray, error: Exception) -> Sequence[ReadRecord]:
        try:
            return list(records_of(plain, self._inner))
        except (ValueError, IndexError):
            return [self._stand_in(error)]

    def _stand_in(self, error: Exception) -> ReadRecord:
        """The record that stands for all of them: at the last offset, so that reading goes on behind it."""
        reason = f"{type(error).__name__}: {error}".encode(errors="replace")
        return ReadRecord(self.next_offset - 1, 0, 0, None, bytes(self._data), ((UNREADABLE, reason),))


class Batches:
    """The record batches of one fetch of a partition. Methods as those of aiokafka's `MemoryRecords`."""

    __slots__ = ("_at", "_data", "_inner")

    def __init__(self, data: bytes) -> None:
        self._inner: Any = _batches_of(data)
        self._data = memoryview(data)
        self._at = 0

    def size_in_bytes(self) -> int:
        """Bytes of the fetch."""
        return self._inner.size_in_bytes()

    def has_next(self) -> bool:
        """Whether a whole batch is left."""
        return self._inner.has_next()

    def next_batch(self) -> Any:
        """The next one, or None."""
        inner: Any = self._inner.next_batch()
        if inner is None:
            return None
        (length,) = _LENGTH.unpack_from(self._data, self._at + _LENGTH_AT)
        start, self._at = self._at, self._at + _BEFORE_LENGTH + length
        return inner if inner.is_control_batch else Batch(inner, self._data[start : self._at])


def expanded(batch: memoryview) -> bytearray:
    """A compressed batch as it would be had it never been compressed, but for its checksum.

    Raises:
        ValueError: its codec is unknown, or it would become larger than `EXPANDED`.
        Exception: what its codec says of bytes that it cannot expand.
    """
    codec, body = batch[_CODEC_AT] & _CODEC, batch[_HEADER:]
    if codec == _SNAPPY:
        return _plain(batch, bytearray(_HEADER) + snappy_decode(bytes(body)))
    if codec not in _EXPANDERS:
        raise ValueError(f"compression codec {codec} is unknown")
    into: Callable[[memoryview, memoryview], int] = _EXPANDERS[codec].decompress_into
    rooms = (times * len(body) + 4096 for times in _ROOMS)
    for room in (*(room for room in rooms if room < EXPANDED), EXPANDED):
        whole = bytearray(_HEADER + room)
        with suppress(cramjam.DecompressionError):
            size = into(body, memoryview(whole)[_HEADER:])
            del whole[_HEADER + size :]
            return _plain(batch, whole)
    raise ValueError(f"it cannot be expanded, or to more than {EXPANDED} bytes")


def _plain(batch: memoryview, whole: bytearray) -> bytearray:
    """Give what was expanded the header of its batch, as one that is not compressed."""
    whole[:_HEADER] = batch[:_HEADER]
    whole[_CODEC_AT] &= ~_CODEC & 0xFF
    return whole


def records_of(plain: memoryview | bytearray, batch: Any) -> Iterator[ReadRecord]:
    """The records of an uncompressed batch; header names that are not UTF-8 are told with escapes.

    Raises:
        ValueError: it is not built as Kafka builds them.
        IndexError: it ends early.
    """
    data = bytearray(plain)
    at = _HEADER
    (count,) = _COUNT.unpack_from(data, _COUNT_AT)
    for _ in range(count):
        length, at = _number(data, at)
        end = at + length
        delta, at = _number(data, at + 1)
        offset, at = _number(data, at)
        key, at = _bytes(data, at, end)
        value, at = _bytes(data, at, end)
        names, at = _number(data, at)
        headers: list[tuple[str, bytes | None]] = []
        for _ in range(names):
            name, at = _bytes(data, at, end)
            content, at = _bytes(data, at, end)
            headers.append(((name or b"").decode(errors="backslashreplace"), content))
        if at != end:
            raise ValueError("a record does not end where it says")
        time = batch.max_timestamp if batch.timestamp_type else batch.first_timestamp + delta
        yield ReadRecord(batch.base_offset + offset, time, batch.timestamp_type, key, value, tuple(headers))


def _number(data: bytearray, at: int) -> tuple[int, int]:
    """A zigzag number of seven bits a byte, and where the next field begins."""
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:  # the highest bit says that more follows
            return value >> 1 ^ -(value & 1), at
        shift += 7


def _bytes(data: bytearray, at: int, end: int) -> tuple[bytes | None, int]:
    size, at = _number(data, at)
    if size < 0:
        return None, at
    if at + size > end:
        raise ValueError("a field is longer than its record")
    return bytes(data[at : at + size]), at + size


def tolerate() -> None:
    """Have every consumer of this process read so, from now on."""
    fetcher.MemoryRecords = Batches  # the one place where it makes them
