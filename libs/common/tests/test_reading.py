"""Whatever bytes a batch holds, its records are read, or one stands for it that says why not."""

import tracemalloc
from hashlib import sha256
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from hypothesis import given
from hypothesis import strategies as st

from common.core.dead_letter import UNREADABLE
from common.core.record_batch import Compression, Entry, seal
from common.kafka import reading
from common.kafka.reading import Batches, tolerate
from common.testing.raw_records import CODECS, Loose, batch_of, varint


def read(data: bytes) -> list[Any]:
    found: list[Any] = []
    batches = Batches(data)
    assert batches.size_in_bytes() == len(data)
    while batches.has_next():
        batch = batches.next_batch()
        assert batch.validate_crc()
        found += [] if batch.is_control_batch else list(batch)
    assert batches.next_batch() is None
    return found


LOOSE = st.tuples(
    st.none() | st.binary(max_size=80),
    st.none() | st.binary(max_size=300),
    st.lists(st.tuples(st.binary(max_size=70), st.none() | st.binary(max_size=70)), max_size=4),
)


@given(records=st.lists(LOOSE, min_size=1, max_size=8), codec=st.sampled_from(sorted(CODECS)))
def test_any_record_is_read_as_it_was_written(records: list[Loose], codec: int) -> None:
    found = read(batch_of(records, codec) + batch_of(records, 0))

    assert [(each.key, each.value) for each in found] == [(key, value) for key, value, _ in records] * 2
    told = [[(name.decode(errors="backslashreplace"), value) for name, value in each[2]] for each in records]
    assert [list(each.headers) for each in found] == told * 2
    assert [each.offset for each in found] == [*range(40, 40 + len(records))] * 2
    assert {(each.timestamp, each.timestamp_type) for each in found} == {(1005, 0)}


def test_a_header_name_that_is_not_text_is_told_and_harms_no_other() -> None:
    good = (b"k", b"v", [(b"ce_sequence", b"1")])
    bad = (b"k", b"v", [(b"ce_sequence", b"2"), (b"\xff\xfe", b"x"), (b"", None)])
    found = read(batch_of([good, bad, good], attributes=8))

    assert found[1].headers == (("ce_sequence", b"2"), ("\\xff\\xfe", b"x"), ("", None))
    assert [(each.offset, each.timestamp, each.timestamp_type) for each in found] == [
        (offset, 2000, 1) for offset in (40, 41, 42)
    ]


@pytest.mark.parametrize("codec", [1, 3, 4])
def test_what_would_become_too_large_is_not_expanded(codec: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "EXPANDED", 1 << 20)
    large = [(b"k", b"\0" * (1 << 20), ())]
    data = batch_of(large, codec)

    (stand_in,) = read(data)

    assert dict(stand_in.headers)[UNREADABLE] == b"ValueError: it cannot be expanded, or to more than 1048576 bytes"
    assert (stand_in.key, stand_in.value, stand_in.offset) == (None, data, 40)
    monkeypatch.setattr(reading, "EXPANDED", 1 << 21)
    assert [each.value for each in read(data)] == [b"\0" * (1 << 20)]


@pytest.mark.parametrize(
    ("codec", "body", "reason"),
    [
        (5, b"?", b"compression codec 5 is unknown"),
        (4, b"no zstd at all", b"it cannot be expanded"),
        (2, b"no snappy at all", b""),
        (0, b"\x02\0", b""),
        (0, varint(2_000) + b"\0" * 20, b""),
        (0, b"\x10\0\0\0\x01\x01\x02\x7f\x7f", b""),
        (0, b"\x0e\0\0\0\x01\x01\x00\0", b""),
    ],
)
def test_a_batch_that_nobody_can_read_is_one_record_that_says_so(codec: int, body: bytes, reason: bytes) -> None:
    data = batch_of([(b"k", b"v", ())] * 3, codec if codec in CODECS else 0, body=body, attributes=codec & 5)

    (stand_in,) = read(data)

    assert (stand_in.offset, stand_in.value) == (42, data)  # the last one: reading goes on behind it
    assert reason in dict(stand_in.headers)[UNREADABLE]


def test_the_end_of_a_transaction_stays_what_it_is() -> None:
    data = batch_of([(b"\0\0\0\0", b"\0\0\0\0\0\0", ())], attributes=0x30)
    batch = Batches(data).next_batch()

    assert (batch.is_control_batch, [each.key for each in batch]) == (True, [b"\0\0\0\0"])


@pytest.mark.parametrize("compression", ["none", "gzip", "lz4", "zstd"])
def test_what_our_relays_seal_is_read_by_the_compiled_codec(compression: Compression) -> None:
    entries = [Entry(b"k%d" % n, b"v" * 200, [("h", b"x")]) for n in range(30)]
    found = read(seal(entries, compression))

    assert [(each.key, each.value, list(each.headers)) for each in found] == [tuple(entry) for entry in entries]
    assert not any(isinstance(each, reading.ReadRecord) for each in found)


def test_consumers_read_so() -> None:
    tolerate()
    assert fetcher.MemoryRecords is Batches


@pytest.mark.parametrize("codec", [1, 3, 4])
def test_what_expands_well_gets_no_more_room_than_it_is_near_to_need(codec: int) -> None:
    """Room for the largest batch that may come, at every batch of ours that becomes twenty times larger, was four times
    the work of reading it.
    """
    keys = [sha256(b"%d" % n).hexdigest()[:32].encode() for n in range(200)]
    values = [b'{"key": "%b", "reasons": [%b]}' % (key, b'"the same"' * 100) for key in keys]
    data = memoryview(batch_of([(b"k", value, []) for value in values], codec))
    tracemalloc.start()
    whole = reading.expanded(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(whole) > 16 * len(data), "it expands less than was meant: nothing was tried"
    assert peak < 16 * len(whole)
