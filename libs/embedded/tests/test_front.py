"""The one address of an installation: each link leads to the service that has its door."""

import json
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from embedded import front


@contextmanager
def serving(made: ThreadingHTTPServer) -> Generator[int]:
    """A server that answers while the block runs; gives its port."""
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made.server_address[1]
    made.shutdown()
    thread.join()
    made.server_close()


class Service(BaseHTTPRequestHandler):
    """A service that publishes its doors."""

    paths: tuple[str, ...] = ()

    def do_GET(self) -> None:
        body = json.dumps({"paths": {path: {} for path in self.paths}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""


def service(*paths: str) -> ThreadingHTTPServer:
    return ThreadingHTTPServer(("127.0.0.1", 0), type("One", (Service,), {"paths": paths}))


def ask(port: int, method: str, path: str, body: str = "") -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, body)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[int, str, str]]:
    """A front before two services that answer and one that does not."""
    with (
        serving(service("/v1/labels", "/v1/labels/{label_id}", "/v1/cohorts/{year}")) as labels,
        serving(service("/v1/unsubscribe", "/v1/labels/{a}/{b}:grant", "/v1/labels/mine")) as mails,
        serving(front.server(tmp_path, 0)) as port,
    ):
        urls = {"labels": labels, "mails": mails, "gone": 9, "scaled": None}
        services = {
            name: {"instances": [] if at is None else [{"http_url": f"http://127.0.0.1:{at}"}]}
            for name, at in urls.items()
        }
        (tmp_path / "stack.json").write_text(json.dumps({"services": services}), "utf-8")
        yield port, f"http://127.0.0.1:{labels}", f"http://127.0.0.1:{mails}"


def test_each_request_is_sent_to_the_service_that_has_its_door(running: tuple[int, str, str]) -> None:
    port, labels, mails = running
    for method, path, owner in (
        ("GET", "/v1/labels/0190b1f4", labels),
        ("GET", "/v1/labels?region=84", labels),
        ("HEAD", "/v1/cohorts/2026", labels),
        ("GET", "/v1/unsubscribe?token=a.b-c", mails),
        ("POST", "/v1/unsubscribe?token=a.b-c", mails),
        ("PUT", "/v1/labels/1/2:grant", mails),
        ("GET", "/v1/labels/mine", mails),
    ):
        answer = ask(port, method, path, "a=1" if method in {"POST", "PUT"} else "")
        assert (answer.status, answer.headers["Location"]) == (307, owner + path), path


def test_what_nobody_has_is_said_to_be_unknown(running: tuple[int, str, str]) -> None:
    for path in ("/v1/nothing", "/v1/labels/1/2", "//example.org/v1/labels", "/v1/labels/"):
        answer = ask(running[0], "GET", path)
        assert (answer.status, answer.headers["Location"]) == (404, None), path


async def test_the_first_page_names_the_services(running: tuple[int, str, str]) -> None:
    port, labels, _ = running
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/")
    page = connection.getresponse().read().decode()
    connection.close()
    assert f'<a href="{labels}/docs">labels</a>' in page
    assert "scaled" not in page
    assert await front.answers(port)
    assert not await front.answers(9)
