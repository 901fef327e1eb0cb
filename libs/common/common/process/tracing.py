"""Traces. Spans only for sampled chains: an unsampled event costs one comparison of a character.

A span of a sampled chain is named before it ends, by what it leads to: its id derives from what is done (see
`declare.message.span_id`), so an event that is delivered or decided again hangs in the same place.
"""

import os
import random
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import UUID

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from common.core.codec import Codec
from common.core.deciding import Created
from common.core.envelope import TRACEPARENT
from common.declare.message import Message, span_id
from common.process.settings import Settings, TelemetrySettings, otlp_endpoint

_propagator = TraceContextTextMapPropagator()
_given: ContextVar[int] = ContextVar("id of the next span", default=0)


class _Ids(RandomIdGenerator):
    """Ids at random, except of a span that was named before it ended by what it published."""

    def generate_span_id(self) -> int:
        return _given.get() or super().generate_span_id()


def configure_traces(settings: Settings, service: str) -> trace.Tracer:
    """A tracer that exports by OTLP when an endpoint is set, and samples where a chain starts."""
    sampler = ParentBased(TraceIdRatioBased(settings.telemetry.sample_ratio))
    name = f"croissance-{service}"
    instance = settings.instance or f"{name}-{os.getpid()}"
    resource = Resource.create({"service.name": name, "service.instance.id": instance})
    provider = TracerProvider(sampler=sampler, resource=resource, id_generator=_Ids())
    if otlp_endpoint():
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("croissance")


def _called_from(parent: str, settings: TelemetrySettings) -> Context:
    """Where a caller stands in its trace.

    Unless settings follow callers, chance says whether it is sampled: not the caller, who could have everything traced,
    and not the id of the trace, for that is the caller's choice too.
    """
    context = _propagator.extract({TRACEPARENT: parent})
    caller = trace.get_current_span(context).get_span_context()
    if settings.follow_callers or not caller.is_valid:
        return context
    drawn = random.random() < settings.sample_ratio  # noqa: S311  a share, not a secret
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED if drawn else trace.TraceFlags.DEFAULT)
    own = trace.SpanContext(caller.trace_id, caller.span_id, is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(trace.NonRecordingSpan(own), context)


@contextmanager
def started_chain(
    tracer: trace.Tracer, settings: TelemetrySettings, method: str, route: str, parent: str = ""
) -> Generator[str]:
    """The span of a request, under the caller's `parent` if it named one; yields what its events carry.

    That is a `traceparent`, "" when not sampled. `route` is the template of the path: a name holds no SIREN.
    """
    context = _called_from(parent, settings) if parent else None
    attributes = {"http.request.method": method, "http.route": route}
    with tracer.start_as_current_span(f"{method} {route}", context, trace.SpanKind.SERVER, attributes) as span:
        if not span.get_span_context().trace_flags.sampled:
            yield ""
            return
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        yield carrier.get(TRACEPARENT, "")


def handled_spans(
    tracer: trace.Tracer, codec: Codec, messages: Sequence[Message[object]], start_ns: int, count: int
) -> None:
    """The spans, until now, of the sampled `messages` among the `count` that one transaction handled.

    Each is the child of what led to its message and the parent of what that led to. Where events were handled together
    a span of the batch stands beside them, linked to the creation of each sampled one, and they to it: it hangs in the
    first chain, as a mail does. Names and attributes: https://opentelemetry.io/docs/specs/semconv/messaging/kafka/
    """
    if not messages:
        return
    events = [message for message in messages if message.source is not None]
    batch: list[trace.Link] = []
    if events and count > 1:
        contexts = [_context(message.traceparent) for message in events]
        attributes = _messaging("apply", "process")
        attributes |= {"messaging.consumer.group.name": codec.group, "messaging.batch.message_count": count}
        span = tracer.start_span("apply", contexts[0], trace.SpanKind.CONSUMER, attributes, _links(contexts), start_ns)
        batch = [trace.Link(span.get_span_context())]
        span.end()
    for message in messages:
        source = message.source
        kind, name = trace.SpanKind.INTERNAL, f"deadline {type(message.input).__name__}"
        attributes: dict[str, AttributeValue] = {"croissance.key": message.key}
        if source is not None:
            kind, name = trace.SpanKind.CONSUMER, f"process {source.topic}"
            attributes = _messaging("process", "process") | _of_event(
                source.topic, source.partition, message.id, message.key
            )
            attributes["messaging.consumer.group.name"] = codec.group
            attributes["messaging.kafka.offset"] = source.offset
        place = message.traceparent, span_id(codec.service.name, message.id)
        _span(tracer, name, kind, place, attributes, links=batch if source else (), start_ns=start_ns)


def created_spans(tracer: trace.Tracer, created: Iterable[Created]) -> None:
    """A span each for the events that were committed: the parent of what whoever reads them does.

    They are sent in batches that are sealed at the commit; what an event waits for until then is between the two spans.
    """
    for message, event in created:
        headers = dict(event.headers)
        event_id = UUID(headers["ce_id"].decode())
        own = span_id("create", event_id)
        if headers.get(TRACEPARENT, b"")[36:52] == own.hex().encode():  # not an event of others that is passed on
            attributes = _messaging("create", "create")
            attributes |= _of_event(event.topic, event.partition, event_id, event.key.decode())
            place = message.traceparent, own
            _span(tracer, f"create {event.topic}", trace.SpanKind.PRODUCER, place, attributes)


@contextmanager
def mail_span(tracer: trace.Tracer, mail: UUID, traces: Iterable[str | None], server: str) -> Generator[str]:
    """The span of handing a mail over, in the first of the `traces` that led to it, linked to the others.

    Yields the context of what is recorded of it; "" where no chain is sampled.
    """
    parents = list(dict.fromkeys(each for each in traces if each))
    if not parents:
        yield ""
        return
    contexts = [_context(each) for each in parents]
    links = _links(contexts[1:])
    attributes: dict[str, AttributeValue] = {"server.address": server, "croissance.mail": str(mail)}
    with tracer.start_as_current_span("send mail", contexts[0], trace.SpanKind.CLIENT, attributes, links):
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        yield carrier.get(TRACEPARENT, "")


def _messaging(name: str, kind: str) -> dict[str, AttributeValue]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": name,
        "messaging.operation.type": kind,
    }


def _of_event(topic: str, partition: int, event: UUID, key: str) -> dict[str, AttributeValue]:
    return {
        "messaging.destination.name": topic,
        "messaging.destination.partition.id": str(partition),
        "messaging.message.id": str(event),
        "messaging.kafka.message.key": key,
    }


def _context(parent: str) -> Context:
    return _propagator.extract({TRACEPARENT: parent}, Context())


def _links(contexts: Iterable[Context]) -> list[trace.Link]:
    return [trace.Link(trace.get_current_span(context).get_span_context()) for context in contexts]


def _span(
    tracer: trace.Tracer,
    name: str,
    kind: trace.SpanKind,
    place: tuple[str, bytes],
    attributes: dict[str, AttributeValue],
    *,
    links: Sequence[trace.Link] = (),
    start_ns: int | None = None,
) -> None:
    """A span that ends now; `place`: the context of its parent, and its own id."""
    parent, own = place
    given = _given.set(int.from_bytes(own))
    try:
        tracer.start_span(name, _context(parent), kind, attributes, links, start_ns).end()
    finally:
        _given.reset(given)
