"""Connections: what a caller may do before a door sees its request, and how long it may take.

uvicorn alone reads a head of any length (in quadratic time), waits for ever for the rest of it, and turns everybody
away alike when there are too many; here a head has a size and a time, and the silent make room for those who ask.
"""

import asyncio
from typing import Any, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from common.declare.decision import Refusal
from common.http.problems import PROBLEM, STATUS, problem_bytes

HEAD_BYTES: Final = 64 * 1024
"""Bytes of a request line and its headers. One read of the socket, 256 KiB at most, may come on top of it."""

HEAD_WITHIN: Final = 10.0
"""Seconds from the first byte of a head (of a connection: from its start) to its end."""

REST_WITHIN: Final = 5.0
"""Seconds that a caller may go on sending a body after its answer: those who hear it stop by themselves."""

TAKEN_WITHIN: Final = 30.0
"""Seconds that an answer may wait for a caller who does not read it."""

MOST_CONNECTIONS: Final = 512
"""Connections kept at once. One more pushes out the one that has owed us the rest of a request for longest."""

OFFERS: Final = frozenset({b"upgrade", b"http2-settings"})
"""What a head offers another protocol with."""

TOO_LONG: Final = Refusal(
    "head_too_large", "en_tete_trop_grand", "En-têtes trop grands", f"au plus {HEAD_BYTES} octets avec l’adresse"
)
TOO_SLOW: Final = Refusal(
    "too_slow", "demande_trop_lente", "Demande trop lente", "la demande n’est pas arrivée à temps"
)
NOT_HTTP: Final = Refusal(
    "unreadable", "http_invalide", "Demande illisible", "ce n’est pas une demande HTTP/1.1 valide"
)


class Parser(httptools.HttpRequestParser):
    """Reads requests; one that offers another protocol is read as if it did not (RFC 9110, 7.8: it may be ignored).

    The parser beneath takes whatever follows such an offer for that protocol: the body, and every request after it.
    """

    def __init__(self, connection: "Connection") -> None:
        super().__init__(connection)
        self.connection = connection
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does

    def feed_data(self, data: Any) -> None:
        """Read on (bytes).

        Raises:
            httptools.HttpParserError: it is not HTTP.
        """
        parser, rest = self, memoryview(data)
        while True:
            try:
                return super(Parser, parser).feed_data(rest)
            except httptools.HttpParserUpgrade as offer:
                rest = rest[cast("int", offer.args[0]) :]
                head = self.connection.head_without_offer()
                parser = self.connection.parser = Parser(self.connection)
                super(Parser, parser).feed_data(head)


class Connection(HttpToolsProtocol):
    """One connection, with limits; its requests are served as uvicorn does.

    What frames a body (sizes of chunks, their extensions, trailers, which nobody reads) counts like a head, beyond as
    much as the body itself. A head that is too large is answered 431, one that does not end in time 408; both end the
    connection. A connection without a request, a body that goes on after its answer and an answer that nobody reads
    end it too. What is no request takes no answer from the requests before it: they have theirs, then it has its own.
    """

    in_head: bool = True
    head: int = 0
    offered: bool = False
    carried: int = 0
    framing: int = 0
    whole: bool = False
    refused: Refusal | None = None
    served: RequestResponseCycle | None = None
    since: float = 0.0
    limit: asyncio.TimerHandle | None = None
    rest: asyncio.TimerHandle | None = None
    unread: asyncio.TimerHandle | None = None

    # --- the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take it, in place of the oldest that is owed no answer where there are too many."""
        super().connection_made(transport)
        self.parser = Parser(self)
        self.since = self.loop.time()
        self.limit = self.loop.call_later(HEAD_WITHIN, self._head_is_late)
        if len(self.connections) > MOST_CONNECTIONS:
            others = [cast("Connection", other) for other in self.connections]
            oldest = min((other for other in others if not other.owed), key=lambda other: other.since)
            self.connections.discard(oldest)
            oldest.transport.abort()

    @property
    def owed(self) -> bool:
        """Its request is whole and not answered yet."""
        return self.in_head and not self.idle

    @property
    def idle(self) -> bool:
        """Nobody waits for an answer on it."""
        return not self.cycle or self.cycle.response_complete

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget its times."""
        for timer in (self.limit, self.rest, self.unread):
            if timer is not None:
                timer.cancel()
        self.limit = self.rest = self.unread = None
        super().connection_lost(exc)
        self.pipeline.clear()
        if self.served is not None:  # uvicorn tells the newest request only; this one would answer a closed socket
            self.served.disconnected = True
            self.served.message_event.set()

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head grows too large."""
        if self.refused or self.transport.is_closing():
            return
        self.whole = False
        inside, carried = not self.in_head, self.carried
        if self.in_head and self.limit is None:
            self.limit = self.loop.call_later(HEAD_WITHIN, self._head_is_late)
        super().data_received(data)
        if self.in_head and not self.whole:  # else these bytes are of a request that came with its body in one piece
            self.head += len(data)
            if self.head > HEAD_BYTES:
                self._refuse(TOO_LONG)
        elif inside and not self.in_head:
            self.framing += len(data) - (self.carried - carried)
            if self.framing > HEAD_BYTES + self.carried:
                self._refuse(TOO_LONG)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is told so in the form of every other refusal."""
        del msg
        self._refuse(NOT_HTTP)

    def _head_is_late(self) -> None:
        self.limit = None
        if not self.idle:  # the head of the next request; the answer of this one comes first
            self.limit = self.loop.call_later(HEAD_WITHIN, self._head_is_late)
        elif self.head:
            self._refuse(TOO_SLOW)
        else:
            self.transport.close()

    def _refuse(self, refusal: Refusal) -> None:
        """Answer what never becomes a request, and close; the answers that are owed come first."""
        if self.refused is not None or self.transport.is_closing():
            return
        self.refused = refusal
        if not self.in_head:
            self._give_up()
        if self.idle:
            self._tell(refusal)

    def _give_up(self) -> None:
        """Forget the newest request, whose body never becomes whole, unless it has begun to be answered."""
        newest = self.cycle
        if newest.response_started:
            return
        self.in_head = True
        newest.disconnected = True
        newest.message_event.set()
        if newest is self.served:
            newest.response_complete = True
        else:
            self.pipeline.popleft()
            self.cycle = self.pipeline[0][0] if self.pipeline else cast("RequestResponseCycle", self.served)

    def _tell(self, refusal: Refusal) -> None:
        """The last answer. What still comes is thrown away for a while: closed on it, the answer would be lost."""
        status, body = STATUS[refusal.kind], problem_bytes(refusal)
        lines = (
            f"HTTP/1.1 {status.value} {status.phrase}",
            f"content-type: {PROBLEM}",
            f"content-length: {len(body)}",
            "connection: close",
        )
        self.transport.write("\r\n".join((*lines, "", "")).encode() + body)
        self.transport.write_eof()
        if self.rest is not None:
            self.rest.cancel()
        self.rest = self.loop.call_later(REST_WITHIN, self.transport.abort)

    # --- its requests

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Serve the next one."""
        self.served = cycle
        super()._start_asgi_task(cycle, app)

    def on_message_begin(self) -> None:
        """A head begins."""
        self.in_head = True
        self.offered = False
        self.head = self.carried = self.framing = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; a trailer says nothing to anybody."""
        if self.in_head:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self.carried += len(body)
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """The head is whole; what comes is the body."""
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self.offered = True
            return
        super().on_headers_complete()  # raises for an address that is none: then it stays a head
        self.in_head = False
        self.since = self.loop.time()
        if self.limit is not None:
            self.limit.cancel()
            self.limit = None

    def on_message_complete(self) -> None:
        """The body is whole; what comes is a head."""
        if self.offered:  # nothing was read of it yet: see `Parser`
            return
        self.in_head = self.whole = True
        self.head = 0
        if self.rest is not None:
            self.rest.cancel()
            self.rest = None
        super().on_message_complete()

    def head_without_offer(self) -> bytes:
        """The head of the request that was read last, without its offer of another protocol."""
        lines = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        for name, value in self.headers:
            if name == b"connection":
                kept = [token for token in value.split(b",") if token.strip().lower() not in OFFERS]
                lines += [name + b": " + b",".join(kept)] if kept else []
            elif name not in OFFERS:
                lines.append(name + b": " + value)
        return b"\r\n".join((*lines, b"", b""))

    def on_response_complete(self) -> None:
        """Answered: a body that is still on its way has little time left."""
        self.since = self.loop.time()
        if not self.in_head and self.rest is None:
            self.rest = self.loop.call_later(REST_WITHIN, self.transport.abort)
        super().on_response_complete()
        if self.refused is None or not self.idle or self.transport.is_closing():
            return
        if self.in_head:
            self._tell(self.refused)
        else:  # of the request that was just answered
            self.transport.close()

    def pause_writing(self) -> None:
        """The caller does not read what it is answered."""
        self.unread = self.loop.call_later(TAKEN_WITHIN, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        """It goes on."""
        if self.unread is not None:
            self.unread.cancel()
            self.unread = None
        super().resume_writing()
