"""Bytes to inputs, events to bytes: the names and decoders a service needs, compiled once from its declaration."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar
from uuid import NAMESPACE_URL, uuid5

import msgspec
from aiokafka.partitioner import murmur2

from common.dead_letter import DeadLettered, key_text
from common.envelope import cause_headers, event_headers, event_name, read_envelope, type_headers
from common.errors import Poison
from common.event import Event, derive_bytes, event_key
from common.inbox import Record
from common.message import Message, Source
from common.outbox import Outgoing
from common.record_batch import Compression
from common.service import PARTITIONS, Service, topic_of

State = TypeVar("State")
Shared = TypeVar("Shared")

_encode: Callable[[object], bytes] = msgspec.json.Encoder().encode


@lru_cache(maxsize=65536)
def partition_of(key: str) -> int:
    """The partition of a key: Kafka's default partitioner (murmur2), the same in every topic."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % PARTITIONS


_KNOWN_TYPES = 1024
"""Most `ce_type`s of a topic whose decoder is remembered: whoever writes them cannot fill the memory."""


class Codec(Generic[State, Shared]):
    """Names, decoders and encoders of one service, under an optional namespace that isolates tests and benchmarks."""

    def __init__(self, service: Service[State, Shared], namespace: str = "", compression: Compression = "zstd") -> None:
        self.service = service
        self.compression: Compression = compression
        self.namespace = namespace
        self.schema = namespace.replace(".", "_").replace("-", "_") + service.name
        self.group = namespace + service.group
        self.topic = namespace + service.topic
        self.dead_letter_topic = namespace + service.dead_letter_topic
        self._inputs: dict[str, dict[str, Callable[[bytes], object]]] = {
            namespace + topic_of(producer): {kind.__name__: msgspec.json.Decoder(kind).decode for kind in kinds}
            for producer, kinds in service.consumes.items()
        }
        timers: tuple[type, ...] = service.deadlines
        self._timers: dict[str, Callable[[str], Any]] = {
            kind.__name__: msgspec.json.Decoder(kind).decode for kind in timers
        }
        self._known: dict[str, dict[bytes, Callable[[bytes], object] | None]] = {topic: {} for topic in self._inputs}
        self._types = {
            kind: type_headers(service.name, kind.__name__, kind.VERSION) for kind in (*service.publishes, DeadLettered)
        }
        self.decode_state: Callable[[str], State] = msgspec.json.Decoder(service.state).decode

    @property
    def topics(self) -> list[str]:
        """The topics this service reads."""
        return list(self._inputs)

    @property
    def owned_topics(self) -> tuple[str, str]:
        """The topics this service writes: its events, its dead letters."""
        return self.topic, self.dead_letter_topic

    def encode_state(self, state: State) -> str:
        """A state as the JSON text kept in `states.doc`."""
        return _encode(state).decode()

    def decode(self, record: Record, sequence: int) -> Message[object] | None:
        """Decode a fresh record; None when this service does not read events of its type.

        Raises:
            Poison: an envelope header or the data is unusable; the text names the field and the reason.
        """
        headers = dict(record.headers)
        event_type = headers.get("ce_type")
        if not event_type:
            raise Poison("header ce_type is missing or has no value")
        decoder = self._decoder(record.topic, event_type)
        if decoder is None:
            return None
        key = key_text(record)
        if key is None:
            raise Poison("the record has no key, or one that is not UTF-8")
        envelope = read_envelope(headers)
        try:
            data = decoder(record.value or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            raise Poison(f"data of {event_name(event_type)}: {error}") from error
        source = Source(record.topic, record.partition, record.offset, sequence)
        return Message(
            data,
            key,
            record.partition,
            envelope.id,
            envelope.time,
            envelope.correlation,
            envelope.region,
            envelope.traceparent,
            source,
        )

    def _decoder(self, topic: str, event_type: bytes) -> "Callable[[bytes], object] | None":
        """The decoder of a `ce_type`, by its last word; None when this service does not read such events."""
        known = self._known[topic]
        try:
            return known[event_type]
        except KeyError:
            decoder = self._inputs[topic].get(event_name(event_type))
            if len(known) < _KNOWN_TYPES:
                known[event_type] = decoder
            return decoder

    def outgoing(self, message: Message[object], events: Sequence[Event]) -> list[Outgoing]:
        """The events that `message` leads to, in order, ready to be numbered."""
        if not events:
            return []
        cause = message.id
        shared = cause_headers(cause, message.time, message.correlation, message.traceparent)
        published: list[Outgoing] = []
        for index, event in enumerate(events):
            key = event_key(event)
            partition = message.partition if key == message.key else partition_of(key)
            key_bytes = key.encode()
            region: str = getattr(event, "region", "") or message.region
            own = event_headers(derive_bytes(cause, index), key_bytes, region)
            headers = (*self._types[type(event)], *own, *shared)
            published.append(Outgoing(self.topic, partition, key_bytes, _encode(event), headers))
        return published

    def dead_lettered(self, record: Record, reason: str, at: datetime) -> Outgoing:
        """The announcement of a dead letter on the dead-letter topic; same record, same id."""
        event = DeadLettered(key_text(record) or "", record.topic, record.partition, record.offset, reason)
        event_id = uuid5(NAMESPACE_URL, f"{self.service.name}/{record.topic}/{record.partition}/{record.offset}")
        key = event.key.encode()
        headers = (
            *self._types[DeadLettered],
            *event_headers(event_id.bytes, key, ""),
            *cause_headers(event_id, at, event_id, ""),
        )
        return Outgoing(self.dead_letter_topic, record.partition % PARTITIONS, key, _encode(event), headers)

    def encode_input(self, item: object) -> str:
        """The input of a deadline as JSON text."""
        return _encode(item).decode()

    def decode_timer(self, name: str, data: str) -> object:
        """The input of a deadline that fell due.

        Raises:
            Poison: no deadline of this name is declared, or its data does not fit.
        """
        decoder = self._timers.get(name)
        if decoder is None:
            raise Poison(f"deadline {name} is not declared")
        try:
            return decoder(data)
        except msgspec.MsgspecError as error:
            raise Poison(f"data of deadline {name}: {error}") from error
