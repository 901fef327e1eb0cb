"""A rule that raises on an event: its key waits, the others go on; replayed or dropped, the order of the key stays."""

import asyncio
from typing import Any

import pytest

from common.core.dead_letter import Parked
from common.core.inbox import StoredRecord
from common.core.records import Report, apply_records
from common.core.replays import apply_replay
from common.declare.service import Service
from common.testing.breakable import Fault, Faults, breakable, with_rule
from common.testing.chain import READER

from .conftest import OpenPostgres
from .places import NOW, Place, head, record, seen
from .places import OpenPlace as Open


def broken(faults: Faults) -> Service:
    return breakable(READER, faults)


async def apply(place: Place, *records: StoredRecord) -> Report:
    return await apply_records(place.codec, place.begin, records, NOW)


async def replayed(place: Place) -> bool:
    return await apply_replay(place.codec, place.begin, NOW) is not None


async def numbers(place: Place, key: str = "k") -> tuple[int, ...]:
    return (await seen(place.codec, place.begin, key)).counted


async def statuses(place: Place) -> list[tuple[int | None, str]]:
    return [(letter.sequence, letter.status) for letter in await place.letters()]


class TestSettingAside:
    async def test_what_follows_of_the_key_waits_and_other_keys_go_on(self, open_place: Open) -> None:
        place = await open_place(broken({2: "raises"}))
        counter, granter = place.codec.topics
        batch = [record(place.codec, n) for n in (1, 2, 3)] + [record(place.codec, 4, key="other")]

        report = await apply(place, *batch, record(place.codec, 1, topic=1))
        await apply(place, record(place.codec, 5), record(place.codec, 2, topic=1))

        assert (report.fresh, report.parked, report.published) == (5, 2, 1)
        (letter,) = await place.letters()
        assert letter[1:] == (counter, 2, "ValueError: a rule that fails", "open")
        assert await place.parked() == [(counter, 3), (granter, 1), (counter, 5), (granter, 2)]
        assert await numbers(place) == (1,)
        assert await numbers(place, "other") == (4,)
        assert (await seen(place.codec, place.begin)).granted == ()
        assert await head(place.codec, place.begin, place.codec.dead_letter_topic) == 1

    async def test_a_letter_of_another_topic_holds_its_key_back_within_the_batch(self, open_place: Open) -> None:
        place = await open_place(READER)
        counter, granter = place.codec.topics
        poison = record(place.codec, 1, topic=1, value=b"?")

        report = await apply(place, record(place.codec, 1), record(place.codec, 2, key="other"), poison)

        assert [(letter.record.topic, letter.sequence) for letter in report.dead] == [(granter, 1)]
        assert await place.parked() == [(counter, 1)]
        assert (await numbers(place), await numbers(place, "other")) == ((), (2,))

    async def test_a_letter_of_one_number_holds_back_no_earlier_one_of_its_partition(self, open_place: Open) -> None:
        place = await open_place(READER)

        await apply(place, record(place.codec, 1), record(place.codec, 2, value=b"?"))

        assert await numbers(place) == (1,)
        assert await place.parked() == []

    async def test_only_the_first_bad_record_of_a_key_is_a_letter(self, open_place: Open) -> None:
        place = await open_place(broken({2: "raises"}))
        bad = record(place.codec, 4, value=b"?")

        report = await apply(place, *(record(place.codec, n) for n in (1, 2, 3)), bad, record(place.codec, 5))
        await apply(place, record(place.codec, 6, value=b"?"))

        assert [letter.sequence for letter in report.dead] == [2]
        assert await statuses(place) == [(2, "open")]
        assert [sequence for _, sequence in await place.parked()] == [3, 4, 5, 6]

    async def test_events_the_service_does_not_read_pass_a_blocked_key(self, open_place: Open) -> None:
        place = await open_place(broken({1: "raises"}))

        report = await apply(place, record(place.codec, 1), record(place.codec, 2, event="Reminded"))

        assert (report.fresh, report.parked) == (2, 0)

    async def test_a_thousand_letters_of_others_hide_no_letter(self, open_postgres: OpenPostgres) -> None:
        place = await open_postgres(broken({1: "raises"}))
        await place.pool.execute(
            """insert into dead_letters (topic, partition, "offset", sequence, key, headers, raw_headers, reason)
            select 't', 0, n, n, 'x' || n, '[]', '', '' from generate_series(1, 1000) n"""
        )

        await apply(place, record(place.codec, 1))
        report = await apply(place, record(place.codec, 2), record(place.codec, 3, key="other"))

        assert report.parked == 1
        assert await numbers(place, "other") == (3,)

    @pytest.mark.parametrize("reason", ["a\0b", "\ud800"])
    async def test_whatever_a_rule_says_can_be_kept_as_a_reason(self, open_place: Open, reason: str) -> None:
        def decide(*_: object) -> Any:
            raise ValueError(reason)

        place = await open_place(with_rule(READER, decide))

        report = await apply(place, record(place.codec, 1))

        assert [letter.sequence for letter in report.dead] == [1]
        assert (await place.letters())[0].reason.startswith("ValueError: ")

    async def test_nothing_is_kept_of_a_decision_whose_rows_are_unusable(self, open_place: Open) -> None:
        place = await open_place(broken({1: "rowless"}))

        report = await apply(place, record(place.codec, 1), record(place.codec, 2, key="other"))

        assert [letter.sequence for letter in report.dead] == [1]
        assert (await numbers(place), await numbers(place, "other")) == ((), (2,))
        assert await place.deadlines() == []


class TestReplay:
    async def test_once_mended_all_is_applied_in_order(self, open_place: Open) -> None:
        faults: Faults = {2: "raises"}
        place = await open_place(broken(faults))
        await apply(place, *(record(place.codec, n) for n in (1, 2, 3)), record(place.codec, 1, topic=1))
        await apply(place, record(place.codec, 4))
        assert not await replayed(place)

        faults.clear()
        await place.replay(1)
        assert await replayed(place)
        assert not await replayed(place)
        await apply(place, record(place.codec, 5))

        assert await numbers(place) == (1, 2, 3, 4, 5)
        assert (await seen(place.codec, place.begin)).granted == (1,)
        assert await statuses(place) == [(2, "replayed")]
        assert await place.parked() == []

    @pytest.mark.parametrize("fault", ["raises", "unstorable", "endless"])
    async def test_what_fails_again_is_open_again_with_its_new_reason(self, open_place: Open, fault: Fault) -> None:
        faults: Faults = {1: "raises"}
        place = await open_place(broken(faults))
        await apply(place, *(record(place.codec, n) for n in (1, 2)))
        before = (await place.letters())[0].reason

        faults[1] = fault
        await place.replay(1)
        assert await replayed(place)

        (letter,) = await place.letters()
        assert letter.status == "open"
        assert (letter.reason == before) == (fault == "raises")
        assert not await replayed(place)  # it does not come again by itself
        assert (await numbers(place), len(await place.parked())) == ((), 1)
        assert await head(place.codec, place.begin, place.codec.dead_letter_topic) == 2

    @pytest.mark.parametrize("fault", ["raises", "unstorable", "poison"])
    async def test_a_good_letter_is_not_blamed_for_what_waits_behind_it(self, open_place: Open, fault: str) -> None:
        faults: Faults = {1: "raises"}
        place = await open_place(broken(faults))
        bad = record(place.codec, 3, value=b"?" if fault == "poison" else None)
        await apply(place, record(place.codec, 1), record(place.codec, 2), bad, record(place.codec, 4))

        faults.clear()
        if fault != "poison":
            faults[3] = "raises" if fault == "raises" else "unstorable"
        await place.replay(1)
        while await replayed(place):
            pass

        assert await numbers(place) == (1, 2)
        assert await statuses(place) == [(1, "replayed"), (2, "replayed"), (3, "open")]
        assert [sequence for _, sequence in await place.parked()] == [4]
        await place.drop(3)
        while await replayed(place):
            pass
        assert await numbers(place) == (1, 2, 4)
        assert await place.parked() == []

    async def test_a_record_without_a_number_or_key_is_replayed_by_itself(self, open_place: Open) -> None:
        place = await open_place(READER)
        strange = record(place.codec, 1)._replace(offset=90)
        unnumbered = strange._replace(headers=strange.headers[1:])
        await apply(place, unnumbered, record(place.codec, 1)._replace(key=None), record(place.codec, 2))

        await place.replay(1, 2)
        assert await replayed(place)
        assert await replayed(place)

        assert await numbers(place) == (2, 1)
        assert await statuses(place) == [(None, "replayed"), (1, "open")]

    async def test_an_event_parked_during_a_replay_is_not_left_behind(self, open_place: Open) -> None:
        faults: Faults = {1: "raises"}
        place = await open_place(broken(faults))
        await apply(place, record(place.codec, 1))
        faults.clear()
        await place.replay(1)

        await asyncio.gather(
            *(apply(place, record(place.codec, 2)) for _ in range(2)), replayed(place), replayed(place)
        )
        while await replayed(place):
            pass

        assert await numbers(place) == (1, 2)
        assert await place.parked() == []

    async def test_a_replay_waits_for_the_batch_that_parks_behind_it(self, open_place: Open) -> None:
        faults: Faults = {1: "raises"}
        place = await open_place(broken(faults))
        await apply(place, record(place.codec, 1))
        await place.replay(1)

        async with place.begin() as batch:
            assert await batch.blocked({"k"}) == {"k"}
            async with place.begin() as other:
                assert await other.take_replay(1) is None
        async with place.begin() as free:
            assert await free.take_replay(1) is not None

    async def test_what_waits_is_replayed_in_order_of_arrival(self, open_postgres: OpenPostgres) -> None:
        """A transaction that began early may park late: it waited for the lock of the position."""
        faults: Faults = {1: "raises"}
        place = await open_postgres(broken(faults))
        await apply(place, record(place.codec, 1))
        async with place.begin() as early:
            await early.pulse()  # its time is taken
            await apply(place, record(place.codec, 2))
            parked = Parked(record(place.codec, 3), 3, "k")
            await early.park([parked])

        faults.clear()
        await place.replay(1)
        assert await replayed(place)

        assert await numbers(place) == (1, 2, 3)


class TestDrop:
    async def test_what_waits_behind_goes_on(self, open_place: Open) -> None:
        place = await open_place(broken({1: "raises"}))
        await apply(place, *(record(place.codec, n) for n in (1, 2, 3)))

        await place.drop(1)
        held = await apply(place, record(place.codec, 4))
        assert await replayed(place)

        assert held.parked == 1
        assert await numbers(place) == (2, 3, 4)
        assert await statuses(place) == [(1, "dropped"), (2, "replayed")]
        assert await place.parked() == []

    async def test_a_letter_without_a_number_holds_back_nothing_that_waits(self, open_place: Open) -> None:
        place = await open_place(broken({1: "raises"}))
        stranger = StoredRecord(place.codec.topics[0], record(place.codec, 1).partition, 90, b"k", b"{}", ())
        await apply(place, stranger, *(record(place.codec, n) for n in (1, 2)))
        letters = {letter.sequence: letter.id for letter in await place.letters()}

        number = letters[1]
        await place.drop(number)
        assert await replayed(place)

        assert await numbers(place) == (2,)
        assert await place.parked() == []

    async def test_a_letter_settled_once_stays_settled(self, open_place: Open) -> None:
        place = await open_place(broken({1: "raises"}))
        await apply(place, record(place.codec, 1))

        await place.drop(1)
        await place.replay(1)

        assert await statuses(place) == [(1, "dropped")]
        assert not await replayed(place)
