"""The one address of an installation, where links in mails and labels lead: sends each request to its service.

Which service has which door is read from what the services publish of themselves (`/openapi.json`), where they listen
from what the supervisor wrote. An installation in production has an ingress instead.
"""

import argparse
import json
import re
from collections.abc import Iterator
from contextlib import closing
from functools import lru_cache
from html import escape
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from embedded.probe import http_status
from embedded.state import recorded_state

PATIENCE: Final = 5.0
"""Seconds a service, or a client, may take."""

LARGEST: Final = 10 * 2**20
"""Bytes of a body that are read before the client is sent on."""

_PAGE: Final = """<!DOCTYPE html>
<html lang="fr"><head><meta charset="utf-8"><title>Croissance connectée</title></head>
<body><main><h1>Croissance connectée</h1><p>Les portes des services qui tournent ici :</p>
<ul>{services}</ul></main></body>
</html>
"""


@lru_cache(maxsize=64)
def doors_of(address: str) -> tuple[tuple[re.Pattern[str], int], ...]:
    """The paths of a service, each with how many parts of it vary; asked once an address.

    Raises:
        OSError: it does not answer.
        HTTPException: it does not answer HTTP.
        ValueError: what it answers is no OpenAPI document.
    """
    where = urlsplit(address)
    with closing(HTTPConnection(where.hostname or "", where.port, timeout=PATIENCE)) as connection:
        connection.request("GET", "/openapi.json")
        paths: dict[str, Any] = json.loads(connection.getresponse().read())["paths"]
    return tuple((re.compile(_pattern(path)), path.count("{")) for path in paths)


def _pattern(path: str) -> str:
    return "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in re.split(r"(\{[^}]*\})", path))


class Handler(BaseHTTPRequestHandler):
    """One request: the page that lists the services, or the address where it is answered."""

    timeout = PATIENCE
    data: Path

    def answer(self) -> None:
        """Send the client on with its method and body (307), or say that no service has this door."""
        self.rfile.read(min(LARGEST, int(self.headers.get("content-length") or 0)))
        path = self.path.partition("?")[0]
        if path == "/":
            lines = [f'<li><a href="{escape(url)}/docs">{escape(name)}</a></li>' for name, url in self.services()]
            self._send(200, _PAGE.format(services="".join(lines)))
            return
        address = self._address_of(path)
        if address is None:
            self._send(
                404, "<!DOCTYPE html><html lang='fr'><title>Adresse inconnue</title><p>Adresse inconnue.</p></html>"
            )
        else:
            self._send(307, "", address + self.path)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer  # noqa: N815  the library's names

    def services(self) -> Iterator[tuple[str, str]]:
        """Every service with the address of its first process."""
        for name, service in sorted(recorded_state(self.data).get("services", {}).items()):
            if service["instances"]:
                yield name, service["instances"][0]["http_url"]

    def _address_of(self, path: str) -> str | None:
        """The service that has a door of this path; of several, the one whose path varies least."""
        found: list[tuple[int, str]] = []
        for _, url in self.services():
            try:
                doors = doors_of(url)
            except (OSError, HTTPException, ValueError, KeyError):
                continue  # it starts or is gone: it has no door now
            found += [(varying, url) for pattern, varying in doors if pattern.fullmatch(path)]
        return min(found)[1] if found else None

    def _send(self, status: int, page: str, location: str = "") -> None:
        body = page.encode()
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
        """Say nothing: the services log what they answer."""


def server(data: Path, port: int) -> ThreadingHTTPServer:
    """The front of the installation on a data directory, on a port of the loopback."""
    return ThreadingHTTPServer(("127.0.0.1", port), type("Bound", (Handler,), {"data": data}))


async def answers(port: int) -> bool:
    """Whether the front answers."""
    return await http_status(port, "/") == 200


def main() -> None:
    """The command line of the front process."""
    parser = argparse.ArgumentParser(prog="python -m embedded.front", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("port", type=int)
    arguments = parser.parse_args()
    server(arguments.data, arguments.port).serve_forever()


if __name__ == "__main__":
    main()
