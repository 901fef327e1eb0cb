"""Sealed Kafka record batches: events are encoded and compressed once, in the transaction that decides them.

The outbox keeps a batch as it goes over the wire; the relay only stamps it with its producer's identity, so that
neither the database nor the relay pays for single events. Format: Kafka's record batch v2
(https://kafka.apache.org/documentation/#recordbatch), written and read by aiokafka's compiled codec.
"""

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Final, Literal, NamedTuple, TypeAlias

from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

from common.declare.errors import Unstorable

Compression: TypeAlias = Literal["none", "gzip", "lz4", "zstd"]

LARGEST: Final = 900_000
"""Bytes of records in one batch before compression: below the 1 MiB that brokers accept, however little it shrinks."""

TAKEN: Final = 1_000_000
"""Bytes of records up to which a broker takes a batch, with room for its header."""

SMALLEST: Final = 512
"""Bytes of records below which compressing does not pay."""

_CODES: Final[dict[str, int]] = {"none": 0, "gzip": 1, "lz4": 3, "zstd": 4}
_MAGIC: Final = 2
_OVERHEAD: Final = 1024
"""Room for the headers, lengths and deltas of one record."""

_CRC: Final = Struct(">I")
_CRC_AT: Final = 17
_CHECKED_FROM: Final = 21
"""The checksum covers everything after itself."""
_PRODUCER: Final = Struct(">qhi")
_PRODUCER_AT: Final = 43
"""Producer id, epoch and base sequence."""
_TIMES: Final = Struct(">qq")
_TIMES_AT: Final = 27
"""Of the first record and the latest one; the others say how much later than the first they are."""


class Entry(NamedTuple):
    """One record before it is sealed."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


def split(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """Cut a run of records where a batch would become larger than `LARGEST`."""
    start, size = 0, 0
    for index, (key, value, _) in enumerate(entries):
        weight = _OVERHEAD + 2 * len(key or b"") + len(value or b"")
        if size + weight > LARGEST and index > start:
            yield entries[start:index]
            start, size = index, 0
        size += weight
    yield entries[start:]


def packed(entries: Sequence[Entry], compression: Compression = "zstd") -> Iterator[tuple[int, bytes]]:
    """Records as batches that a broker takes, in order, each with how many it holds.

    Raises:
        Unstorable: one record alone is larger. Kafka would refuse it for ever, and with it all that comes after.
    """
    for part in split(entries):
        try:
            yield len(part), seal(part, compression)
        except Unstorable:
            if len(part) == 1:
                raise
            middle = len(part) // 2  # their headers are larger than headers are
            yield from packed(part[:middle], compression)
            yield from packed(part[middle:], compression)


def seal(entries: Sequence[Entry], compression: Compression = "zstd") -> bytes:
    """Records as one batch that no producer has signed yet.

    Raises:
        Unstorable: it is larger than a broker takes.
    """
    builder = _builder(compression)
    for offset, (key, value, headers) in enumerate(entries):
        builder.append(offset, None, key=key, value=value, headers=headers)
    if builder.size() > TAKEN:
        raise Unstorable(f"{len(entries)} events of {builder.size()} bytes are more than a broker takes")
    if compression != "none" and builder.size() < SMALLEST:
        return seal(entries, "none")
    return bytes(builder.build())


def _builder(compression: Compression) -> DefaultRecordBatchBuilder:
    return DefaultRecordBatchBuilder(
        _MAGIC,
        _CODES[compression],
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1 << 30,
    )


def unseal(data: bytes) -> Iterator[Entry]:
    """The records of a batch, in order."""
    batches = MemoryRecords(data)
    while (batch := batches.next_batch()) is not None:
        for record in batch:
            yield Entry(record.key, record.value, [(name, value or b"") for name, value in record.headers])


class SealedBatch(BatchBuilder):
    """A sealed batch as aiokafka's producer sends it: instead of building, it signs what is there.

    Its time becomes that of sending (`now`, milliseconds since 1970): brokers refuse what is too old or too far ahead,
    and what waited in the outbox, or was sealed by a clock that went wrong, could never be published. When an event
    happened is said by its header `ce_time`.
    """

    def __init__(self, data: bytes, count: int, now: int) -> None:
        self._buffer = bytearray(data)
        first, latest = _TIMES.unpack_from(data, _TIMES_AT)
        _TIMES.pack_into(self._buffer, _TIMES_AT, first + now - latest, now)
        self._relative_offset = count
        self._closed = True

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        _PRODUCER.pack_into(self._buffer, _PRODUCER_AT, producer_id, producer_epoch, base_sequence)
        _CRC.pack_into(self._buffer, _CRC_AT, calc_crc32c(self._buffer[_CHECKED_FROM:]))
