"""Write the contracts from the declarations: a JSON Schema an event, one AsyncAPI 3 document; `--check` tells drift."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common.core.envelope import TYPE_PREFIX
from common.declare.contract import contract
from common.declare.event import Event
from common.declare.service import PARTITIONS, Service
from common.process.app import installed_services

ROOT = Path(__file__).resolve().parent.parent
ASYNCAPI = ROOT / "docs" / "asyncapi.json"
HEADERS: dict[str, Any] = {
    "type": "object",
    "required": [
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_subject",
        "ce_time",
        "ce_sequence",
        "content-type",
    ],
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "format": "uuid"},
        "ce_source": {"type": "string"},
        "ce_type": {"type": "string"},
        "ce_subject": {"type": "string", "description": "the Kafka key: the SIREN, or the entity's id"},
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_dataschema": {"type": "string"},
        "ce_sequence": {
            "type": "string",
            "pattern": "^[1-9][0-9]*$",
            "description": "gapless in each partition: 1, 2, 3…",
        },
        "ce_region": {"type": "string", "description": "INSEE code of the region"},
        "ce_correlationid": {"type": "string", "format": "uuid"},
        "ce_causationid": {"type": "string", "format": "uuid"},
        "traceparent": {"type": "string"},
        "content-type": {"const": "application/json"},
    },
}


def schema_of(service: str, event: type[Event]) -> dict[str, Any]:
    """The JSON Schema of an event's data. Open: a consumer ignores fields it does not know."""
    body = contract(event).json_schema(mode="serialization")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"/schemas/{service}/{event.__name__}.v{event.VERSION}.json",
        "x-key": event.KEY,
        "x-type": f"{TYPE_PREFIX}.{service}.{event.__name__}",
        **body,
        "description": " ".join((event.__doc__ or "").split()),
    }


def contract_file(service: str, event: type[Event]) -> Path:
    """Where the schema of an event is kept."""
    return ROOT / "services" / service / "contracts" / f"{event.__name__}.v{event.VERSION}.json"


def asyncapi(services: Mapping[str, Service]) -> dict[str, Any]:
    """One AsyncAPI 3 document of every topic, event and subscription."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for service in services.values():
        names = [event.__name__ for event in service.publishes]
        for event in service.publishes:
            messages[event.__name__] = {
                "name": event.__name__,
                "title": event.__name__,
                "summary": " ".join((event.__doc__ or "").split()),
                "contentType": "application/json",
                "headers": {"$ref": "#/components/schemas/Headers"},
                "payload": {
                    "schemaFormat": "application/schema+json;version=draft-2020-12",
                    "schema": schema_of(service.name, event),
                },
                "bindings": {"kafka": {"key": {"type": "string", "description": event.KEY}}},
            }
        channels[service.name] = {
            "address": service.topic,
            "title": service.title,
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
            "bindings": {"kafka": {"partitions": PARTITIONS}},
        }
        operations[f"{service.name}.publish"] = {
            "action": "send",
            "channel": {"$ref": f"#/channels/{service.name}"},
            "messages": [{"$ref": f"#/channels/{service.name}/messages/{name}"} for name in names],
        }
    for service in services.values():
        for producer, inputs in service.consumes.items():
            operations[f"{service.name}.read.{producer}"] = {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{producer}"},
                "messages": [{"$ref": f"#/channels/{producer}/messages/{kind.__name__}"} for kind in inputs],
                "bindings": {"kafka": {"groupId": {"type": "string", "enum": [service.group]}}},
            }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Croissance connectée",
            "version": "1.0.0",
            "description": "Events of the platform: CloudEvents 1.0 in Kafka binary mode. "
            "Inside a major version only optional fields are added.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": {"Headers": HEADERS}},
    }


def documents() -> dict[Path, str]:
    """Every generated file with its content."""
    services = installed_services()
    written = {
        contract_file(service.name, event): schema_of(service.name, event)
        for service in services.values()
        for event in service.publishes
    }
    written[ASYNCAPI] = asyncapi(services)
    return {
        path: json.dumps(body, indent=2, ensure_ascii=False, sort_keys=False) + "\n" for path, body in written.items()
    }


def main() -> int:
    """Write the documents, or with `--check` say which are stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale or left over")
    check = parser.parse_args().check
    wanted = documents()
    left_over = set(ROOT.glob("services/*/contracts/*.json")) - set(wanted)
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    if check:
        for path in sorted([*stale, *left_over]):
            print(f"stale: {path.relative_to(ROOT)} (make contracts)")
        return 1 if stale or left_over else 0
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    for path in left_over:
        path.unlink()
    print(f"{len(wanted)} documents, {len(stale)} changed, {len(left_over)} removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
