"""CloudEvents 1.0 in Kafka binary mode: headers to and from the envelope."""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import NAMESPACE_URL, UUID

import msgspec

from common.declare.errors import Poison
from common.declare.event import id_text, uuid5_bytes

TYPE_PREFIX = "fr.croissanceconnectee"
"""Reverse-DNS prefix of every `ce_type`: `fr.croissanceconnectee.<service>.<EventName>`."""

TRACEPARENT = "traceparent"
"""The header that holds the W3C trace context of an event of a sampled chain."""

Header = tuple[str, bytes]

_encode: Callable[[object], bytes] = msgspec.json.Encoder().encode


class Envelope(msgspec.Struct, frozen=True, gc=False):
    """What the core reads of a record's headers."""

    id: UUID
    time: datetime
    region: str
    correlation: UUID
    traceparent: str


class _Core(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    """The headers that are more than text, read in one go."""

    id: UUID
    time: datetime
    correlation: UUID


_read_core: Callable[[bytes], _Core] = msgspec.json.Decoder(_Core).decode


def event_name(event_type: bytes) -> str:
    """The event's name: the last word of its `ce_type`."""
    return event_type.rpartition(b".")[2].decode(errors="replace")


def read_envelope(values: Mapping[str, bytes | None]) -> Envelope:
    """Read the envelope of a record from its headers.

    Raises:
        Poison: a required header is missing, empty or malformed; the text names it.
    """
    try:
        event_id = values["ce_id"]
        core = _read_core(
            b'["%b","%b","%b"]' % (event_id, values["ce_time"], values.get("ce_correlationid") or event_id)
        )
        region = (values.get("ce_region") or b"").decode()
        traceparent = (values.get("traceparent") or b"").decode()
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError, RecursionError):
        raise Poison(_fault(values)) from None
    if core.time.tzinfo is None:
        raise Poison("header ce_time has no time zone")
    return Envelope(core.id, core.time, region, core.correlation, traceparent)


def read_foreign(writer: str, values: Mapping[str, bytes | None], content: bytes, now: datetime) -> Envelope:
    """The envelope of a record that others wrote: only an id is asked of it, unique with its writer.

    The id of the message is the UUIDv5 of (writer, id, content): the same record leads to the same events, and one
    that says something else under the same id, once an operator lets it pass, to events of its own. A time that is
    missing is `now`; one that cannot be read is refused.

    Raises:
        Poison: a header is malformed; the text names it.
    """
    name = b"%b/%b/%b" % (writer.encode(), values.get("ce_id") or b"", content.hex().encode())
    event_id = UUID(bytes=uuid5_bytes(NAMESPACE_URL.bytes, name))
    given = values.get("ce_time")
    try:
        time = now if not given else datetime.fromisoformat(given.decode())
    except ValueError as error:
        raise Poison(f"header ce_time is malformed: {error}") from None
    if time.tzinfo is None:
        raise Poison("header ce_time has no time zone")
    return Envelope(event_id, time, "", event_id, "")


def _fault(values: Mapping[str, bytes | None]) -> str:
    """What is wrong with headers that cannot be read."""
    for name in ("ce_id", "ce_time"):
        if not values.get(name):
            return f"header {name} is missing or has no value"
    readers: dict[str, Callable[[str], object]] = {
        "ce_id": UUID,
        "ce_time": datetime.fromisoformat,
        "ce_region": str,
        "ce_correlationid": UUID,
        "traceparent": str,
    }
    for name, reader in readers.items():
        try:
            reader((values.get(name) or values["ce_id"] or b"").decode())
        except ValueError as error:
            return f"header {name} is malformed: {error}"
    return "the envelope is malformed"


# --- writing ---------------------------------------------------------------------------------------------------------


def type_headers(service: str, name: str, version: int) -> tuple[Header, ...]:
    """The headers that are the same for every event of a type."""
    return (
        ("ce_specversion", b"1.0"),
        ("ce_type", f"{TYPE_PREFIX}.{service}.{name}".encode()),
        ("ce_source", f"/croissance/{service}".encode()),
        ("ce_dataschema", f"/schemas/{service}/{name}.v{version}.json".encode()),
        ("content-type", b"application/json"),
    )


def cause_headers(cause: UUID, time: datetime, correlation: UUID) -> tuple[Header, ...]:
    """The headers that are the same for every event that one input leads to. `time` is aware UTC."""
    return (
        ("ce_time", _encode(time)[1:-1]),
        ("ce_correlationid", _encode(correlation)[1:-1]),
        ("ce_causationid", _encode(cause)[1:-1]),
    )


def event_headers(digest: bytes, key: bytes, region: str) -> tuple[Header, ...]:
    """The headers of one event. `digest`: the 16 bytes of its id."""
    headers = (("ce_id", id_text(digest)), ("ce_subject", key))
    return (*headers, ("ce_region", region.encode())) if region else headers
