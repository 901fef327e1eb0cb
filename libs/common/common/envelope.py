"""CloudEvents 1.0 in Kafka binary mode: headers to and from the envelope."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

import msgspec

from common.errors import Poison
from common.inbox import Headers
from common.outbox import Meta, OutboxRow

TYPE_PREFIX = "fr.croissanceconnectee"
"""Reverse-DNS prefix of every `ce_type`: `fr.croissanceconnectee.<service>.<EventName>`."""

_meta: Callable[[str], Meta] = msgspec.json.Decoder(Meta).decode


class Envelope(NamedTuple):
    """What the core reads of a record's headers."""

    id: UUID
    name: str
    time: datetime
    region: str
    correlation: UUID
    traceparent: str


def event_name(headers: Headers) -> str | None:
    """The event's name (last word of `ce_type`), or None when there is no usable `ce_type`."""
    for name, value in headers:
        if name == "ce_type" and value:
            return value.rpartition(b".")[2].decode(errors="replace")
    return None


def read_envelope(headers: Headers) -> Envelope:
    """Read the envelope of a record.

    Raises:
        Poison: a required header is missing, empty or malformed; the text names it.
    """
    values = dict(headers)

    def text(name: str) -> str:
        value = values.get(name)
        if not value:
            raise Poison(f"header {name} is missing or has no value")
        return value.decode()

    field = "ce_id"
    try:
        event_id = UUID(text("ce_id"))
        field = "ce_time"
        time = datetime.fromisoformat(text("ce_time"))
        field = "ce_type"
        name = text("ce_type").rpartition(".")[2]
        field = "ce_region"
        region = (values.get("ce_region") or b"").decode()
        field = "ce_correlationid"
        correlation = values.get("ce_correlationid")
        correlation_id = UUID(correlation.decode()) if correlation else event_id
        field = "traceparent"
        traceparent = (values.get("traceparent") or b"").decode()
    except (ValueError, UnicodeDecodeError) as error:
        raise Poison(f"header {field} is malformed: {error}") from error
    if time.tzinfo is None:
        raise Poison("header ce_time has no time zone")
    return Envelope(event_id, name, time, region, correlation_id, traceparent)


@lru_cache(maxsize=1024)
def _fixed(event_type: str) -> tuple[tuple[str, bytes], ...]:
    """The headers that are the same for every event of a type. `event_type` is `<service>.<Name>.v<major>`."""
    service, name, version = event_type.split(".")
    return (
        ("ce_specversion", b"1.0"),
        ("ce_type", f"{TYPE_PREFIX}.{service}.{name}".encode()),
        ("ce_source", f"/croissance/{service}".encode()),
        ("ce_dataschema", f"/schemas/{service}/{name}.{version}.json".encode()),
        ("content-type", b"application/json"),
    )


def headers_of(row: OutboxRow) -> list[tuple[str, bytes]]:
    """The Kafka headers of a numbered event."""
    meta = _meta(row.meta)
    headers: list[tuple[str, bytes]] = [
        ("ce_sequence", b"%d" % row.sequence),
        *_fixed(row.type),
        ("ce_id", str(row.id).encode()),
        ("ce_subject", row.key.encode()),
        ("ce_time", meta.time.encode()),
        ("ce_correlationid", meta.correlation.encode()),
        ("ce_causationid", meta.causation.encode()),
    ]
    if meta.region:
        headers.append(("ce_region", meta.region.encode()))
    if meta.traceparent:
        headers.append(("traceparent", meta.traceparent.encode()))
    return headers
