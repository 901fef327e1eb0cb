"""Bytes to inputs, events to bytes: the names and decoders a service needs, compiled once from its declaration."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar
from uuid import NAMESPACE_URL, uuid5

import msgspec
from aiokafka.partitioner import murmur2

from common.dead_letter import DeadLettered, key_text
from common.envelope import event_name, read_envelope
from common.errors import Poison
from common.event import Event, derive_id, event_key
from common.inbox import Record
from common.message import Message, Source
from common.outbox import Meta, Outgoing
from common.service import PARTITIONS, Service, topic_of

State = TypeVar("State")
Shared = TypeVar("Shared")

_encode: Callable[[object], bytes] = msgspec.json.Encoder().encode


@lru_cache(maxsize=65536)
def partition_of(key: str) -> int:
    """The partition of a key: Kafka's default partitioner (murmur2), the same in every topic."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % PARTITIONS


def iso(time: datetime) -> str:
    """An instant as RFC 3339 in UTC with `Z`."""
    return time.isoformat().replace("+00:00", "Z")


class Codec(Generic[State, Shared]):
    """Names, decoders and encoders of one service, under an optional namespace that isolates tests and benchmarks."""

    def __init__(self, service: Service[State, Shared], namespace: str = "") -> None:
        self.service = service
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
        self._types: dict[type[Event], str] = {
            kind: f"{service.name}.{kind.__name__}.v{kind.VERSION}" for kind in (*service.publishes, DeadLettered)
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
        name = event_name(record.headers)
        if name is None:
            raise Poison("header ce_type is missing or has no value")
        decoder = self._inputs[record.topic].get(name)
        if decoder is None:
            return None
        key = key_text(record)
        if key is None:
            raise Poison("the record has no key, or one that is not UTF-8")
        envelope = read_envelope(record.headers)
        try:
            data = decoder(record.value or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
            raise Poison(f"data of {name}: {error}") from error
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

    def outgoing(self, message: Message[object], index: int, event: Event) -> Outgoing:
        """The `index`-th event that `message` leads to, ready to be numbered."""
        key = event_key(event)
        partition = message.partition if key == message.key else partition_of(key)
        region: str = getattr(event, "region", "") or message.region
        meta = Meta(iso(message.time), region, str(message.correlation), str(message.id), message.traceparent)
        return Outgoing(
            self.topic,
            partition,
            derive_id(message.id, index),
            self._types[type(event)],
            key,
            _encode(meta).decode(),
            _encode(event),
        )

    def dead_lettered(self, record: Record, reason: str, at: datetime) -> Outgoing:
        """The announcement of a dead letter on the dead-letter topic; same record, same id."""
        event = DeadLettered(key_text(record) or "", record.topic, record.partition, record.offset, reason)
        event_id = uuid5(NAMESPACE_URL, f"{self.service.name}/{record.topic}/{record.partition}/{record.offset}")
        meta = Meta(iso(at), "", str(event_id), str(event_id), "")
        return Outgoing(
            self.dead_letter_topic,
            record.partition % PARTITIONS,
            event_id,
            self._types[DeadLettered],
            event.key,
            _encode(meta).decode(),
            _encode(event),
        )

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
