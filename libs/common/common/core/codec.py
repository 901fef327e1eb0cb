"""Bytes to inputs, events to bytes: the names and decoders a service needs, compiled once from its declaration."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from aiokafka.partitioner import murmur2

from common.core.dead_letter import DeadLettered, digest_of, key_text
from common.core.envelope import (
    TRACEPARENT,
    cause_headers,
    event_headers,
    event_name,
    read_envelope,
    read_foreign,
    type_headers,
)
from common.core.inbox import Record, content_of
from common.core.outbox import SEQUENCE, Outgoing
from common.core.record_batch import Compression
from common.declare.aggregate import Aggregate, Rule
from common.declare.errors import Poison, Unstorable
from common.declare.event import Event, PassedOn, derive_bytes, event_key
from common.declare.inputs import Deadline, FollowUp, Undecoded
from common.declare.message import Message, Source, is_sampled, under
from common.declare.service import PARTITIONS, Service, topic_of

Decoder = Callable[[bytes], object]

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError)
"""What a decoder raises for bytes that it cannot read; the last of them for what nests too deeply."""

_encode: Callable[[object], bytes] = msgspec.json.Encoder().encode


@lru_cache(maxsize=65536)
def partition_of(key: str) -> int:
    """The partition of a key: Kafka's default partitioner (murmur2), the same in every topic."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % PARTITIONS


_KNOWN_TYPES = 1024
"""Most `ce_type`s of a topic whose decoder is remembered: whoever writes them cannot fill the memory."""


def _reader_of_bytes(kind: Any) -> Decoder:
    return msgspec.json.Decoder(kind).decode


def _reader(kind: Any) -> Callable[[str], Any]:
    return msgspec.json.Decoder(kind).decode


class Ruling(NamedTuple):
    """The rule of an input, with the aggregate whose table it stands in."""

    aggregate: Aggregate[Any]
    rule: Rule[Any]
    kind: str
    kept: bool


class Codec:
    """Names, decoders and encoders of one service, under an optional namespace that isolates tests and benchmarks.

    Attributes:
        writers: topic that others write → its writer.
        rulings: input class → its rule.
    """

    def __init__(
        self,
        service: Service,
        namespace: str = "",
        compression: Compression = "zstd",
        writers: Iterable[str] = (),
    ) -> None:
        self.service = service
        self.compression: Compression = compression
        self.namespace = namespace
        self.schema = namespace.replace(".", "_").replace("-", "_") + service.name
        self.group = namespace + service.group
        self.topic = namespace + service.topic
        self.dead_letter_topic = namespace + service.dead_letter_topic
        self.rulings: Mapping[type, Ruling] = {
            rule.input: Ruling(aggregate, rule, aggregate.kind, aggregate.kept)
            for aggregate in service.aggregates
            for rule in aggregate.rules
        }
        self.writers: dict[str, str] = {}
        self._inputs: dict[str, dict[str, Decoder]] = {}
        self._whole: set[str] = set()
        for producer, kinds in service.consumes.items():
            self._read(namespace + topic_of(producer), kinds)
        for foreign, kinds in service.foreign.items():
            for writer in writers:
                topic = namespace + foreign.topic(writer)
                self.writers[topic] = writer
                self._read(topic, kinds)
        self._known: dict[str, dict[bytes, Decoder | None]] = {topic: {} for topic in self._inputs}
        timed = (*service.inputs(Deadline), *service.inputs(FollowUp))
        self._timers: dict[str, Callable[[str], Any]] = {kind.__name__: _reader(kind) for kind in timed}
        self._outputs = {
            kind: (namespace + topic, type_headers(service.name, kind.__name__, kind.VERSION))
            for topic, kinds in {**service.outputs, service.dead_letter_topic: (DeadLettered,)}.items()
            for kind in kinds
        }
        self._passes = {topic: namespace + topic for topic in service.passes}
        self.decode_state: Mapping[str, Callable[[str], Any]] = {
            each.kind: _reader(each.state) for each in service.aggregates
        }
        self.decode_pool: Mapping[str, Callable[[str], Any]] = {
            each.name: _reader(each.value) for each in service.pools if each.value is not None
        }
        self.pools = {each.name: each for each in service.pools}

    def _read(self, topic: str, kinds: Iterable[type]) -> None:
        """Compile the decoders of a topic; one that is consumed whole has none."""
        decoders = self._inputs.setdefault(topic, {})
        for kind in kinds:
            if issubclass(kind, Undecoded):
                self._whole.add(topic)
            else:
                decoders[kind.__name__] = _reader_of_bytes(kind)

    @property
    def topics(self) -> list[str]:
        """The topics this service reads."""
        return list(self._inputs)

    @property
    def owned_topics(self) -> tuple[str, ...]:
        """The topics this service writes: its events, its dead letters, those it passes on to."""
        return (*(self.namespace + topic for topic in self.service.outputs), self.dead_letter_topic)

    def encode(self, value: object) -> str:
        """A state, a pool or the input of a deadline as the JSON text that is kept.

        Raises:
            Unstorable: it holds what JSON cannot say; it must not stop the records beside it.
        """
        try:
            return _encode(value).decode()
        except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
            raise Unstorable(f"{type(error).__name__}: {error}") from error

    def decode(self, record: Record, sequence: int, now: datetime) -> Message[Any] | None:
        """Decode a fresh record; None when this service does not read events of its type.

        `now` stands for the time of a record that others wrote without one.

        Raises:
            Poison: an envelope header or the data is unusable; the text names the field and the reason.
        """
        headers = dict(reversed(record.headers))  # of a header that is repeated the first one counts
        event_type = headers.get("ce_type")
        topic = record.topic
        if not event_type:
            raise Poison("header ce_type is missing or has no value")
        decoder = self._decoder(topic, event_type)
        if decoder is None and topic not in self._whole:
            return None
        key = key_text(record)
        if key is None:
            raise Poison("the record has no key, or one that is too long or not UTF-8")
        writer = self.writers.get(topic)
        envelope = read_envelope(headers) if writer is None else read_foreign(writer, headers, content_of(record), now)
        if decoder is None:
            pairs = tuple((name, value or b"") for name, value in record.headers)
            data: object = Undecoded(event_type.decode(errors="replace"), record.value or b"", pairs)
        else:
            try:
                data = decoder(record.value or b"")
            except UNREADABLE as error:
                raise Poison(f"data of {event_name(event_type)}: {error}") from error
        return Message(
            data,
            key,
            record.partition if writer is None else partition_of(key),
            envelope.id,
            envelope.time,
            envelope.correlation,
            envelope.region,
            envelope.traceparent,
            Source(topic, record.partition, record.offset, sequence),
        )

    def _decoder(self, topic: str, event_type: bytes) -> Decoder | None:
        """The decoder of a `ce_type`, by its last word; None when this service does not read such events."""
        known = self._known[topic]
        try:
            return known[event_type]
        except KeyError:
            decoder = self._inputs[topic].get(event_name(event_type))
            if len(known) < _KNOWN_TYPES:
                known[event_type] = decoder
            return decoder

    def outgoing(self, message: Message[Any], events: Sequence[Event | PassedOn]) -> list[Outgoing]:
        """The events that `message` leads to, in order, ready to be numbered.

        Those of a sampled chain each carry the context of the span that stands for their creation.
        """
        if not events:
            return []
        cause = message.id
        shared = cause_headers(cause, message.time, message.correlation)
        traced = is_sampled(message)
        published: list[Outgoing] = []
        for index, event in enumerate(events):
            if isinstance(event, PassedOn):
                headers = tuple(pair for pair in event.headers if pair[0] != SEQUENCE)
                topic, key = self._passes[event.topic], event.key
                published.append(Outgoing(topic, partition_of(key), key.encode(), event.value, headers))
                continue
            key = event_key(event)
            partition = message.partition if key == message.key else partition_of(key)
            key_bytes = key.encode()
            region: str = getattr(event, "region", "") or message.region
            topic, kind_headers = self._outputs[type(event)]
            event_id = derive_bytes(cause, index)
            own = event_headers(event_id, key_bytes, region)
            headers = (*kind_headers, *own, *shared)
            if traced:
                headers = (*headers, (TRACEPARENT, under(message, "create", UUID(bytes=event_id)).encode()))
            published.append(Outgoing(topic, partition, key_bytes, _encode(event), headers))
        return published

    def dead_lettered(self, record: Record, reason: str, at: datetime, *, again: bool = False) -> Outgoing:
        """The announcement of a dead letter on the dead-letter topic: same record, same id, unless it fails `again`."""
        event = DeadLettered(key_text(record) or "", record.topic, record.partition, record.offset, reason)
        place = f"{self.service.name}/{record.topic}/{record.partition}/{record.offset}"
        time = f"/{at.isoformat()}" if again else ""
        event_id = uuid5(NAMESPACE_URL, f"{place}/{digest_of(record).hex()}{time}")
        key = event.key.encode()
        topic, kind_headers = self._outputs[DeadLettered]
        headers = (
            *kind_headers,
            *event_headers(event_id.bytes, key, ""),
            *cause_headers(event_id, at, event_id),
        )
        return Outgoing(topic, record.partition % PARTITIONS, key, _encode(event), headers)

    def decode_timer(self, name: str, data: str) -> Any:
        """The input of a deadline or a follow-up that fell due.

        Raises:
            Poison: nothing of this name is declared, or its data does not fit.
        """
        decoder = self._timers.get(name)
        if decoder is None:
            raise Poison(f"deadline {name} is not declared")
        try:
            return decoder(data)
        except UNREADABLE as error:
            raise Poison(f"data of deadline {name}: {error}") from error
