"""Aggregates, pools, follow-ups, foreign and whole topics, several outputs: the same in memory and on PostgreSQL."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from common.core.codec import Codec, partition_of
from common.core.commands import Ask, to_message
from common.core.deadlines import apply_due
from common.core.inbox import StoredRecord, TopicPartition
from common.core.records import Report, apply_records
from common.core.requests import apply_commands
from common.core.unit_of_work import Begin
from common.declare.aggregate import Aggregate, on
from common.declare.decision import Decision
from common.declare.errors import Misconfigured
from common.declare.inputs import Consumed
from common.declare.message import Message
from common.declare.pool import NO_POOLS, PoolMissing, Pools, Ref
from common.declare.service import Service
from common.testing.chain import READINGS, Seen
from common.testing.rules import after, decided, message_of

from .conftest import Open
from .places import record
from .toys import ARCHIVE, GUESTS, INN, LOG, PARTNERS, PUBLIC, ROOMS, Buy, Guest, Leave, Offered, Room, buy

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
LATER = datetime(2100, 1, 1, tzinfo=UTC)


async def ask(codec: Codec, begin: Begin, *asks: tuple[Any, str]) -> list[Any]:
    """The answers of commands that share a transaction."""
    messages = [to_message(Ask(item, key), index, "", "") for index, (item, key) in enumerate(asks)]
    return (await apply_commands(codec, begin, messages)).answers


async def guest(begin: Begin, key: str) -> Guest:
    async with begin() as transaction:
        found = await transaction.load({("guests", key)})
    return found["guests", key].state if found else Guest()


async def room(begin: Begin, key: str = "blue") -> Room:
    async with begin() as transaction:
        return (await transaction.lock_pools([ROOMS.at(key)]))[ROOMS.at(key)]


async def heads(codec: Codec, begin: Begin, topic: str, key: str) -> int:
    where = TopicPartition(codec.namespace + topic, partition_of(key))
    async with begin() as transaction:
        return (await transaction.lock_heads([where]))[where]


class TestPools:
    async def test_many_keys_draw_on_one_pool_and_never_take_more_than_there_is(self, open_service: Open) -> None:
        codec, begin = await open_service(INN)

        told = await asyncio.gather(*(ask(codec, begin, (Buy("blue"), f"k{n}")) for n in range(6)))

        assert sorted(answer["left"] for (answer,) in told) == [0, 0, 0, 0, 0, 1]
        assert [len((await guest(begin, f"k{n}")).rooms) for n in range(6)].count(1) == 2
        assert len((await room(begin)).waiting) == 4

    async def test_a_pool_that_was_not_foreseen_is_locked_by_a_second_attempt(self, open_service: Open) -> None:
        codec, begin = await open_service(INN)

        (answer, other) = await ask(codec, begin, (Buy("blue", also="red"), "a"), (Buy("green", also="gold"), "b"))

        assert answer == other == {"left": 1}
        assert [(await room(begin, name)).left for name in ("blue", "red", "green", "gold")] == [1, 1, 1, 1]

    async def test_a_pool_that_cannot_be_named_fails_its_command_alone(self, open_service: Open) -> None:
        codec, begin = await open_service(INN)

        refused, answer = await ask(codec, begin, (Buy("?"), "a"), (Buy("blue"), "b"))

        assert refused.code == "erreur_interne"
        assert answer == {"left": 1}

    async def test_decisions_of_one_transaction_see_what_those_before_them_left(self, open_service: Open) -> None:
        codec, begin = await open_service(INN)

        told = await ask(codec, begin, *((Buy("blue"), key) for key in "abc"))

        assert [answer["left"] for answer in told] == [1, 0, 0]
        assert (await room(begin)).waiting == ("c",)


class TestFollowUps:
    async def test_another_key_decides_exactly_once_after_the_commit(self, open_service: Open) -> None:
        codec, begin = await open_service(INN)
        await ask(codec, begin, *((Buy("blue"), key) for key in "abc"))
        await ask(codec, begin, (Leave("blue"), "a"))

        first, again = await apply_due(codec, begin, LATER), await apply_due(codec, begin, LATER)

        assert (first.count, again.count, first.failures) == (1, 0, [])
        assert (await guest(begin, "c")).rooms == ("blue",)
        assert await room(begin) == Room(0, ())

    async def test_two_processes_share_the_follow_ups(self, open_service: Open) -> None:
        codec, begin = await open_service(INN)
        await ask(codec, begin, *((Buy("blue"), f"k{n}") for n in range(12)))
        await ask(codec, begin, *((Leave("blue"), f"k{n}") for n in range(2)))

        taken = await asyncio.gather(*(apply_due(codec, begin, LATER) for _ in range(3)))

        assert sum(each.count for each in taken) == 2
        assert [(await guest(begin, f"k{n}")).rooms for n in (2, 3)] == [("blue",), ("blue",)]


class TestForeignTopics:
    def written(self, codec: Codec, id_: bytes | None, *, offset: int = 0, writer: str = "cci-lyon") -> StoredRecord:
        headers = (("ce_type", b"fr.partenaire.Updated"), ("ce_id", id_))
        topic = codec.namespace + PARTNERS.topic(writer)
        return StoredRecord(topic, 3, offset, b"k", b'{"name":"%b"}' % (id_ or b""), headers)

    async def apply(self, codec: Codec, begin: Begin, *records: StoredRecord) -> Report:
        return await apply_records(codec, begin, records, NOW)

    async def test_a_record_is_applied_once_by_writer_and_id(self, open_service: Open) -> None:
        codec, begin = await open_service(INN)
        one, two = self.written(codec, b"1"), self.written(codec, b"2", offset=1)
        same = self.written(codec, b"1", offset=2)
        other = self.written(codec, b"1", writer="banque")

        first = await self.apply(codec, begin, one, two, same)
        again = await self.apply(codec, begin, one, two, same, other)

        assert (first.fresh, first.duplicates) == (2, 1)
        assert (again.fresh, again.duplicates) == (1, 3)
        assert (await guest(begin, "k")).names == ("1", "2", "1")

    async def test_what_says_something_else_under_a_known_id_is_told_and_not_dropped(self, open_service: Open) -> None:
        codec, begin = await open_service(INN)
        one, other, third = (self.written(codec, b"1", offset=n) for n in range(3))
        other = other._replace(value=b'{"name":"another"}')
        third = third._replace(key=b"other")
        again = one._replace(offset=3, headers=(*one.headers, ("traceparent", b"00-1-1-01")))

        first = await self.apply(codec, begin, one, other)
        second = await self.apply(codec, begin, one, other, third, again)

        assert [letter.record.offset for letter in first.dead] == [1]
        assert [letter.record.offset for letter in second.dead] == [2]
        assert (first.fresh, second.fresh, second.duplicates) == (1, 0, 2)
        assert "says something else" in first.dead[0].reason
        assert (await guest(begin, "k")).names == ("1",)

    async def test_a_record_whose_content_was_not_kept_counts_as_known(self, open_service: Open) -> None:
        codec, begin = await open_service(INN)
        async with begin() as transaction:
            await transaction.admit({("cci-lyon", "1"): b""})

        report = await self.apply(codec, begin, self.written(codec, b"1"))

        assert (report.fresh, report.duplicates, report.dead) == (0, 1, [])

    async def test_two_processes_with_the_same_records_apply_them_once(self, open_service: Open) -> None:
        codec, begin = await open_service(INN)
        batch = [self.written(codec, b"%d" % n, offset=n) for n in range(20)]

        reports = await asyncio.gather(*(self.apply(codec, begin, *batch) for _ in range(3)))

        assert sorted(report.fresh for report in reports) == [0, 0, 20]

    @pytest.mark.parametrize("id_", [None, b"", b"\xff", b"x" * 201, b"a\0b"])
    async def test_a_record_without_a_usable_id_is_a_dead_letter_and_blocks_nobody(
        self, open_service: Open, id_: bytes | None
    ) -> None:
        codec, begin = await open_service(INN)

        report = await self.apply(codec, begin, self.written(codec, id_), self.written(codec, b"2", offset=1))

        assert [letter.reason for letter in report.dead] == ["header ce_id is missing, too long or not UTF-8"]
        assert (await guest(begin, "k")).names == ("2",)

    @pytest.mark.parametrize("time", [b"yesterday", b"2026-01-05T12:00:00"])
    async def test_a_time_that_cannot_be_read_is_a_dead_letter(self, open_service: Open, time: bytes) -> None:
        codec, begin = await open_service(INN)
        good = self.written(codec, b"1")

        report = await self.apply(codec, begin, good._replace(headers=(*good.headers, ("ce_time", time))))

        assert "ce_time" in report.dead[0].reason

    async def test_a_record_without_the_header_of_its_id_is_a_dead_letter(self, open_service: Open) -> None:
        codec, begin = await open_service(INN)
        good = self.written(codec, b"1")

        report = await self.apply(codec, begin, good._replace(headers=good.headers[:1]))

        assert [letter.reason for letter in report.dead] == ["header ce_id is missing, too long or not UTF-8"]

    def test_a_message_has_the_id_of_its_writer_of_its_own_and_of_what_it_says(self) -> None:
        codec = Codec(INN, writers=("cci-lyon", "banque"))
        records = [self.written(codec, b"1", writer=writer) for writer in ("cci-lyon", "banque")]
        records += [records[0]._replace(value=b'{"name":"another"}'), records[0]._replace(offset=9)]
        told = [codec.decode(record, 1, NOW) for record in records]

        ids = [message.id for message in told if message is not None]
        assert (len({*ids[:3]}), ids[3]) == (3, ids[0])
        assert [message.time for message in told if message is not None] == [NOW] * 4


class TestOutputs:
    async def test_a_decision_writes_several_topics_each_numbered(self, open_service: Open) -> None:
        codec, begin = await open_service(INN)

        await ask(codec, begin, (Buy("blue"), "k"), (Buy("red"), "k"))

        assert [await heads(codec, begin, topic, "k") for topic in (INN.topic, PUBLIC)] == [2, 2]

    async def test_a_whole_topic_is_passed_on_undecoded_and_numbered_anew(self, open_service: Open) -> None:
        codec, begin = await open_service(INN)
        strange = record(codec, 1, value=b"not json at all")

        report = await apply_records(codec, begin, [strange, record(codec, 2)], NOW)

        assert (report.fresh, report.published, report.dead) == (2, 2, [])
        assert await heads(codec, begin, ARCHIVE, "k") == 2

    def test_what_is_passed_on_keeps_its_headers_but_the_number(self) -> None:
        codec = Codec(INN)
        message = codec.decode(record(codec, 7), 7, NOW)
        assert message is not None
        decision = LOG.rules[0].decide(LOG.initial("k"), _pools(), message)

        (outgoing,) = codec.outgoing(message, decision.events)

        assert outgoing.topic == ARCHIVE
        assert outgoing.headers == tuple(pair for pair in record(codec, 7).headers if pair[0] != "ce_sequence")
        assert decision.rows == ("fr.croissanceconnectee.toy.Counted", 7)


def _pools() -> Any:
    return type(NO_POOLS)({}, {"prices": 7})


class TestRulesByThemselves:
    def test_a_rule_reads_the_pools_that_it_named(self) -> None:
        decision = decided(INN, Guest(), message_of(Buy("blue"), "k", NOW), {ROOMS.at("blue"): Room(1)})

        assert decision.answer == {"left": 0}
        assert after({}, decision.draws) == {ROOMS.at("blue"): Room(0)}

    def test_a_rule_that_reads_another_pool_says_which(self) -> None:
        given = {ROOMS.at("blue"): Room(), ROOMS.at("red"): Room()}
        with pytest.raises(PoolMissing) as raised:
            decided(INN, Guest(), message_of(Buy("blue", also="red"), "k", NOW), given)
        assert raised.value.refs == {Ref("rooms", "red")}

    def test_an_input_without_a_rule_is_an_error(self) -> None:
        with pytest.raises(LookupError, match="no rule for int"):
            decided(INN, Guest(), message_of(3, "k", NOW))


class TestDeclaration:
    def test_a_forgotten_line_stops_the_start(self) -> None:
        lines = tuple(line for line in GUESTS.rules if line.input is not Offered)
        forgetful = Aggregate("guests", Guest, GUESTS.initial, lines)
        service = Buy.__module__.partition(".")[0]

        with pytest.raises(Misconfigured, match=r"Offered \(.*toys\) has no rule"):
            Service(name=service, title="", aggregates=(forgetful, LOG), pools=(ROOMS,))

    @pytest.mark.parametrize(
        ("lines", "fault"),
        [
            ((on(Buy, buy), on(Buy, buy)), "Buy has several rules"),
            ((on(Buy, buy, of="counter"),), "Buy is not consumed and has an origin"),
        ],
    )
    def test_a_line_that_contradicts_another_stops_the_start(self, lines: Any, fault: str) -> None:
        with pytest.raises(Misconfigured, match=fault):
            Service(name="inn", title="", aggregates=(Aggregate("guests", Guest, GUESTS.initial, lines),))

    def test_one_name_of_a_topic_has_one_reader(self) -> None:
        class Counted(Consumed, frozen=True):
            """Another reading of the same event."""

        def read(state: Seen, _: Pools, __: Message[Counted]) -> Decision[Seen]:
            return Decision(state)

        lines = (*READINGS.rules, on(Counted, read, of="counter"))
        with pytest.raises(Misconfigured, match="Counted of counter is read twice"):
            Service(name="reader", title="", aggregates=(Aggregate("readings", Seen, READINGS.initial, lines),))

    def test_a_name_is_given_once(self) -> None:
        with pytest.raises(Misconfigured, match="rooms names two things"):
            Service(name="inn", title="", aggregates=(Aggregate("rooms", Guest, GUESTS.initial, ()),), pools=(ROOMS,))
