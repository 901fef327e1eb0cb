"""A directory that changed much is brought up to date in slices: the loop has its turns, the index is the same."""

import asyncio
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from common.core import pace
from matching.places.territory import Zone
from matching.search.connector import Connector
from matching.search.index import Directory, build_directory
from matching.store import directory as store


def rows_of(connectors: list[Connector]) -> list[tuple[int, str]]:
    """Lines of the directory as the database gives them."""
    return [(number, msgspec.json.encode(each).decode()) for number, each in enumerate(connectors)]


def many(make: Any) -> list[Connector]:
    """Connecteurs of thirty communes each, with lists that overlap."""
    return [
        make.connector(n, zones=tuple(Zone("commune", f"69{1 + (7 * n + 3 * i) % 120:03d}") for i in range(30)))
        for n in range(40)
    ]


async def brought_up(directory: Directory, connectors: list[Connector], at_once: int) -> tuple[Directory, int]:
    """The directory with these lines, and how many turns the loop had meanwhile."""
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    beside = asyncio.create_task(others())
    await asyncio.sleep(0)
    before = turns
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "FILED_AT_ONCE", at_once)
        patch.setattr(pace, "SLICE", 0.0)
        found = await store._brought_up(directory, rows_of(connectors))  # pyright: ignore[reportPrivateUsage]
    beside.cancel()
    return found, turns - before


@pytest.mark.parametrize("at_once", [1, 100, 10_000])
async def test_slices_lead_to_the_same_index(make: Any, at_once: int) -> None:
    first = many(make)
    second = [
        replace(each, sujets=("donnees",), zones=each.zones[::2]) if n % 3 else each for n, each in enumerate(first)
    ]
    whole = build_directory(first, make.ruleset, make.territories)
    empty = Directory(make.ruleset, make.territories)
    found, turns = await brought_up(empty, first, at_once)
    assert turns >= len(first) - 1, "the loop had a turn after each line"
    assert found == whole
    again, _ = await brought_up(found, second, at_once)
    expected = whole.replace(second)
    assert (again.connectors, again.numbers, again.local) == (expected.connectors, expected.numbers, expected.local)
    assert {
        key: {subject: {c.id for c in filed} for subject, filed in subjects.items()}
        for key, subjects in again.zones.items()
    } == {
        key: {subject: {c.id for c in filed} for subject, filed in subjects.items()}
        for key, subjects in expected.zones.items()
    }


async def test_a_line_that_came_at_another_number_is_told(make: Any) -> None:
    rows = rows_of(many(make))
    rows[3] = (39, rows[3][1])
    with pytest.raises(LookupError, match="is not the 39th"):
        await store._brought_up(Directory(make.ruleset, make.territories), rows)  # pyright: ignore[reportPrivateUsage]


async def test_nothing_that_changed_changes_nothing(make: Any) -> None:
    empty = Directory(make.ruleset, make.territories)
    assert await store._brought_up(empty, []) is empty  # pyright: ignore[reportPrivateUsage]
