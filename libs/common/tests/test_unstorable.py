"""What the database refuses is found among its neighbours: these are carried out once, it gets its reason."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import pytest

from common.core.codec import Codec, partition_of
from common.core.commands import Ask, to_message
from common.core.deadlines import apply_due
from common.core.deciding import Failure
from common.core.grouping import GroupCommit
from common.core.inbox import TopicPartition
from common.core.records import apply_records
from common.core.requests import Request, apply_commands
from common.declare.aggregate import Aggregate, Rule, on
from common.declare.decision import Decision, Refusal
from common.declare.errors import Unstorable
from common.declare.inputs import Deadline
from common.declare.message import Message
from common.declare.pool import Pools
from common.declare.service import Service
from common.http.problems import status_of
from common.testing.breakable import Fault, Faults, breakable
from common.testing.chain import COUNTER, READER, Count, Total, count

from .places import NOW, OpenPlace, P, Place, head, record, seen

LATER = timedelta(minutes=2)


@pytest.mark.parametrize("bad", [1, 4, 7])
@pytest.mark.parametrize("fault", ["unstorable", "endless"])
async def test_exactly_the_record_it_comes_from_is_a_letter(open_place: OpenPlace, fault: Fault, bad: int) -> None:
    place = await open_place(breakable(READER, {bad: fault}))
    batch = [record(place.codec, n, key=f"k{n}") for n in range(1, 8)]

    report = await apply_records(place.codec, place.begin, batch, NOW)
    again = await apply_records(place.codec, place.begin, batch, NOW)

    assert (report.fresh, report.duplicates, again.fresh, again.duplicates) == (7, 0, 0, 7)
    assert [letter.sequence for letter in report.dead] == [bad]
    told = [(await seen(place.codec, place.begin, f"k{n}")).counted for n in range(1, 8)]
    assert told == [() if n == bad else (n,) for n in range(1, 8)]
    where = TopicPartition(place.codec.topics[0], P)
    async with place.begin() as transaction:
        position = (await transaction.lock_positions([where]))[where]
    assert position == (7, 7, 7)
    assert await head(place.codec, place.begin, place.codec.dead_letter_topic) == 1


async def test_what_follows_of_its_key_waits(open_place: OpenPlace) -> None:
    place = await open_place(breakable(READER, {2: "unstorable"}))
    batch = [record(place.codec, n) for n in (1, 2, 3, 4)]

    report = await apply_records(place.codec, place.begin, batch, NOW)

    assert (len(report.dead), report.parked) == (1, 2)
    assert (await seen(place.codec, place.begin)).counted == (1,)


async def test_numbers_stay_gapless(open_place: OpenPlace) -> None:
    place = await open_place(breakable(COUNTER, {"b": "unstorable"}))
    messages = [to_message(Ask(Count(token), "k"), 0, token, "") for token in "abcd"]

    decided = await apply_commands(place.codec, place.begin, messages)

    told = [getattr(answer, "code", answer) for answer in decided.answers]
    assert told == [{"n": 1}, "valeur_refusee", {"n": 2}, {"n": 3}]
    assert [failure.message.id for failure in decided.failures] == [messages[1].id]
    assert await head(place.codec, place.begin, place.codec.topic) == 3


def render(answers: Sequence[object]) -> tuple[int, bytes]:
    (answer,) = answers
    return (status_of(answer), b"no") if isinstance(answer, Refusal) else (201, msgspec.json.encode(answer))


async def test_a_request_it_comes_from_is_refused_and_its_neighbours_are_not(open_place: OpenPlace) -> None:
    place = await open_place(breakable(COUNTER, {"bad": "unstorable", "broken": "raises"}))
    failed: list[Failure] = []
    commits = GroupCommit(place.codec, place.begin, on_failure=failed.append)

    def ask(token: str) -> Request:
        return Request([to_message(Ask(Count(token), f"k{token}"), 0, "", "")], render)

    asked = [commits.hand_in(ask(token)) for token in ("a", "bad", "broken", "c", "d")]
    replies = await asyncio.gather(*asked, return_exceptions=True)

    assert isinstance(replies[1], Unstorable)
    assert replies[0] == replies[3] == replies[4] == (201, b'{"n":1}')
    assert replies[2] == (500, b"no")
    assert [failure.message.key for failure in failed] == ["kbroken"]
    assert commits.lanes == set()


async def test_a_caller_that_went_away_harms_nobody(open_place: OpenPlace) -> None:
    place = await open_place(COUNTER)
    commits = GroupCommit(place.codec, place.begin)

    def ask(token: str) -> Request:
        return Request([to_message(Ask(Count(token), "k"), 0, "", "")], render)

    gone = asyncio.create_task(commits.hand_in(ask("a")))
    await asyncio.sleep(0)
    gone.cancel()

    assert (await commits.hand_in(ask("b")))[0] == 201


# --- deadlines -------------------------------------------------------------------------------------------------------


async def three_deadlines(place: Place) -> datetime:
    """A deadline each of k1, k2 and k3; returns when they are due."""
    messages = [to_message(Ask(Count(), f"k{n}"), 0, "", "") for n in (1, 2, 3)]
    await apply_commands(place.codec, place.begin, messages)
    return max(message.time for message in messages) + LATER


@pytest.mark.parametrize("bad", ["k1", "k2", "k3"])
@pytest.mark.parametrize("fault", ["raises", "unstorable", "endless"])
async def test_a_deadline_that_fails_is_tried_again_later_and_the_others_are_decided(
    open_place: OpenPlace, fault: Fault, bad: str
) -> None:
    faults: Faults = {}
    place = await open_place(breakable(COUNTER, faults))
    now = await three_deadlines(place)
    (before,) = [due for due in await place.deadlines() if due.key == bad]
    faults[bad] = fault

    failed: list[str] = []
    while (taken := await apply_due(place.codec, place.begin, now)).count:
        failed += [failure.message.key for failure in taken.failures]

    assert failed == [bad]
    assert await place.deadlines() == [before._replace(due=now + timedelta(minutes=5))]
    assert await reminders(place) == 2
    faults.clear()
    assert (await apply_due(place.codec, place.begin, now + timedelta(minutes=5))).count == 1
    assert await reminders(place) == 3
    assert await place.deadlines() == []


async def reminders(place: Place) -> int:
    """How many events k1, k2 and k3 led to, beside their counts."""
    partitions = {partition_of(f"k{n}") for n in (1, 2, 3)}
    return sum([await head(place.codec, place.begin, place.codec.topic, n) for n in sorted(partitions)]) - 3


class Remind(Deadline, frozen=True):
    """Another release's deadline of the same name."""

    other: str


def release(*lines: Rule[Total]) -> Service:
    """The counter with other deadlines than it set."""
    return replace(COUNTER, aggregates=(Aggregate("totals", Total, lambda _: Total(), (on(Count, count), *lines)),))


def unchanged(state: Total, _: Pools, __: Message[Remind]) -> Decision[Total]:
    """Nothing."""
    return Decision(state)


@pytest.mark.parametrize(
    ("declared", "reason"), [((), "is not declared"), ((on(Remind, unchanged),), "data of deadline Remind")]
)
async def test_a_deadline_that_this_release_cannot_read_waits(
    open_place: OpenPlace, declared: tuple[Rule[Total], ...], reason: str
) -> None:
    place = await open_place(COUNTER)
    now = await three_deadlines(place)
    before = await place.deadlines()
    codec = Codec(release(*declared), place.codec.namespace)

    taken = await apply_due(codec, place.begin, now)

    assert taken.count == 3
    assert all(reason in str(failure.error) for failure in taken.failures)
    assert await place.deadlines() == [due._replace(due=now + timedelta(minutes=5)) for due in before]
