"""Sealed Kafka record batches: events are encoded and compressed once, in the transaction that decides them.

The outbox keeps a batch as it goes over the wire; the relay only stamps it with its producer's identity, so that
neither the database nor the relay pays for single events. Format: Kafka's record batch v2
(https://kafka.apache.org/documentation/#recordbatch). We write it ourselves because most bytes of our headers are the
same for every event of a type or of a cause and are encoded once for all of them (ADR 16); aiokafka's compiled codec
reads it, compresses it and computes its checksum.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from struct import Struct
from typing import Final, Literal, NamedTuple, Self, TypeAlias

from aiokafka.codec import gzip_encode, lz4_encode, zstd_encode
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

Compression: TypeAlias = Literal["none", "gzip", "lz4", "zstd"]

LARGEST: Final = 900_000
"""Bytes of records in one batch before compression: below the 1 MiB that brokers accept, however little it shrinks."""

SMALLEST: Final = 512
"""Bytes of records below which compressing does not pay."""

_COMPRESSIONS: Final[dict[str, tuple[int, Callable[[bytes], bytes]]]] = {
    "gzip": (1, gzip_encode),
    "lz4": (3, lz4_encode),
    "zstd": (4, zstd_encode),
}
"""Name → its code in a batch's attributes, and what compresses."""

_OVERHEAD: Final = 1024
"""Room for the headers, lengths and deltas of one record."""

_CHECKED: Final = Struct(">hiqqqhii")
"""The part of a batch's head that the checksum covers: attributes, last offset delta, first and last timestamp,
producer id, epoch and base sequence, number of records."""
_UNCHECKED: Final = Struct(">qiibI")
"""What comes before: base offset, length, leader epoch, magic, checksum."""
_MAGIC: Final = 2
_BEFORE_LENGTH: Final = 12
"""Bytes that the length of a batch leaves out."""
_NOBODY: Final = (-1, -1, -1)
"""Producer id, epoch and base sequence of a batch that no producer has signed."""

_CRC: Final = Struct(">I")
_CRC_AT: Final = 17
_CHECKED_FROM: Final = _UNCHECKED.size
_PRODUCER: Final = Struct(">qhi")
_PRODUCER_AT: Final = 43


class Entry(NamedTuple):
    """One record of a batch, as it is read."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]

    def unsealed(self) -> "Unsealed":
        """The same record, ready to be sealed again."""
        return Unsealed(self.key, self.value, Headers.of(self.headers))


# --- writing ---------------------------------------------------------------------------------------------------------


def _varint(number: int) -> bytes:
    """A number ≥ -1 as the format has it: zigzag, seven bits a byte, low bits first."""
    left = number << 1 if number >= 0 else 1
    encoded = bytearray()
    while left > 0x7F:
        encoded.append(left & 0x7F | 0x80)
        left >>= 7
    encoded.append(left)
    return bytes(encoded)


_VARINTS: Final = [_varint(number) for number in range(8192)]
_NULL: Final = _varint(-1)


def varint(number: int) -> bytes:
    """A length or a delta, from 0."""
    return _VARINTS[number] if number < len(_VARINTS) else _varint(number)


def header_name(name: str) -> bytes:
    """The first part of a header, encoded; the same in every record."""
    return varint(len(name.encode())) + name.encode()


class Headers(NamedTuple):
    """Headers of a record, encoded one after the other.

    Attributes:
        number: how many.
        block: `header_name`, `varint` of the length and bytes of the value, for each.
    """

    number: int
    block: bytes

    @classmethod
    def of(cls, headers: Iterable[tuple[str, bytes]]) -> Self:
        """Encode names and values."""
        encoded = [header_name(name) + varint(len(value)) + value for name, value in headers]
        return cls(len(encoded), b"".join(encoded))

    @classmethod
    def joined(cls, parts: Sequence["Headers"]) -> Self:
        """The headers of all parts, in order."""
        return cls(sum([part.number for part in parts]), b"".join([part.block for part in parts]))

    def pairs(self) -> list[tuple[str, bytes]]:
        """Names and values again."""
        (entry,) = unseal(seal([Unsealed(None, None, self)]))
        return entry.headers


class Unsealed(NamedTuple):
    """One record before it is sealed."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def split(records: Sequence[Unsealed]) -> Iterator[Sequence[Unsealed]]:
    """Cut a run of records where a batch would become larger than `LARGEST`."""
    start, size = 0, 0
    for index, (key, value, _) in enumerate(records):
        weight = _OVERHEAD + 2 * len(key or b"") + len(value or b"")
        if size + weight > LARGEST and index > start:
            yield records[start:index]
            start, size = index, 0
        size += weight
    yield records[start:]


def seal(records: Sequence[Unsealed], compression: Compression = "zstd") -> bytes:
    """Records as one batch that no producer has signed yet, stamped with the present time."""
    code, body = 0, b"".join([_encoded(offset, record) for offset, record in enumerate(records)])
    if compression != "none" and len(body) >= SMALLEST:
        its_code, compress = _COMPRESSIONS[compression]
        smaller = compress(body)
        if len(smaller) < len(body):
            code, body = its_code, smaller
    now = int(time.time() * 1000)
    checked = _CHECKED.pack(code, len(records) - 1, now, now, *_NOBODY, len(records)) + body
    length = _UNCHECKED.size + len(checked) - _BEFORE_LENGTH
    return _UNCHECKED.pack(0, length, -1, _MAGIC, calc_crc32c(checked)) + checked


def _encoded(offset: int, record: Unsealed) -> bytes:
    """A record as it stands in a batch: no attributes, no time of its own."""
    key, value, (number, block) = record
    body = b"\0\0%b%b%b%b%b%b%b" % (
        varint(offset),
        _NULL if key is None else varint(len(key)),
        key or b"",
        _NULL if value is None else varint(len(value)),
        value or b"",
        varint(number),
        block,
    )
    return varint(len(body)) + body


# --- reading and sending ---------------------------------------------------------------------------------------------


def unseal(data: bytes) -> Iterator[Entry]:
    """The records of a batch, in order."""
    batches = MemoryRecords(data)
    while (batch := batches.next_batch()) is not None:
        for record in batch:
            yield Entry(record.key, record.value, [(name, value or b"") for name, value in record.headers])


class SealedBatch(BatchBuilder):
    """A sealed batch as aiokafka's producer sends it: instead of building, it signs what is there."""

    def __init__(self, data: bytes, count: int) -> None:
        self._buffer = bytearray(data)
        self._relative_offset = count
        self._closed = True

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        _PRODUCER.pack_into(self._buffer, _PRODUCER_AT, producer_id, producer_epoch, base_sequence)
        _CRC.pack_into(self._buffer, _CRC_AT, calc_crc32c(self._buffer[_CHECKED_FROM:]))
