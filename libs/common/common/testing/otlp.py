"""A collector of traces on the loopback: what is really exported, decoded."""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from gzip import decompress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Span(NamedTuple):
    """One span; ids in hexadecimal."""

    service: str
    instance: str
    name: str
    trace: str
    id: str
    parent: str
    links: tuple[str, ...]
    attributes: dict[str, str]


@dataclass
class Collector:
    """What it was sent."""

    url: str
    spans: list[Span] = field(default_factory=list[Span])
    news: Condition = field(default_factory=Condition)

    def until(self, enough: Callable[[list[Span]], bool], seconds: float) -> list[Span]:
        """The spans, once they are enough; after so many seconds whatever is there."""
        with self.news:
            self.news.wait_for(lambda: enough(self.spans), seconds)
            return list(self.spans)

    def take(self, body: bytes) -> None:
        """Take a request of an exporter."""
        request = ExportTraceServiceRequest.FromString(body)
        found = [
            Span(
                own["service.name"],
                own["service.instance.id"],
                span.name,
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                tuple(link.span_id.hex() for link in span.links),
                {each.key: each.value.string_value or str(each.value.int_value) for each in span.attributes},
            )
            for part in request.resource_spans
            for own in [{each.key: each.value.string_value for each in part.resource.attributes}]
            for scope in part.scope_spans
            for span in scope.spans
        ]
        with self.news:
            self.spans += found
            self.news.notify_all()


@contextmanager
def collecting() -> Generator[Collector]:
    """A collector that listens for OTLP over HTTP."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.take(decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, ThreadPoolExecutor(1) as pool:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        pool.submit(server.serve_forever, 0.01)
        try:
            yield collector
        finally:
            server.shutdown()
