"""What the `:batch` doors cost an item, counted in calls: the same for one of ten as for one of a thousand.

A call counts whether it is Python's or C's, and so does a look through the whole body with `in`: what does that once an
item is one call more an item, as was what made a thousand diagnoses hold the loop for two seconds.
"""

import gc
import sys
from collections.abc import Callable
from functools import lru_cache
from types import FrameType
from typing import Any, NamedTuple

import msgspec
import pytest

from benchmarks.population import Wave, templates, waves
from common.core import clock, pace
from common.http.bodies import parse_batch
from companies.api import CompanyBody
from companies.api import to_ask as register
from diagnostic.api.routes import OneShotBody, _one_shot  # pyright: ignore[reportPrivateUsage]
from labels.api.bodies import ApplicationBody as LabelBody
from labels.api.bodies import to_ask as apply_for_label
from vouchers.api.bodies import ApplicationBody as VoucherBody
from vouchers.api.bodies import to_application

ITEMS = 160


class Door(NamedTuple):
    """A door: what its items are, and the calls that one may cost (measured; more is to be meant, and written here)."""

    body: Callable[[Wave], bytes]
    model: Any
    to_ask: Callable[[Any], Any]
    calls: int


DOORS = {
    "companies": Door(lambda wave: wave.registrations, CompanyBody, lambda body: register(body, clock.now()), 42),
    "diagnostics": Door(lambda wave: wave.diagnoses, OneShotBody, _one_shot, 31),
    "applications": Door(lambda wave: wave.labels, LabelBody, apply_for_label, 427),
    "vouchers": Door(lambda wave: wave.vouchers, VoucherBody, to_application, 47),
}


class Looked(bytes):
    """A body that is called whenever somebody looks for something in all of it."""

    def __contains__(self, what: Any) -> bool:
        return super().__contains__(what)


@lru_cache
def wave() -> Wave:
    """The first companies of the population that all benchmarks are about."""
    return next(waves(2_000, templates(500), size=2_000))


def items(door: Door) -> list[Any]:
    """What comes to a door, as it is sent."""
    found: list[Any] = msgspec.json.decode(door.body(wave()))
    assert len(found) >= ITEMS, f"the wave has only {len(found)} for this door"
    return found[:ITEMS]


async def calls(door: Door, sent: list[Any]) -> int:
    """The calls that a batch leads to; nothing else runs meanwhile."""
    body = Looked(msgspec.json.encode(sent))
    count = 0

    def counted(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    gc.disable()  # others are called when it runs, and when that is depends on what ran before
    sys.setprofile(counted)
    try:
        await parse_batch(body, door.model, door.to_ask)
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No turn for others: how many there are depends on the machine."""
    monkeypatch.setattr(pace, "SLICE", 1_000.0)


@pytest.mark.parametrize("name", DOORS)
async def test_an_item_costs_what_it_did(name: str) -> None:
    door = DOORS[name]
    sent = items(door)
    await calls(door, sent)  # what is made once
    whole = await calls(door, sent)
    half = await calls(door, sent[: ITEMS // 2])
    other = await calls(door, sent[ITEMS // 2 :])
    assert abs(half + other - whole) <= 100, "an item of a large batch costs what one of a small batch does"
    assert whole // ITEMS <= door.calls, f"{name}: {whole // ITEMS} calls an item"


async def test_a_scan_of_the_whole_batch_an_item_shows() -> None:
    door = DOORS["companies"]
    sent = items(door)
    body = Looked(msgspec.json.encode(sent))
    await calls(door, sent)
    before = await calls(door, sent)
    scanning = door._replace(to_ask=lambda item: (door.to_ask(item), b"\\" in body)[0])
    assert await calls(scanning, sent) >= before + 2 * ITEMS  # one of the two is that of the lambda
