"""What is published fits its contract: pydantic reads back what msgspec wrote, and nothing personal is in it."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from common.core.codec import Codec
from common.declare.contract import contract
from labels.applications.inputs import LabelTermReached
from labels.cohorts.inputs import ServeWaitingList, SetCohortCap
from labels.events import LabelGranted, LabelWaitlisted
from labels.places.asking import AwaitOpening, OfferPlace
from labels.service import SERVICE

from .builders import VECTOR_B, application, diagnosed, sirens
from .world import World, world_of


@pytest.fixture(scope="module")
def published() -> list[Any]:
    """Every kind of event, from one small world."""
    world, companies = World(), sirens(4)
    for siren in companies:
        world.send(diagnosed(VECTOR_B if siren == companies[3] else None), siren)
    world.set_cap(1)
    for siren in companies:
        world.send(application(), siren)
    world.set_cap(2)
    label = world.files[companies[0]].label
    assert label is not None
    world.fire(label.expires_at)
    return world.events


def test_every_declared_event_is_published_and_fits_its_contract(published: list[Any]) -> None:
    assert {type(event) for event in published} == set(SERVICE.publishes)
    for event in published:
        data = msgspec.json.encode(event)
        kind: type[Any] = event.__class__
        contract(kind).validate_json(data)
        assert msgspec.json.decode(data, type=kind) == event


@pytest.mark.parametrize("kind", [LabelGranted, LabelWaitlisted])
def test_a_cohort_is_of_a_year_of_this_millennium(published: list[Any], kind: type[Any]) -> None:
    event = next(event for event in published if type(event) is kind)
    for year in (2000, 2999):
        contract(kind).validate_json(msgspec.json.encode(replace(event, cohort_year=year)))
    for year in (1999, 3000):
        with pytest.raises(ValidationError, match="cohort_year"):
            contract(kind).validate_json(msgspec.json.encode(replace(event, cohort_year=year)))


def test_every_contract_has_a_schema_keyed_by_siren() -> None:
    for kind in SERVICE.publishes:
        schema = contract(kind).json_schema()
        assert schema["required"][0] == "siren"
        assert set(kind.__struct_fields__) == set(schema["properties"])
        assert kind.KEY == "siren"


def test_states_and_deadlines_survive_storage() -> None:
    (world, companies), codec = world_of(cap=1, count=3), Codec(SERVICE)
    for siren in companies:
        world.send(application(), siren)
    world.send(SetCohortCap(2), "2026")
    world.send(ServeWaitingList((companies[0],)), "2026")
    for file in world.files.values():
        assert codec.decode_state["applications"](codec.encode(file)) == file
    timed: set[type[Any]] = {type(timer.input) for timer in world.deadlines.values()}
    assert timed == {LabelTermReached, AwaitOpening, ServeWaitingList, OfferPlace}
    for timer in world.deadlines.values():
        assert codec.decode_timer(type(timer.input).__name__, codec.encode(timer.input)) == timer.input
