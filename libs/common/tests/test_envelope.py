"""What cannot be read of a record is named; what the core cannot cure is told."""

from uuid import UUID

import pytest

from common.core import records
from common.core.codec import Codec
from common.core.dead_letter import DeadLetter, key_text
from common.core.deadlines import apply_due
from common.core.deciding import CONFLICTS
from common.core.envelope import read_envelope
from common.core.inbox import Position, TopicPartition, accept
from common.core.records import apply_records
from common.core.replays import apply_replay
from common.core.unit_of_work import Due
from common.declare.errors import Conflict, Poison, Transient, Unstorable
from common.declare.message import Message
from common.process.health import Progress
from common.testing.breakable import Faults, breakable
from common.testing.chain import COUNTER, READER, Count

from .places import NOW, MemoryPlace, OpenPlace, P, count, record, seen

GOOD = dict(record(Codec(READER), 1).headers)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("ce_id", b"x", "header ce_id is malformed"),
        ("ce_id", b"", "header ce_id is missing or has no value"),
        ("ce_time", b"yesterday", "header ce_time is malformed"),
        ("ce_time", b"2026-01-05T12:00:00", "header ce_time has no time zone"),
        ("ce_time", None, "header ce_time is missing or has no value"),
        ("ce_correlationid", b"x", "header ce_correlationid is malformed"),
        ("ce_region", b"\xff", "header ce_region is malformed"),
        ("traceparent", b"\xff", "header traceparent is malformed"),
        ("ce_time", b'2026-01-05T12:00:00Z","00000000-0000-0000-0000-000000000001', "ce_time is malformed"),
        ("ce_time", b"20260105", "the envelope is malformed"),
        (
            "ce_correlationid",
            b'00000000-0000-0000-0000-000000000001",' + b"[" * 100_000,
            "ce_correlationid is malformed",
        ),
    ],
)
def test_a_header_that_cannot_be_read_is_named(name: str, value: bytes | None, reason: str) -> None:
    with pytest.raises(Poison, match=reason):
        read_envelope({**GOOD, name: value})


def test_a_chain_starts_where_no_correlation_is_told() -> None:
    headers = {name: value for name, value in GOOD.items() if name != "ce_correlationid"}
    assert read_envelope(headers).correlation == read_envelope(headers).id == UUID(int=1)


@pytest.mark.parametrize(("key", "text"), [(b"k", "k"), (None, None), (b"", None), (b"\xff", None), (b"a\0", None)])
def test_a_key_is_text_or_none(key: bytes | None, text: str | None) -> None:
    assert key_text(record(Codec(READER), 1)._replace(key=key)) == text


def test_types_that_anybody_invents_are_not_remembered_without_end() -> None:
    codec = Codec(READER)
    for n in range(1500):
        assert codec.decode(record(codec, 1, event=f"Invented{n}"), 1, NOW) is None
    assert codec.decode(record(codec, 1), 1, NOW) is not None
    assert len(vars(codec)["_known"][codec.topics[0]]) == 1024


def test_a_gap_that_the_same_batch_fills_is_none() -> None:
    codec = Codec(READER)
    where = TopicPartition(codec.topics[0], P)

    intake = accept({where: Position()}, [record(codec, n) for n in (2, 1, 2)])

    assert [sequence for sequence, _ in intake.fresh] == [1, 2]
    assert intake.gaps == {}


def test_a_command_has_no_place_in_the_log() -> None:
    message: Message[object] = Message(Count(), "k", P, UUID(int=1), NOW, UUID(int=1))
    with pytest.raises(TypeError, match="no place in the log"):
        vars(records)["_place"](message)


def test_a_process_that_starts_or_stops_says_so() -> None:
    assert Progress(60).problems(1) == ["starting"]
    assert Progress(60, started=True, stopping=True).problems(1) == ["stopping"]


class Refusing(MemoryPlace):
    """Storage that fails in the same way at every commit."""

    def __init__(self, codec: Codec) -> None:
        super().__init__(codec)
        self.error: Exception | None = None
        self.times = 0

    async def fail(self) -> None:
        self.times += 1
        if self.error is not None:
            raise self.error


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Refusing:
    """A place whose writing of settled letters and deadlines can be refused for good."""
    faults: Faults = {}
    place = Refusing(Codec(breakable(COUNTER, faults)))

    async def refused(*_: object) -> None:
        await place.fail()

    monkeypatch.setattr("common.testing.memory.MemoryTransaction.settle_replay", refused)
    monkeypatch.setattr("common.testing.memory.MemoryTransaction.postpone", refused)
    monkeypatch.setattr("common.testing.memory.MemoryTransaction.set_timers", refused)
    return place


async def test_a_refusal_that_setting_aside_does_not_cure_is_told(refusing: Refusing) -> None:
    await count(refusing.codec, refusing.begin)
    letter = record(Codec(READER), 1)
    refusing.database.bury(DeadLetter(letter, 1, "k", "?"), "replay")
    refusing.error = Unstorable("never")

    with pytest.raises(Unstorable, match="never"):
        await apply_replay(Codec(READER), refusing.begin, NOW)

    assert refusing.times == 3  # the deadline of the command, the letter, the letter set aside


async def test_a_deadline_that_cannot_even_be_put_back_is_told(refusing: Refusing) -> None:
    due = Due("totals", "k", "remind", P, NOW, UUID(int=1), "Unknown", UUID(int=1), "", "{}")
    refusing.database.deadlines[due[:3]] = due
    refusing.error = Unstorable("never")

    with pytest.raises(Unstorable, match="never"):
        await apply_due(refusing.codec, refusing.begin, NOW)

    assert refusing.times == 2  # the deadline, the deadline that is known to be refused


async def test_a_conflict_without_end_is_told_after_a_while(refusing: Refusing) -> None:
    refusing.error = Conflict("somebody is always first")

    with pytest.raises(Transient):
        await count(refusing.codec, refusing.begin)

    assert refusing.times == CONFLICTS + 1


async def test_many_new_states_are_kept_like_few(open_place: OpenPlace) -> None:
    place = await open_place(READER)
    batch = [record(place.codec, n, key=f"k{n}") for n in range(1, 151)]

    await apply_records(place.codec, place.begin, batch[:10], NOW)
    again = [record(place.codec, 150 + n, key=f"k{n}") for n in (1, 2)]
    await apply_records(place.codec, place.begin, [*batch[10:], *again], NOW)

    told = [(await seen(place.codec, place.begin, f"k{n}")).counted for n in (1, 2, 3, 150)]
    assert told == [(1, 151), (2, 152), (3,), (150,)]
