"""Whatever a record carries, it is applied or set aside, and its neighbours are applied."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.core import dead_letter
from common.core.codec import Codec
from common.core.dead_letter import LONGEST_KEY, LONGEST_REASON, PATIENCE, Brake, digest_of, key_text, why_unnumbered
from common.core.inbox import StoredRecord, TopicPartition
from common.core.records import apply_records
from common.core.replays import apply_replay
from common.testing.breakable import breakable
from common.testing.chain import READER

from .places import NOW, OpenPlace, P, Place, head, record, seen
from .toys import INN


async def apply(place: Place, *records: Any, brake: Brake | None = None) -> Any:
    return await apply_records(place.codec, place.begin, records, NOW, brake)


async def offset_of(place: Place, topic: str = "") -> int:
    where = TopicPartition(topic or place.codec.topics[0], P)
    async with place.begin() as transaction:
        return (await transaction.lock_positions([where]))[where].next_offset


@pytest.mark.parametrize("key", [b"k" * (LONGEST_KEY + 1), b"k" * 2_700, b"\xe9" * 20, b"k" * 500_000, b"a\0b", b""])
async def test_a_key_that_no_index_takes(open_place: OpenPlace, key: bytes) -> None:
    place = await open_place(READER)
    unnumbered = StoredRecord(place.codec.topics[0], P, 1, key, b"{}", ())

    await apply(place, record(place.codec, 1)._replace(key=key), unnumbered, record(place.codec, 2)._replace(offset=2))
    await apply(place, record(place.codec, 3))

    assert [letter.sequence for letter in await place.letters()] == [None, 1]
    assert (await seen(place.codec, place.begin)).counted == (2, 3)


@pytest.mark.parametrize("key", [b"k" * LONGEST_KEY, "é".encode() * (LONGEST_KEY // 2)])
async def test_the_longest_key_is_stored_set_aside_and_parked(open_place: OpenPlace, key: bytes) -> None:
    place = await open_place(breakable(READER, {2: "raises"}))
    records = [record(place.codec, n)._replace(key=key) for n in (1, 2, 3)]

    report = await apply(place, *records)

    assert (report.fresh, len(report.dead), report.parked) == (3, 1, 1)
    assert report.dead[0].key == key.decode()


@pytest.mark.parametrize("sequence", [b"1" * 5_000, b"9" * 19, b"1" * 4_300, b"00", b"01"])
async def test_a_number_that_is_none(open_place: OpenPlace, sequence: bytes) -> None:
    place = await open_place(READER)
    bad = record(place.codec, 1)
    bad = bad._replace(headers=(("ce_sequence", sequence), *bad.headers[1:]))

    await apply(place, bad, record(place.codec, 1)._replace(offset=1))
    await apply(place, record(place.codec, 2)._replace(offset=2))

    assert [letter.sequence for letter in await place.letters()] == [None]
    assert (await seen(place.codec, place.begin)).counted == (1, 2)


async def test_a_header_that_is_repeated_is_read_the_first_time_everywhere(open_place: OpenPlace) -> None:
    place = await open_place(READER)
    good = record(place.codec, 1)
    twice = [(name, b"7") if name == "ce_sequence" else (name, b"?") for name, _ in good.headers]

    report = await apply(place, good._replace(headers=(*good.headers, *twice)))

    assert (report.fresh, report.dead, report.gaps) == (1, [], {})
    assert (await seen(place.codec, place.begin)).counted == (1,)


async def test_what_has_no_number_counts_as_read_and_is_not_read_again(open_place: OpenPlace) -> None:
    place = await open_place(READER)
    strangers = [StoredRecord(place.codec.topics[0], P, offset, None, b"?", ()) for offset in (1, 2)]

    await apply(place, record(place.codec, 1))
    report = await apply(place, *strangers)

    assert report.moved == {TopicPartition(place.codec.topics[0], P)}
    assert await offset_of(place) == 3


async def test_a_letter_at_the_offset_of_an_older_one_is_kept_and_told(open_place: OpenPlace) -> None:
    """A topic made anew begins at offset 0 again."""
    place = await open_place(READER)
    before = StoredRecord(place.codec.topics[0], P, 0, b"k", b"before", ())
    after = before._replace(value=b"after")

    told = [len((await apply(place, each)).dead) for each in (before, after, before, after)]

    assert told == [1, 1, 0, 0]
    assert [letter.status for letter in await place.letters()] == ["open", "open"]
    assert await published_ids(place) == 2


async def published_ids(place: Place) -> int:
    topic, partition = place.codec.dead_letter_topic, P % 12
    return await head(place.codec, place.begin, topic, partition)


def test_two_records_of_one_place_are_announced_under_two_ids() -> None:
    codec = Codec(READER)
    one = StoredRecord("t", P, 0, b"k", b"one", (("a", None),))
    same, other = one._replace(headers=[("a", None)]), one._replace(value=b"other")
    later = NOW + timedelta(seconds=1)

    def id_of(each: StoredRecord, *, again: bool = False, at: Any = NOW) -> bytes | None:
        return dict(codec.dead_lettered(each, "?", at, again=again).headers)["ce_id"]

    assert id_of(one) == id_of(same) == id_of(one, at=later)
    assert len({id_of(one), id_of(other), id_of(one, again=True), id_of(one, again=True, at=later)}) == 4
    assert digest_of(one) == digest_of(same)


async def test_what_is_parked_at_the_place_of_an_older_one_is_parked_too(open_place: OpenPlace) -> None:
    """On a topic that others write and made anew, numbers are those of its offsets and come again."""
    place = await open_place(INN)
    topic = next(iter(place.codec.writers))

    def update(offset: int, id_: bytes, value: bytes = b'{"name": "x"}') -> StoredRecord:
        headers = (("ce_id", id_), ("ce_type", b"partner.Updated"))
        return StoredRecord(topic, P, offset, b"k", value, headers)

    first = await apply(place, update(0, b"1", b"?"), update(1, b"2"))
    second = await apply(place, update(1, b"3"), update(2, b"4"))

    assert ([len(first.dead), first.parked], [len(second.dead), second.parked]) == ([1, 1], [0, 2])
    assert await place.parked() == [(topic, 2), (topic, 2), (topic, 3)]
    (letter,) = await place.letters()
    await place.drop(letter.id)
    while await apply_replay(place.codec, place.begin, NOW):
        pass
    assert await place.parked() == []


async def test_a_record_that_fails_for_no_known_reason_is_set_aside_the_fifth_time(
    open_place: OpenPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, brake = await open_place(READER), Brake()
    decode = Codec.decode

    def raising(codec: Codec, each: Any, sequence: int, now: Any) -> Any:
        if each.value == b"!":
            raise MemoryError("nobody foresaw this")
        return decode(codec, each, sequence, now)

    monkeypatch.setattr(Codec, "decode", raising)
    other = record(place.codec, 1, key="other", topic=1)
    batch = [record(place.codec, 1, key="a"), record(place.codec, 2, value=b"!"), record(place.codec, 3), other]

    for _ in range(PATIENCE - 1):
        with pytest.raises(MemoryError):
            await apply(place, *batch, brake=brake)
        assert await place.letters() == []
    report = await apply(place, *batch, brake=brake)

    assert [letter.sequence for letter in report.dead] == [2]
    assert [letter.reason for letter in await place.letters()] == ["MemoryError: nobody foresaw this"]
    assert (report.duplicates, report.parked) == (1, 1)
    assert (await seen(place.codec, place.begin, "a")).counted == (1,)
    assert (await seen(place.codec, place.begin, "other")).granted == (1,)


@pytest.mark.parametrize("foreign", [False, True])
async def test_what_cannot_even_be_kept_is_kept_by_its_digest(open_place: OpenPlace, foreign: bool) -> None:
    place, brake = await open_place(INN if foreign else READER), Brake()
    topic = next(iter(place.codec.writers)) if foreign else place.codec.topics[0]
    bad = record(place.codec, 1, value=b"?")
    if foreign:
        bad = StoredRecord(topic, P, 0, b"k", b"?", (("ce_id", b"1"), ("ce_type", b"partner.Updated")))
    refused: list[Any] = []
    place.begin = refusing(place.begin, refused)

    for _ in range(PATIENCE - 1):
        with pytest.raises(ValueError, match="cannot be kept"):
            await apply(place, bad, brake=brake)
    report = await apply(place, bad, brake=brake)
    again = await apply(place, bad, brake=brake)

    assert refused == [bad] * (PATIENCE + 1)
    (letter,) = report.dead
    assert letter.reason == "ValueError: it cannot be kept (kept by its digest only)"
    assert (letter.record.value, letter.key) == (None, "k")
    assert dict(letter.record.headers)["sha256"] == digest_of(bad).hex().encode()
    assert (again.duplicates, again.dead) == (1, [])
    assert await offset_of(place, topic) == 1


class Refusing:
    """A transaction that cannot keep a record that has a value."""

    def __init__(self, transaction: Any, refused: list[Any]) -> None:
        self.transaction, self.refused = transaction, refused

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transaction, name)

    async def bury(self, letters: Any) -> Any:
        self.refused += [letter.record for letter in letters if letter.record.value is not None]
        if any(letter.record.value is not None for letter in letters):
            raise ValueError("it cannot be kept")
        return await self.transaction.bury(letters)


def refusing(begin: Any, refused: list[Any]) -> Any:
    """Such transactions."""

    @asynccontextmanager
    async def refuse() -> AsyncGenerator[Any]:
        async with begin() as transaction:
            yield Refusing(transaction, refused)

    return refuse


def test_reasons_and_stand_ins_are_told_in_short() -> None:
    stand_in = StoredRecord("t", 1, 0, None, b"", ((dead_letter.UNREADABLE, b"codec \xff\0"),))
    assert why_unnumbered(stand_in, "none") == "records that cannot be read: codec ��"
    assert why_unnumbered(stand_in._replace(headers=()), "none") == "none"
    long = dead_letter.cleaned("x" * 5_000)
    assert (len(long), long[-2:]) == (LONGEST_REASON, "x…")
    assert key_text(stand_in) is None


async def test_a_reason_that_quotes_a_megabyte_is_announced_in_short(open_place: OpenPlace) -> None:
    """An announcement larger than a broker takes would hold every topic of its service."""
    place = await open_place(READER)
    good = record(place.codec, 1)
    headers = [(name, b"2" * 900_000 if name == "ce_time" else value) for name, value in good.headers]

    report = await apply(place, good._replace(headers=headers))

    assert "ce_time" in report.dead[0].reason
    assert len(report.dead[0].reason) <= LONGEST_REASON
    assert await published_ids(place) == 1


def arbitrary(topics: int) -> list[list[tuple[int, Any]]]:
    """Batches of records of nobody knows whom, each with the number of its topic."""
    names = st.sampled_from(["ce_id", "ce_type", "ce_time", "ce_sequence"]) | st.text(max_size=20)
    values = (
        st.none() | st.binary(max_size=250) | st.sampled_from([b"partner.Updated", b"counter.Counted", b"1" * 5000])
    )
    headers = st.lists(st.tuples(names, values), max_size=6)
    whole = st.tuples(st.binary(min_size=1, max_size=210), values).map(
        lambda parts: [("ce_id", parts[0]), ("ce_type", b"partner.Updated"), ("ce_time", parts[1])]
    )
    keys = st.none() | st.binary(max_size=40) | st.just(b"k" * 3_000) | st.just(b"other")
    data = st.none() | st.binary(max_size=40) | st.sampled_from([b'{"name":"x"}', b"[" * 50_000, b'{"name":"\\u0000"}'])
    records = st.builds(StoredRecord, st.just(""), st.just(P), st.just(0), keys, data, headers | whole)
    found: list[list[tuple[int, Any]]] = []

    @settings(max_examples=150, database=None)
    @given(st.lists(st.tuples(st.integers(0, topics - 1), records), min_size=1, max_size=6))
    def draw(batch: list[tuple[int, Any]]) -> None:
        found.append(batch)

    draw()
    return found


async def test_arbitrary_records_of_partners_harm_no_neighbour(open_place: OpenPlace) -> None:
    place = await open_place(INN)
    topics, brake = place.codec.topics, Brake()
    mine = next(iter(place.codec.writers))
    offsets = dict.fromkeys(topics, 0)
    cases = arbitrary(len(topics))

    def next_of(topic: str) -> int:
        offsets[topic] += 1
        return offsets[topic] - 1

    for number, batch in enumerate(cases):
        told = [each._replace(topic=topics[topic], offset=next_of(topics[topic])) for topic, each in batch]
        headers = (("ce_id", b"mine-%d" % number), ("ce_type", b"partner.Updated"))
        good = StoredRecord(mine, P, next_of(mine), b"mine", b'{"name":"%d"}' % number, headers)
        await apply(place, *told, good, brake=brake)

    async with place.begin() as transaction:
        guest = (await transaction.load({("guests", "mine")}))["guests", "mine"].state
    assert guest.names == tuple(str(number) for number in range(len(cases)))
    assert all([await offset_of(place, topic) == offsets[topic] for topic in place.codec.writers])
    assert brake.failures == {}
