"""What we seal is Kafka's own format: aiokafka reads every record back, and finds the checksum right."""

import pytest
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from common.core.record_batch import LARGEST, Compression, Entry, SealedBatch, packed, seal, split, unseal
from common.declare.errors import Unstorable

COMPRESSIONS: tuple[Compression, ...] = ("none", "gzip", "lz4", "zstd")
HEADERS = st.lists(st.tuples(st.text(max_size=80), st.binary(max_size=200)), max_size=70)
ENTRIES = st.lists(
    st.builds(Entry, st.none() | st.binary(max_size=70), st.none() | st.binary(max_size=20_000), HEADERS),
    min_size=1,
    max_size=150,
)


@given(entries=ENTRIES, compression=st.sampled_from(COMPRESSIONS))
def test_what_is_sealed_is_read_back(entries: list[Entry], compression: Compression) -> None:
    batches = list(packed(entries, compression))
    assert [entry for _, data in batches for entry in unseal(data)] == entries
    assert [count for count, _ in batches] == [len(list(unseal(data))) for _, data in batches]
    assert all(checksum_holds(data) for _, data in batches)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 8191, 8192, 900_000, 990_000])
def test_lengths_of_every_size_are_read_back(size: int) -> None:
    entry = Entry(b"k", b"v" * size, [("h", b"x" * min(size, 9000))])
    assert list(unseal(seal([entry], "none"))) == [entry]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_only_what_becomes_smaller_is_compressed(compression: Compression) -> None:
    alike = [Entry(b"key", b"the same words " * 10, [("name", b"value")])] * 50
    sealed = seal(alike, compression)
    assert (len(sealed) < len(seal(alike, "none")) / 5) == (compression != "none")
    assert seal(alike[:1], compression)[21:23] == b"\0\0"  # its attributes say: not compressed


def test_a_signed_batch_still_has_the_right_checksum() -> None:
    sealed = seal([Entry(b"key", b"value", [])])
    batch = SealedBatch(sealed, 1, 1_700_000_000_000)
    batch._set_producer_state(7, 1, 42)  # pyright: ignore[reportPrivateUsage]  aiokafka's producer calls it
    signed = bytes(batch._buffer)  # pyright: ignore[reportPrivateUsage]
    assert checksum_holds(signed)
    assert not checksum_holds(signed[:-1] + b"!")
    assert list(unseal(signed)) == [Entry(b"key", b"value", [])]


def test_a_batch_has_the_time_of_its_sending() -> None:
    """A broker refuses what is too old: what waited in the outbox has waited for nothing else than to be sent."""
    sealed = seal([Entry(b"key", b"%d" % n, []) for n in range(3)])
    sent = bytes(SealedBatch(sealed, 3, 1_700_000_000_000)._buffer)  # pyright: ignore[reportPrivateUsage]

    times = [MemoryRecords(data).next_batch() for data in (sealed, sent)]
    before, after = [[record.timestamp for record in batch or ()] for batch in times]
    assert [time - before[0] for time in before] == [time - after[0] for time in after]
    assert after[-1] == 1_700_000_000_000
    assert list(unseal(sent)) == list(unseal(sealed))


@given(sizes=st.lists(st.integers(0, LARGEST), min_size=1, max_size=12))
def test_a_run_is_cut_into_batches_that_a_broker_takes(sizes: list[int]) -> None:
    run = [Entry(b"%d" % number, b"v" * size, []) for number, size in enumerate(sizes)]
    parts = list(split(run))
    assert [record for part in parts for record in part] == run
    assert all(len(seal(part, "none")) <= 1_048_576 for part in parts)


def test_headers_that_are_larger_than_headers_are_are_cut_too() -> None:
    run = [Entry(b"%d" % number, b"", [("h", b"x" * 400_000)]) for number in range(5)]
    batches = list(packed(run, "none"))
    assert [count for count, _ in batches] == [2, 1, 2]
    assert all(len(data) <= 1_048_576 for _, data in batches)


@pytest.mark.parametrize("entry", [Entry(b"k", b"v" * 1_000_000, []), Entry(b"k", b"", [("h", b"x" * 1_000_000)])])
def test_an_event_that_no_broker_takes_is_refused_before_it_is_numbered(entry: Entry) -> None:
    """Once in the outbox it would hold all that comes after it, of every topic of its service, for ever."""
    with pytest.raises(Unstorable, match="more than a broker takes"):
        list(packed([Entry(b"k", b"v", []), entry]))


def checksum_holds(data: bytes) -> bool:
    batch = MemoryRecords(data).next_batch()
    assert batch is not None
    return batch.validate_crc()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
