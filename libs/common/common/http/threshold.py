"""What every request meets before its door: who it is for, what it is written in, how much of it there is."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.declare.decision import Refusal
from common.http.problems import Problem, problem, unstorable
from common.http.reading import check
from common.http.texts import address_fault

PROBES: Final = frozenset({"/health/live", "/health/ready", "/metrics"})
"""Asked by who watches over the process, at whatever address it has; answered when the doors are full, too."""

SILENCE: Final = 10.0
"""Seconds between two pieces of a body."""

BODY_WITHIN: Final = 60.0
"""Seconds from the head to the end of the body."""

MOST_HELD: Final = 4
"""Largest batches whose bytes are held at once, in all."""

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
ANY_HOST: Final = "*"

FULL: Final = Refusal(
    "unavailable", "trop_de_demandes", "Trop de demandes à la fois", "Rien n’a été enregistré: réessayez."
)
TOO_SLOW: Final = Refusal("too_slow", "demande_trop_lente", "Demande trop lente", "le corps n’est pas arrivé à temps")
ONCE: Final = frozenset(
    {b"host", b"origin", b"content-type", b"content-encoding", b"idempotency-key", b"authorization"}
)
"""Headers that decide: of two nobody knows which one the next reader believes."""

NO_HOST: Final = Refusal("unreadable", "hote_absent", "Hôte absent", "l’en-tête Host est obligatoire", "Host")
OTHER_HOST: Final = Refusal("misdirected", "hote_inconnu", "Hôte inconnu", "ce service ne répond pas à ce nom", "Host")
OTHER_ORIGIN: Final = Refusal(
    "foreign", "origine_refusee", "Origine refusée", "une page d’un autre site ne peut rien demander ici", "Origin"
)
NOT_JSON: Final = Refusal(
    "unsupported",
    "format_non_pris_en_charge",
    "Format non pris en charge",
    "JSON en UTF-8, non compressé: Content-Type: application/json",
    "Content-Type",
)


class Threshold:
    """Answers what no door has to see; passes on the rest, with its body read whole.

    A body larger than its door allows is refused before it is read whole. One that holds text that cannot be encoded
    or stored is refused by its place; in a `:batch` the door refuses its item instead. While as many requests are
    under way as may be, or as many bytes are held, others are told to try again: nothing of them is kept.

    Args:
        app: what is behind.
        single: bytes of a body; `batch`: of one with many items.
        most: requests under way at once.
        hosts: names it answers to; `ANY_HOST`: all.
        forms: paths whose body is no JSON.
    """

    def __init__(
        self, app: ASGIApp, *, single: int, batch: int, most: int, hosts: Collection[str], forms: Collection[str]
    ) -> None:
        self.app = app
        self.single = single
        self.batch = batch
        self.most = most
        self.hosts = None if ANY_HOST in hosts else LOOPBACK.union(hosts) - {""}
        self.forms = forms
        self.inside = 0
        self.held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on with its body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        if scope["path"] in PROBES:
            await self.app(scope, receive, send)
            return
        held = 0
        entered = False
        try:
            headers = _once_each(scope["headers"])
            self._check_head(scope, headers)
            self._check_room()
            if b"content-length" in headers or b"transfer-encoding" in headers:
                body = await self._body(scope, headers, receive)
                if body is None:
                    return
                held = len(body)
                self.held += held
                receive = _once(body, receive)
                self._check_room()
            self.inside += 1
            entered = True
            await self.app(scope, receive, send)
        except Problem as error:
            await problem(error.refusal)(scope, receive, send)
        finally:
            self.held -= held
            self.inside -= entered

    def _check_head(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        """Judge the address and who it is meant for.

        Raises:
            Problem: it is not for us.
        """
        fault = address_fault(scope.get("raw_path") or scope["path"].encode(), scope["query_string"])
        if fault is not None:
            raise Problem(unstorable(fault))
        if self.hosts is None:
            return
        host = headers.get(b"host", b"")
        if not host and scope["http_version"] == "1.1":
            raise Problem(NO_HOST)
        if host and _name(f"//{host.decode('latin-1')}") not in self.hosts:
            raise Problem(OTHER_HOST)
        origin = headers.get(b"origin")
        if origin is not None and _name(origin.decode("latin-1")) not in self.hosts:
            raise Problem(OTHER_ORIGIN)

    def _check_room(self) -> None:
        """Whether another request may come in.

        Raises:
            Problem: not now.
        """
        if self.inside >= self.most or self.held > MOST_HELD * self.batch:
            raise Problem(FULL)

    async def _body(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive) -> bytes | None:
        """The body, checked; None: the caller is gone.

        Raises:
            Problem: it is too large, too slow, not JSON, or cannot be kept.
        """
        many = scope["path"].endswith(":batch")
        limit = self.batch if many else self.single
        too_large = Refusal("too_large", "corps_trop_grand", "Corps trop grand", f"au plus {limit} octets", "corps")
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > limit:
            raise Problem(too_large)
        json = scope["path"] not in self.forms
        if json and declared != b"0" and not _is_json(headers):
            raise Problem(NOT_JSON)
        body = await _whole(receive, limit, too_large)
        if body and json and not many:
            check(body)
        return body


async def _whole(receive: Receive, limit: int, too_large: Refusal) -> bytes | None:
    """The body to its end; None: the connection ended before.

    Raises:
        Problem: it is larger than `limit`, or does not come in time.
    """
    loop = asyncio.get_running_loop()
    latest = loop.time() + BODY_WITHIN
    pieces: list[bytes] = []
    received = 0
    try:
        async with asyncio.timeout(SILENCE) as patience:
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                piece = message.get("body", b"")
                received += len(piece)
                if received > limit:
                    raise Problem(too_large)
                pieces.append(piece)
                if not message.get("more_body", False):
                    return b"".join(pieces)
                patience.reschedule(min(latest, loop.time() + SILENCE))
    except TimeoutError:
        raise Problem(TOO_SLOW) from None


def _once_each(lines: Sequence[tuple[bytes, bytes]]) -> Mapping[bytes, bytes]:
    """The headers by their name.

    Raises:
        Problem: one that decides stands twice.
    """
    headers = dict(lines)
    if len(headers) < len(lines):
        names = [name for name, _ in lines]
        for name in ONCE.intersection(names):
            if names.count(name) > 1:
                field = name.decode().title()
                detail = f"l’en-tête {field} ne peut être dit qu’une fois"
                raise Problem(Refusal("unreadable", "en_tete_repete", "En-tête répété", detail, field))
    return headers


def _once(body: bytes, receive: Receive) -> Receive:
    """What is received behind the threshold: the body, then what comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def _without_body(send: Send) -> Send:
    """Sends the head of an answer alone (RFC 9110, HEAD)."""

    async def head(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return head


def _name(address: str) -> str:
    """The host of an address, without its port, as it is compared; "" where there is none."""
    try:
        name = urlsplit(address).hostname or ""
    except ValueError:
        return ""
    return f"[{name}]" if ":" in name else name


def _is_json(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a body says to be JSON in UTF-8 as it is."""
    kind, *parameters = headers.get(b"content-type", b"").lower().split(b";")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity" or kind.strip() != b"application/json":
        return False
    named = (parameter.strip().partition(b"=") for parameter in parameters)
    charset = next((value for name, _, value in named if name == b"charset"), b"utf-8")
    return charset.strip(b'" ') in {b"utf-8", b"utf8", b"us-ascii"}
