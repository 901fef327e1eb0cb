"""Record batches written byte by byte: what a broker keeps and no client library would write."""

from collections.abc import Sequence
from struct import pack
from typing import TypeAlias

import cramjam
from aiokafka.codec import lz4_encode, snappy_encode
from aiokafka.record.util import calc_crc32c

Loose: TypeAlias = tuple[bytes | None, bytes | None, Sequence[tuple[bytes, bytes | None]]]
"""Key, value, headers: their names are bytes here."""

CODECS = {0: bytes, 1: cramjam.gzip.compress, 2: snappy_encode, 3: lz4_encode, 4: cramjam.zstd.compress}


def varint(number: int) -> bytes:
    """A zigzag number of seven bits a byte."""
    value, found = number << 1 ^ number >> 63, bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def sized(content: bytes | None) -> bytes:
    """Bytes behind their length; -1 stands for none."""
    return varint(-1) if content is None else varint(len(content)) + content


def batch_of(records: Sequence[Loose], codec: int = 0, *, body: bytes | None = None, attributes: int = 0) -> bytes:
    """A record batch as a broker keeps it, written by hand: header names are bytes here."""
    plain = b""
    for offset, (key, value, headers) in enumerate(records):
        told = b"".join(sized(name) + sized(content) for name, content in headers)
        record = b"\0" + varint(5) + varint(offset) + sized(key) + sized(value) + varint(len(headers)) + told
        plain += varint(len(record)) + record
    packed = bytes(CODECS[codec](plain)) if body is None else body
    count = max(1, len(records))
    rest = pack(">hiqqqhii", codec | attributes, count - 1, 1000, 2000, -1, -1, -1, len(records)) + packed
    checked = pack(">iBI", 0, 2, calc_crc32c(rest)) + rest
    return pack(">qi", 40, len(checked)) + checked
