"""The conformance suite: the unit of work in memory and on PostgreSQL behave the same."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from common.core import requests
from common.core.commands import Ask, to_message
from common.core.deadlines import apply_due
from common.core.grouping import GroupCommit
from common.core.inbox import StoredRecord, TopicPartition
from common.core.records import apply_records
from common.declare.decision import Refusal
from common.http.problems import status_of
from common.testing.chain import COUNTER, READER, Count

from .conftest import Open
from .places import NOW, P, count, record, seen


class TestEvents:
    async def test_a_batch_delivered_twice_is_applied_once(self, open_service: Open) -> None:
        codec, begin = await open_service(READER)
        batch = [record(codec, n) for n in (1, 2, 3)]

        first = await apply_records(codec, begin, batch, NOW)
        again = await apply_records(codec, begin, batch, NOW)

        assert (first.fresh, first.duplicates) == (3, 0)
        assert (again.fresh, again.duplicates) == (0, 3)
        assert (await seen(codec, begin)).counted == (1, 2, 3)

    async def test_nothing_after_a_gap_is_applied_until_it_is_filled(self, open_service: Open) -> None:
        codec, begin = await open_service(READER)

        gapped = await apply_records(codec, begin, [record(codec, 1), record(codec, 3)], NOW)
        assert gapped.gaps == {TopicPartition(codec.topics[0], P): 2}
        assert (await seen(codec, begin)).counted == (1,)

        healed = await apply_records(codec, begin, [record(codec, 2), record(codec, 3)], NOW)
        assert healed.gaps == {}
        assert (await seen(codec, begin)).counted == (1, 2, 3)

    async def test_two_processes_with_the_same_batch_apply_it_once(self, open_service: Open) -> None:
        codec, begin = await open_service(READER)
        batch = [record(codec, n) for n in range(1, 50)]

        reports = await asyncio.gather(*(apply_records(codec, begin, batch, NOW) for _ in range(4)))

        assert sorted(report.fresh for report in reports) == [0, 0, 0, 49]
        assert (await seen(codec, begin)).counted == tuple(range(1, 50))

    @pytest.mark.parametrize(
        ("broken", "reason"),
        [
            ({"value": b"not json"}, "data of Counted"),
            ({"value": b'{"key":"k"}'}, "missing required field `n`"),
            ({"value": b"\xff\xfe"}, "data of Counted"),
            ({"value": b'{"key":"k","n":2,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"}, "data of Counted"),
        ],
    )
    async def test_poison_is_set_aside_with_its_reason_and_parks_its_key(
        self, open_service: Open, broken: dict[str, Any], reason: str
    ) -> None:
        codec, begin = await open_service(READER)
        batch = [record(codec, 1), record(codec, 2, **broken), record(codec, 3), record(codec, 4, key="other")]

        report = await apply_records(codec, begin, batch, NOW)

        assert [letter.sequence for letter in report.dead] == [2]
        assert reason in report.dead[0].reason
        assert report.parked == 1
        assert (await seen(codec, begin)).counted == (1,)
        assert (await seen(codec, begin, "other")).counted == (4,)
        later = await apply_records(codec, begin, [record(codec, 5)], NOW)
        assert later.parked == 1

    @pytest.mark.parametrize(
        "headers",
        [(), (("ce_sequence", None),), (("ce_sequence", b"x"),), (("ce_sequence", b"0"),), (("other", b"1"),)],
    )
    async def test_a_record_without_a_number_is_set_aside_and_blocks_nobody(
        self, open_service: Open, headers: Sequence[tuple[str, bytes | None]]
    ) -> None:
        codec, begin = await open_service(READER)
        stranger = StoredRecord(codec.topics[0], P, 7, b"k", b"{}", headers)

        report = await apply_records(codec, begin, [record(codec, 1), stranger, record(codec, 2)], NOW)
        again = await apply_records(codec, begin, [stranger, record(codec, 3)], NOW)

        assert [letter.sequence for letter in report.dead] == [None]
        assert (again.fresh, again.dead, again.published) == (1, [], 0)  # announced once, however often it is read
        assert (await seen(codec, begin)).counted == (1, 2, 3)

    @pytest.mark.parametrize("missing", ["ce_id", "ce_time", "ce_type"])
    async def test_a_header_without_a_value_is_poison(self, open_service: Open, missing: str) -> None:
        codec, begin = await open_service(READER)
        good = record(codec, 1)
        headers = [(name, None if name == missing else value) for name, value in good.headers]

        report = await apply_records(codec, begin, [good._replace(headers=headers)], NOW)

        assert missing in report.dead[0].reason

    async def test_a_record_without_a_usable_key_is_poison(self, open_service: Open) -> None:
        codec, begin = await open_service(READER)
        batch = [record(codec, 1)._replace(key=None), record(codec, 2)._replace(key=b"a\0b"), record(codec, 3)]

        report = await apply_records(codec, begin, batch, NOW)

        assert [letter.sequence for letter in report.dead] == [1, 2]
        assert (await seen(codec, begin)).counted == (3,)


class TestCommands:
    async def test_numbers_are_gapless_in_order_of_commit(self, open_service: Open) -> None:
        codec, begin = await open_service(COUNTER)

        await asyncio.gather(*(count(codec, begin, f"t{n}") for n in range(30)))

        async with begin() as transaction:
            heads = await transaction.lock_heads([TopicPartition(codec.topic, P)])
        assert heads == {TopicPartition(codec.topic, P): 30}

    async def test_no_update_is_lost_between_concurrent_commands(self, open_service: Open) -> None:
        codec, begin = await open_service(COUNTER)

        answers = await asyncio.gather(*(count(codec, begin, f"t{n}") for n in range(15)))

        assert sorted(answer["n"] for answer in answers) == list(range(1, 16))

    async def test_a_rule_that_raises_answers_500_and_writes_nothing(self, open_service: Open) -> None:
        codec, begin = await open_service(COUNTER)

        answer = await count(codec, begin, "broken")

        assert isinstance(answer, Refusal)
        assert answer.kind == "internal"
        assert (await count(codec, begin, "fine"))["n"] == 1

    @pytest.mark.parametrize("times", [1, 1000], ids=["small", "large enough to be compressed"])
    async def test_the_same_key_and_body_get_the_same_answer_once(self, open_service: Open, times: int) -> None:
        codec, begin = await open_service(COUNTER)

        async def ask(body: bytes, token: str) -> tuple[int, bytes]:
            message = to_message(Ask(Count(token), "k"), 0, "key", "")

            def render(answers: Sequence[object]) -> tuple[int, bytes]:
                (answer,) = answers
                return (
                    (status_of(answer), b"no")
                    if isinstance(answer, Refusal)
                    else (201, msgspec.json.encode(answer) * times)
                )

            request = requests.Request([message], render, "key", body)
            return (await requests.apply_requests(codec, begin, [request])).replies[0]

        refused = await ask(b"r", "refused")
        first, again, other = await ask(b"a", "t1"), await ask(b"a", "t2"), await ask(b"b", "t3")

        assert refused == (409, b"no")
        assert first == again == (201, b'{"n":1}' * times)
        assert other == (422, b"no")

    async def test_requests_of_one_transaction_are_answered_one_by_one(self, open_service: Open) -> None:
        codec, begin = await open_service(COUNTER)

        def render(answers: Sequence[object]) -> tuple[int, bytes]:
            refused = [answer for answer in answers if isinstance(answer, Refusal)]
            return (status_of(refused[0]), b"no") if refused else (201, msgspec.json.encode(answers))

        def ask(token: str, key: str = "", body: bytes = b"", count: int = 1) -> requests.Request:
            commands = [to_message(Ask(Count(f"{token}{i or ''}"), "k"), i, key, "") for i in range(count)]
            return requests.Request(commands, render, key, body)

        asked = [
            ask("a"),
            ask("b", "key", b"b", 2),
            ask("refused", "other", b"r"),
            ask("x", "key", b"b", 2),
            ask("x", "key", b"x", 2),
            ask("c"),
        ]
        replies, failures, *_ = await requests.apply_requests(codec, begin, asked)

        assert replies == [
            (201, b'[{"n":1}]'),
            (201, b'[{"n":2},{"n":3}]'),
            (409, b"no"),
            (201, b'[{"n":2},{"n":3}]'),
            (422, b"no"),
            (201, b'[{"n":4}]'),
        ]
        assert failures == []

    async def test_a_value_the_database_refuses_harms_no_other_request(self, open_service: Open) -> None:
        codec, begin = await open_service(COUNTER)
        commits = GroupCommit(codec, begin)

        def render(answers: Sequence[object]) -> tuple[int, bytes]:
            return 201, msgspec.json.encode(answers)

        def ask(token: str) -> requests.Request:
            return requests.Request([to_message(Ask(Count(token), f"k{token}"), 0, "", "")], render)

        asked = [commits.hand_in(ask(token)) for token in ("a", "b", "bad\0", "c")]
        replies = await asyncio.gather(*asked, return_exceptions=True)

        assert [reply for reply in replies if not isinstance(reply, BaseException)].count((201, b'[{"n":1}]')) >= 3


class TestDeadlines:
    async def test_a_deadline_is_decided_once_when_it_falls_due(self, open_service: Open) -> None:
        codec, begin = await open_service(COUNTER)
        message = to_message(Ask(Count(), "k"), 0, "", "")
        await requests.apply_commands(codec, begin, [message])

        early = await apply_due(codec, begin, message.time)
        taken = await apply_due(codec, begin, message.time + timedelta(minutes=2))
        again = await apply_due(codec, begin, message.time + timedelta(minutes=3))

        assert (early.count, taken.count, again.count) == (0, 1, 0)
        assert taken.failures == []
        async with begin() as transaction:
            heads = await transaction.lock_heads([TopicPartition(codec.topic, P)])
        assert heads == {TopicPartition(codec.topic, P): 2}
