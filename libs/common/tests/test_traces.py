"""A trace is one tree, from the door over each service that hears of it: read from what is really exported."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from gzip import decompress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import UUID

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider

from common.core.codec import Codec
from common.core.records import apply_records
from common.declare.message import Message, entered, is_sampled, sampled
from common.process import telemetry
from common.process.settings import Settings, TelemetrySettings
from common.testing.chain import GRANTER, Granted

from .places import NOW, OpenPlace, record

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
NOTHING, ALL = TelemetrySettings(sample_ratio=0), TelemetrySettings(sample_ratio=1)


def message(traceparent: str) -> Message[object]:
    return Message(None, "k", 0, UUID(int=1), NOW, UUID(int=1), "", traceparent)


@pytest.mark.parametrize(
    ("flags", "yes"), [("00", False), ("01", True), ("02", False), ("03", True), ("ff", True), ("", False)]
)
def test_sampled_is_a_bit_of_the_flags(flags: str, yes: bool) -> None:
    assert bool(sampled([message(f"00-{TRACE}-{CALLER}-{flags}")])) is yes


@pytest.mark.parametrize("text", ["", "-01", "x" * 55, "x" * 54 + "1", f"00-{'0' * 32}-{CALLER}-01", "1" * 200])
def test_what_is_no_trace_context_is_not_sampled(text: str) -> None:
    assert sampled([message(text)]) == []


def test_the_span_of_a_message_has_the_same_name_each_time_and_another_in_another_service() -> None:
    one = message(f"00-{TRACE}-{CALLER}-03")
    assert entered(one, "a") == entered(one, "a") != entered(one, "b")
    assert entered(one, "a").traceparent[:36] == f"00-{TRACE}-"
    assert entered(one, "a").traceparent[52:] == "-03"


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Generator[list[ExportTraceServiceRequest]]:
    """What a collector on the loopback is sent."""
    found: list[ExportTraceServiceRequest] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            packed = self.headers.get("content-encoding") == "gzip"
            found.append(ExportTraceServiceRequest.FromString(decompress(body) if packed else body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Collector) as server, ThreadPoolExecutor(1) as pool:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        pool.submit(server.serve_forever, 0.01)
        yield found
        server.shutdown()


def tracer_of(service: str, providers: list[TracerProvider], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A tracer that exports, with the provider it comes from."""

    class Kept(TracerProvider):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            providers.append(self)

    monkeypatch.setattr(telemetry, "TracerProvider", Kept)
    settings = Settings(instance=f"{service}-7", telemetry=TelemetrySettings(sample_ratio=float(service == "door")))
    return telemetry.configure_traces(settings, service)


async def test_a_trace_hangs_together_from_the_caller_to_the_last_event(
    open_place: OpenPlace, received: list[ExportTraceServiceRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    providers: list[TracerProvider] = []
    door = tracer_of("door", providers, monkeypatch)
    reader = tracer_of("reader", providers, monkeypatch)
    place = await open_place(GRANTER)
    codec: Codec = place.codec

    with telemetry.started_chain(door, ALL, "POST", "/companies/{siren}", f"00-{TRACE}-{CALLER}-03") as traceparent:
        counted = record(codec, 1)
    headers = tuple(pair for pair in counted.headers if pair[0] != "traceparent")
    counted = counted._replace(headers=(*headers, ("traceparent", traceparent.encode())))
    granted: list[str] = []
    honest = codec.outgoing

    def watched(cause: Any, events: Any) -> Any:
        assert events == (), "the budget of the test is empty"
        sent = honest(cause, (Granted("k", 1, 0),))
        granted.extend(dict(each.headers)["traceparent"].decode() for each in sent)
        return sent

    monkeypatch.setattr(codec, "outgoing", watched)
    report = await apply_records(codec, place.begin, (counted,), NOW)
    for each in report.sampled:
        telemetry.span_of(reader, each, codec, 1, 2)
    for provider in providers:
        provider.shutdown()

    spans: dict[str, Any] = {}
    instances: set[str] = set()
    for sent in received:
        for part in sent.resource_spans:
            instances |= {a.value.string_value for a in part.resource.attributes if a.key == "service.instance.id"}
            spans |= {span.name: span for scope in part.scope_spans for span in scope.spans}
    http, process = spans["POST /companies/{siren}"], spans[f"process {codec.topics[0]}"]
    assert instances == {"door-7", "reader-7"}
    assert http.trace_id.hex() == process.trace_id.hex() == TRACE
    assert http.parent_span_id.hex() == CALLER
    assert process.parent_span_id == http.span_id
    assert [each[36:52] for each in granted] == [process.span_id.hex()], "what it published hangs under its span"
    names = {attribute.key for attribute in process.attributes}
    assert {"messaging.kafka.offset", "messaging.operation.type", "messaging.destination.partition.id"} <= names
    assert "messaging.kafka.message.offset" not in names


def chains(settings: TelemetrySettings, parent: str, count: int) -> list[bool]:
    """Which of so many requests of one caller are sampled."""
    tracer = telemetry.configure_traces(Settings(telemetry=settings), "door")
    found: list[bool] = []
    for _ in range(count):
        with telemetry.started_chain(tracer, settings, "POST", "/x", parent) as traceparent:
            found.append(bool(traceparent))
    return found


def test_a_caller_cannot_have_everything_traced() -> None:
    assert not any(chains(NOTHING, f"00-{TRACE}-{CALLER}-01", 3))
    for trace_id in ("0" * 31 + "1", "f" * 32):  # a share of the ids would be the caller's choice
        drawn = chains(TelemetrySettings(sample_ratio=0.5), f"00-{trace_id}-{CALLER}-01", 100)
        assert any(drawn)
        assert not all(drawn)


def test_a_gateway_of_ours_decides_what_is_traced() -> None:
    nothing, everything = (TelemetrySettings(sample_ratio=share, follow_callers=True) for share in (0, 1))
    assert all(chains(nothing, f"00-{TRACE}-{CALLER}-01", 3))
    assert not any(chains(everything, f"00-{TRACE}-{CALLER}-00", 3))
    assert all(chains(everything, "", 3))
    assert all(chains(everything, "no trace context", 3))


def test_of_two_messages_with_one_id_only_the_sampled_one_is_named_anew() -> None:
    both = [message(f"00-{TRACE}-{CALLER}-01"), message("")]
    assert [is_sampled(each) for each in both] == [True, False]


@pytest.mark.parametrize("parent", ["", f"00-{TRACE}-{CALLER}-00", f"00-{TRACE}-{CALLER}-01", "x"])
def test_an_unsampled_request_gives_its_events_no_context(parent: str) -> None:
    assert not any(chains(NOTHING, parent, 3))
