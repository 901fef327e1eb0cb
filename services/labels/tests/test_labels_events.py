"""What is published fits its contract: pydantic reads back what msgspec wrote, and nothing personal is in it."""

from typing import Any

import msgspec
import pytest

from common.codec import Codec
from common.contract import contract
from labels.inputs import OfferPlace, SetCohortCap
from labels.service import SERVICE

from .builders import VECTOR_B, World, application, diagnosed, sirens


@pytest.fixture(scope="module")
def published() -> list[Any]:
    """Every kind of event, from one small world."""
    world, companies = World(), sirens(4)
    for siren in companies:
        world.send(diagnosed(VECTOR_B if siren == companies[3] else None), siren)
    world.send(SetCohortCap(2026, 1), "cohorte-2026")
    for siren in companies:
        world.send(application(), siren)
    world.send(SetCohortCap(2026, 2), "cohorte-2026")
    world.send(OfferPlace(), companies[1])
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


def test_every_contract_has_a_schema_keyed_by_siren() -> None:
    for kind in SERVICE.publishes:
        schema = contract(kind).json_schema()
        assert schema["required"][0] == "siren"
        assert set(kind.__struct_fields__) == set(schema["properties"])
        assert kind.KEY == "siren"


def test_states_and_deadlines_survive_storage() -> None:
    world, codec = World(), Codec(SERVICE)
    for siren in sirens(2):
        world.send(diagnosed(), siren)
        world.send(SetCohortCap(2026, 1), "cohorte-2026")
        world.send(application(), siren)
    for file in world.files.values():
        assert codec.decode_state(codec.encode_state(file)) == file
    for schedule in world.deadlines.values():
        data = codec.encode_input(schedule.input)
        assert codec.decode_timer(type(schedule.input).__name__, data) == schedule.input
