"""Logs, metrics and traces. Spans only for sampled chains: an unsampled event costs one comparison of a character."""

import logging
import os
import random
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, get_args

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from common.core.codec import Codec
from common.declare.message import Message, span_id
from common.process.settings import Settings, TelemetrySettings, log_level, otlp_endpoint

Log = structlog.typing.FilteringBoundLogger

CounterName = Literal[
    "events_applied",  # records applied, by topic
    "events_published",  # events acknowledged by the broker
    "duplicates_dropped",  # records delivered again and dropped by their sequence
    "dead_letters",  # records set aside, by topic
    "parked",  # records that wait behind a dead letter
    "transient_failures",  # batches taken again after a pause
    "relay_failures",  # relays that had to start over with a new producer
    "commands",  # HTTP commands decided
    "deadlines",  # deadlines decided
]
GaugeName = Literal[
    "consumer_lag",  # records not handled yet, by topic
    "outbox_waiting",  # events committed and not published yet, of the whole service
    "unpublished_seconds",  # for how long events wait and none goes out, of the whole service
    "dead_letters_open",  # dead letters that nobody has settled, of the whole service
    "sequence_gaps",  # partitions that wait for a missing number: must be 0
]
HistogramName = Literal[
    "batch_records",  # records in a batch
    "batch_seconds",  # time of one batch, from hand-over to commit
]

_propagator = TraceContextTextMapPropagator()
_given: ContextVar[int] = ContextVar("id of the next span", default=0)


class _Ids(RandomIdGenerator):
    """Ids at random, except of a span that was named before it ended by what it published."""

    def generate_span_id(self) -> int:
        return _given.get() or super().generate_span_id()


def configure_logs(service: str, instance: str) -> Log:
    """JSON lines on stdout (readable lines on a terminal), with service and instance on each."""
    level = logging.getLevelNamesMapping().get(log_level(), logging.INFO)
    terminal = sys.stdout.isatty()
    renderer = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if not terminal else structlog.processors.StackInfoRenderer(),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=max(level, logging.WARNING), stream=sys.stdout, format="%(levelname)s %(name)s %(message)s"
    )
    structlog.contextvars.bind_contextvars(service=service, instance=instance)
    return structlog.get_logger()


class Metrics:
    """The metrics of one process; names are checked by the type checker and prefixed `croissance_`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters = {
            name: Counter(f"croissance_{name}", name.replace("_", " "), ["topic"], registry=self.registry)
            for name in get_args(CounterName)
        }
        self._gauges = {
            name: Gauge(f"croissance_{name}", name.replace("_", " "), ["topic"], registry=self.registry)
            for name in get_args(GaugeName)
        }
        self._histograms = {
            "batch_records": Histogram(
                "croissance_batch_records",
                "records in a batch",
                buckets=(1, 10, 50, 200, 500, 1000, 2000, 5000),
                registry=self.registry,
            ),
            "batch_seconds": Histogram("croissance_batch_seconds", "seconds of a batch", registry=self.registry),
        }

    def created(self, reads: Iterable[str]) -> None:
        """Show every counter at 0: an increase from nothing is none to Prometheus, so the first would go unseen."""
        topics = {"events_applied": reads, "dead_letters": reads}
        for name, counter in self._counters.items():
            for topic in topics.get(name, ("",)):
                counter.labels(topic)

    def add(self, name: CounterName, amount: float = 1, *, topic: str = "") -> None:
        """Increase a counter."""
        if amount:
            self._counters[name].labels(topic).inc(amount)

    def set(self, name: GaugeName, value: float, *, topic: str = "") -> None:
        """Set a gauge."""
        self._gauges[name].labels(topic).set(value)

    def observe(self, name: HistogramName, value: float) -> None:
        """Add an observation."""
        self._histograms[name].observe(value)


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
    context = _propagator.extract({"traceparent": parent})
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
        yield carrier.get("traceparent", "")


def span_of(tracer: trace.Tracer, message: Message[object], codec: Codec, start_ns: int, end_ns: int) -> None:
    """A `process` span of one sampled event, child of the span that published it, parent of what it published.

    Names and attributes: https://opentelemetry.io/docs/specs/semconv/messaging/kafka/
    """
    context = _propagator.extract({"traceparent": message.traceparent})
    attributes: dict[str, str | int] = {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.consumer.group.name": codec.group,
        "messaging.message.id": str(message.id),
        "messaging.kafka.message.key": message.key,
    }
    name = "process"
    if message.source is not None:
        name = f"process {message.source.topic}"
        attributes["messaging.destination.name"] = message.source.topic
        attributes["messaging.destination.partition.id"] = str(message.source.partition)
        attributes["messaging.kafka.offset"] = message.source.offset
    given = _given.set(int.from_bytes(span_id(codec.service.name, message.id)))
    try:
        span = tracer.start_span(name, context, trace.SpanKind.CONSUMER, attributes, start_time=start_ns)
    finally:
        _given.reset(given)
    span.end(end_ns)
