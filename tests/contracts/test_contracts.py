"""Every consumer can read what its producer may write; the documents are current, valid, and break nobody."""

import copy
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema
import msgspec
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from cloudevents.core.formats.json import JSONFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.core.envelope import cause_headers, event_headers, read_envelope, type_headers
from common.declare.event import Event
from common.process.app import installed_services

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import schema_diff  # noqa: E402
import write_contracts as contracts  # noqa: E402

SERVICES = installed_services()
TOLERATED = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
PAIRS = [
    pytest.param(SERVICES[producer], consumer, kind, id=f"{producer}-{kind.__name__}-{consumer.name}")
    for consumer in SERVICES.values()
    for producer, kinds in consumer.consumes.items()
    for kind in kinds
]
EVENTS = [
    pytest.param(service, event, id=event.__name__) for service in SERVICES.values() for event in service.publishes
]
FORMATS = {
    "date": st.dates().map(str),
    "date-time": st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.isoformat()),
    "uuid": st.uuids().map(str),
    "uri": st.just("https://exemple.fr/page"),
}


def values(schema: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:  # noqa: C901, PLR0911, PLR0912
    """Any JSON value a schema allows; optional fields come and go."""
    if "$ref" in schema:
        return values(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return st.one_of(*(values(option, root) for option in schema[choice]))
    match schema.get("type"):
        case "object" if "properties" in schema:
            fields = {name: values(field, root) for name, field in schema["properties"].items()}
            needed = schema.get("required", [])
            return st.fixed_dictionaries(
                {name: fields[name] for name in needed},
                optional={name: field for name, field in fields.items() if name not in needed},
            )
        case "object":
            names = values(schema.get("propertyNames", {"type": "string"}), root)
            return st.dictionaries(
                names, values(schema.get("additionalProperties") or {"type": "null"}, root), max_size=3
            )
        case "array":
            low, high = schema.get("minItems", 0), schema.get("maxItems", schema.get("minItems", 0) + 3)
            if "prefixItems" in schema:
                return st.tuples(*(values(item, root) for item in schema["prefixItems"])).map(list)
            return st.lists(values(schema["items"], root), min_size=low, max_size=min(high, low + 3))
        case "string" if "pattern" in schema:
            return st.from_regex(schema["pattern"], fullmatch=True)
        case "string" if schema.get("format") in FORMATS:
            return FORMATS[schema["format"]]
        case "string":
            return st.text(min_size=schema.get("minLength", 0), max_size=min(schema.get("maxLength", 20), 20))
        case "integer":
            low = schema.get("minimum", schema.get("exclusiveMinimum", -(2**53) - 1) + 1)
            return st.integers(low, schema.get("maximum", max(low, 2**53)))
        case "number":
            return st.floats(schema.get("minimum", -1e9), schema.get("maximum", 1e9), allow_nan=False)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case other:
            raise AssertionError(f"schema type {other} is not generated")


def event_named(service: Any, name: str) -> type[Event]:
    found = [event for event in service.publishes if event.__name__ == name]
    assert found, f"{service.name} publishes no {name}"
    return found[0]


@pytest.mark.parametrize(("producer", "consumer", "kind"), PAIRS)
def test_a_consumer_reads_whatever_its_producer_may_write(producer: Any, consumer: Any, kind: type) -> None:
    schema = contracts.schema_of(producer.name, event_named(producer, kind.__name__))
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(kind)

    @settings(max_examples=25, deadline=None, suppress_health_check=TOLERATED)
    @given(values(schema, schema))
    def check(data: Any) -> None:
        assert isinstance(decoder.decode(json.dumps(data).encode()), kind)

    check()


@pytest.mark.parametrize(("service", "event"), EVENTS)
def test_what_a_producer_writes_fits_its_schema_and_can_be_read_back(service: Any, event: type[Event]) -> None:
    schema = contracts.schema_of(service.name, event)
    validator = jsonschema.Draft202012Validator(schema)
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(event)

    @settings(max_examples=20, deadline=None, suppress_health_check=TOLERATED)
    @given(values(schema, schema))
    def check(data: Any) -> None:
        validator.validate(data)
        written = msgspec.json.encode(decoder.decode(json.dumps(data).encode()))
        validator.validate(json.loads(written))

    check()


@pytest.mark.parametrize(("service", "event"), EVENTS)
def test_an_events_key_is_a_required_field(service: Any, event: type[Event]) -> None:
    assert event.KEY in contracts.schema_of(service.name, event)["required"]


def test_every_topic_has_one_producer_and_every_input_a_publisher() -> None:
    topics = [service.topic for service in SERVICES.values()]
    assert len(set(topics)) == len(topics)
    names = [event.__name__ for service in SERVICES.values() for event in service.publishes]
    assert len(set(names)) == len(names)


def test_the_documents_are_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "write_contracts.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_no_contract_breaks_the_last_release() -> None:
    released = json.loads(schema_diff.RELEASED.read_text("utf-8"))
    assert list(schema_diff.breaking(released, schema_diff.contracts())) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s["properties"].pop("siren"), "field removed"),
        (lambda s: s["required"].remove("siren"), "no longer required"),
        (lambda s: (s["properties"].update(x={"type": "string"}), s["required"].append("x")), "is required"),
        (lambda s: s["properties"]["siren"].update(type="integer"), "type may now be"),
        (lambda s: s.update({"x-key": "other"}), "key changed"),
    ],
)
def test_breaking_changes_are_found(change: Any, said: str) -> None:
    now = schema_diff.contracts()
    later = copy.deepcopy(now)
    change(later["/schemas/labels/LabelGranted.v1.json"])

    assert any(said in line for line in schema_diff.breaking(now, later))


def test_an_optional_field_may_be_added() -> None:
    now = schema_diff.contracts()
    later = copy.deepcopy(now)
    later["/schemas/labels/LabelGranted.v1.json"]["properties"]["colour"] = {"type": "string"}

    assert list(schema_diff.breaking(now, later)) == []


def test_the_asyncapi_document_resolves() -> None:
    document = json.loads(contracts.ASYNCAPI.read_text("utf-8"))

    def resolve(reference: str) -> Any:
        node: Any = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        return node

    def walk(node: Any, inside_payload: bool) -> None:
        if isinstance(node, dict):
            for name, value in node.items():
                if name == "$ref" and not inside_payload:
                    assert resolve(value) is not None
                walk(value, inside_payload or name == "payload")
        elif isinstance(node, list):
            for value in node:
                walk(value, inside_payload)

    walk(document, False)
    assert document["asyncapi"] == "3.0.0"
    assert set(document["channels"]) == set(SERVICES)


def test_the_cloudevents_library_reads_our_headers() -> None:
    instant = datetime(2026, 1, 5, 12, 0, 0, 500000, UTC)
    key, value = b"732829320", b'{"siren":"732829320"}'
    headers = {
        "ce_sequence": b"7",
        **dict(type_headers("labels", "LabelGranted", 1)),
        **dict(event_headers(UUID(int=9).bytes, key, "84")),
        **dict(cause_headers(UUID(int=6), instant, UUID(int=5))),
        "traceparent": b"00-a-b-01",
    }

    event = from_binary_event(KafkaMessage(headers=headers, key=key, value=value), JSONFormat())
    ours = read_envelope(headers)

    assert event.get_type() == "fr.croissanceconnectee.labels.LabelGranted"
    assert event.get_id() == str(ours.id) == str(UUID(int=9))
    assert event.get_subject() == "732829320"
    assert event.get_time() == ours.time == instant
    assert event.get_extension("sequence") == "7"
    assert event.get_extension("region") == ours.region == "84"
    assert event.get_data() == {"siren": "732829320"}
