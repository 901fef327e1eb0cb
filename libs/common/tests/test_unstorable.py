"""What the database refuses is found among its neighbours: these are carried out once, it gets its reason."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

import msgspec
import pytest

from common.core.codec import Codec, partition_of
from common.core.commands import Ask, to_message
from common.core.deadlines import apply_due
from common.core.deciding import Failure
from common.core.grouping import GroupCommit
from common.core.inbox import TopicPartition
from common.core.records import apply_records
from common.core.replays import apply_replay
from common.core.requests import MOST_CONDEMNED, Request, apply_commands, apply_requests
from common.core.unit_of_work import Begin, Changes, Transaction
from common.declare.aggregate import Aggregate, Rule, on
from common.declare.decision import Decision, Refusal
from common.declare.errors import Misconfigured, Transient, Unstorable
from common.declare.inputs import Deadline
from common.declare.message import Message
from common.declare.pool import Pools
from common.declare.service import Service
from common.http.problems import status_of
from common.testing.breakable import Fault, Faults, breakable
from common.testing.chain import COUNTER, READER, Count, Total, count
from common.testing.chain import Remind as AMinuteLater

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


def render_all(answers: Sequence[object]) -> tuple[int, bytes]:
    told = [answer.code if isinstance(answer, Refusal) else answer for answer in answers]
    return 200, msgspec.json.encode(told)


def batch(tokens: str, key: str = "") -> Request:
    """One request with a command a token, each on a key of its own."""
    messages = [to_message(Ask(Count(token), f"k{token}"), n, key, "") for n, token in enumerate(tokens)]
    return Request(messages, render_all, key, tokens.encode())


@pytest.mark.parametrize("bad", ["a", "d", "h", "ah", "abcdefgh"])
async def test_of_a_batch_only_the_item_it_comes_from_is_refused(open_place: OpenPlace, bad: str) -> None:
    place = await open_place(breakable(COUNTER, dict.fromkeys(bad, "unstorable")))
    failed: list[Failure] = []
    commits = GroupCommit(place.codec, place.begin, on_failure=failed.append)

    asked = [commits.hand_in(batch("abcdefgh", "key")), commits.hand_in(batch("xyz"))]
    replies = await asyncio.gather(*asked)
    again = await commits.hand_in(batch("abcdefgh", "key"))

    told = ["valeur_refusee" if token in bad else {"n": 1} for token in "abcdefgh"]
    assert replies == [(200, msgspec.json.encode(told)), (200, msgspec.json.encode([{"n": 1}] * 3))]
    assert again == replies[0]
    assert sorted({failure.message.key for failure in failed}) == [f"k{token}" for token in bad]
    assert all(isinstance(failure.error, Unstorable) for failure in failed)


async def test_where_only_the_whole_fails_the_whole_is_refused_and_nobody_else(open_place: OpenPlace) -> None:
    place = await open_place(COUNTER)
    commits = GroupCommit(place.codec, place.begin)

    def together(answers: Sequence[object]) -> tuple[int, bytes]:
        if sum(not isinstance(answer, Refusal) for answer in answers) > 2:
            raise ValueError("too much for one answer")
        return render_all(answers)

    asked = [commits.hand_in(batch("abcd")._replace(render=together)), commits.hand_in(batch("xy"))]
    replies = await asyncio.gather(*asked, return_exceptions=True)

    assert isinstance(replies[0], ValueError)
    assert replies[1] == (200, b'[{"n":1},{"n":1}]')
    assert (await commits.hand_in(batch("abcd")))[1] == msgspec.json.encode([{"n": 1}] * 4)


async def test_more_bad_items_than_are_looked_for_fail_their_request(open_place: OpenPlace) -> None:
    tokens = "".join(map(chr, range(0x100, 0x100 + MOST_CONDEMNED + 1)))
    place = await open_place(breakable(COUNTER, dict.fromkeys(tokens, "unstorable")))
    commits = GroupCommit(place.codec, place.begin)

    with pytest.raises(Unstorable):
        await commits.hand_in(batch(tokens))
    assert (await commits.hand_in(batch("x")))[0] == 200


async def test_an_answer_that_cannot_be_said_is_the_failure_of_its_request_alone(open_place: OpenPlace) -> None:
    """As half an emoji in an answer: the other requests of the transaction are answered and kept, this one is not."""
    place = await open_place(COUNTER)
    commits = GroupCommit(place.codec, place.begin)

    def speechless(answers: Sequence[object]) -> tuple[int, bytes]:
        return 200, f"\ud83d{answers}".encode()

    bad = batch("bb")._replace(render=speechless)
    asked = [commits.hand_in(request) for request in (batch("a"), bad, batch("c"), batch("b")._replace(render=render))]
    replies = await asyncio.gather(*asked, return_exceptions=True)

    assert isinstance(replies[1], UnicodeEncodeError | Unstorable)  # the second where it is the database that meets it
    assert [replies[0], replies[2], replies[3]] == [(200, b'[{"n":1}]'), (200, b'[{"n":1}]'), (201, b'{"n":1}')]


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
async def test_a_database_that_goes_away_while_the_guilty_one_is_looked_for_condemns_none(
    open_place: OpenPlace, nth: int
) -> None:
    place = await open_place(breakable(COUNTER, {"b": "unstorable"}))
    begun = 0

    @asynccontextmanager
    async def begin() -> AsyncGenerator[Transaction]:
        nonlocal begun
        begun += 1
        if begun == nth:
            raise Transient("away")
        async with place.begin() as transaction:
            yield transaction

    with pytest.raises(Transient):
        await GroupCommit(place.codec, begin).hand_in(batch("ab"))
    assert (await GroupCommit(place.codec, place.begin).hand_in(batch("a")))[0] == 200


class Tripping:
    """A transaction that fails of an error that nobody foresaw when it saves a key."""

    def __init__(self, inner: Transaction, key: str, error: Exception) -> None:
        self.inner, self.key, self.error = inner, key, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def save(self, changes: Changes) -> None:
        if any(key == self.key for _, key in changes.states):
            raise self.error
        await self.inner.save(changes)


def tripping(begin: Begin, key: str, error: Exception) -> Begin:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[Transaction]:
        async with begin() as transaction:
            yield cast("Transaction", Tripping(transaction, key, error))

    return opened


async def test_an_error_that_nobody_foresaw_is_narrowed_down_too(open_place: OpenPlace) -> None:
    place = await open_place(COUNTER)
    begin = tripping(place.begin, "kb", RuntimeError("a bug of the storage"))
    messages = [to_message(Ask(Count(token), f"k{token}"), 0, token, "") for token in "abc"]
    commits = GroupCommit(place.codec, begin)

    own = await apply_commands(place.codec, begin, messages)
    of_batch = await commits.hand_in(batch("xbz"))
    alone = await asyncio.gather(*(commits.hand_in(batch(t)) for t in "pbq"), return_exceptions=True)

    assert [getattr(answer, "code", answer) for answer in own.answers] == [{"n": 1}, "erreur_interne", {"n": 1}]
    assert of_batch == (200, b'[{"n":1},"erreur_interne",{"n":1}]')
    assert [alone[0], alone[2]] == [(200, b'[{"n":1}]')] * 2
    assert isinstance(alone[1], RuntimeError)


class Overtaken(Tripping):
    """A transaction that meets, when it saves, the rows of a request that was committed since it began."""

    winner: Callable[[], Awaitable[object]] | None = None

    async def save(self, changes: Changes) -> None:
        if self.winner is not None:
            await self.winner()
            raise self.error
        await self.inner.save(changes)


@pytest.mark.parametrize(("tokens", "told"), [("a", (200, b'[{"n":1}]')), ("b", (200, b'["cle_deja_utilisee"]'))])
async def test_of_two_contents_at_once_under_one_key_one_is_told_that_it_is_used(
    open_place: OpenPlace, tokens: str, told: tuple[int, bytes]
) -> None:
    """What derives from the key is there already, which the database says as a value that it refuses."""
    place = await open_place(COUNTER)
    duplicate = Unstorable("duplicate key value violates unique constraint")
    winners = iter([lambda: apply_requests(place.codec, place.begin, [batch("a", "key")])])

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Transaction]:
        async with place.begin() as transaction:
            overtaken = Overtaken(transaction, "", duplicate)
            overtaken.winner = next(winners, None)
            yield cast("Transaction", overtaken)

    carried = await apply_requests(place.codec, opened, [batch(tokens, "key")])

    assert carried.replies == [told]
    async with place.begin() as transaction:
        assert list((await transaction.load({("totals", "ka"), ("totals", "kb")})).keys()) == [("totals", "ka")]


async def test_what_is_no_commands_fault_condemns_none(open_place: OpenPlace) -> None:
    place = await open_place(COUNTER)
    begin = tripping(place.begin, "kb", Misconfigured("a table is missing"))
    commits = GroupCommit(place.codec, begin)

    with pytest.raises(Misconfigured):
        await commits.hand_in(batch("abc"))
    with pytest.raises(Misconfigured):
        await apply_commands(place.codec, begin, batch("abc").messages)


def noted(state: Total, _: Pools, message: Message[AMinuteLater]) -> Decision[Total]:
    """A minute has passed, which is remembered."""
    return Decision(msgspec.structs.replace(state, told=(*state.told, message.input.n)))


NOTING = replace(
    COUNTER,
    aggregates=(Aggregate("totals", Total, lambda _: Total(), (on(Count, count), on(AMinuteLater, noted))),),
)


async def test_a_deadline_that_trips_the_storage_waits_and_the_others_are_decided(open_place: OpenPlace) -> None:
    place = await open_place(NOTING)
    now = await three_deadlines(place)
    begin = tripping(place.begin, "k2", RuntimeError("a bug of the storage"))

    failed: list[Failure] = []
    while (taken := await apply_due(place.codec, begin, now)).count:
        failed += taken.failures

    assert [(failure.message.key, type(failure.error)) for failure in failed] == [("k2", RuntimeError)]
    assert [(due.key, due.due) for due in await place.deadlines()] == [("k2", now + timedelta(minutes=5))]


async def test_no_deadline_is_blamed_for_a_database_that_refuses_every_transaction(open_place: OpenPlace) -> None:
    place = await open_place(COUNTER)
    now = await three_deadlines(place)
    refused = 0

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Transaction]:
        nonlocal refused
        refused += 1
        async with place.begin() as transaction:
            yield transaction
            raise RuntimeError("after a first look, not even a transaction") if refused == 1 else AssertionError

    with pytest.raises(AssertionError):
        await apply_due(place.codec, opened, now)
    assert len(await place.deadlines()) == 3


async def test_a_replay_that_trips_the_storage_is_open_again_and_the_next_goes_on(open_place: OpenPlace) -> None:
    faults: Faults = {1: "raises", 2: "raises"}
    place = await open_place(breakable(READER, faults))
    await apply_records(place.codec, place.begin, [record(place.codec, n, key=f"k{n}") for n in (1, 2)], NOW)
    faults.clear()
    await place.replay(*[letter.id for letter in await place.letters()])
    begin = tripping(place.begin, "k1", RuntimeError("a bug of the storage"))

    while await apply_replay(place.codec, begin, NOW):
        pass

    one, two = await place.letters()
    assert (one.status, two.status) == ("open", "replayed")
    assert one.reason == "RuntimeError: a bug of the storage"
    assert (await seen(place.codec, place.begin, "k2")).counted == (2,)


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
