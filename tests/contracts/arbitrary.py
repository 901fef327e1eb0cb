"""Whatever bytes a caller can send to a door, made up by hypothesis: lines, headers, lengths and bodies, broken."""

import json
import zlib
from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from croissance.directors import Participant, participant
from croissance.population import Population

from .test_texts_at_doors import BODIES, Door, answers, spoilt

LAST: Final = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
PEOPLE = [participant(company) for company in Population(23).draw(0, 60)]

DEEP: Final = b"[" * 20_000 + b"]" * 20_000
FRAGMENTS: Final = (
    *(b"1e999", b"-1e999", b"9" * 5_000, b"1." + b"0" * 5_000 + b"1", b"NaN", b"-0", b"1E400", b"0x1", b"00"),
    *(b'"\\ud83d"', b'"\\u0000"', b'"\\udc00\\ud800"', b'"\xff"', b'"\xed\xa0\x80"', b'"' + b"x" * 200_000 + b'"'),
    *(DEEP, b'{"a":' * 5_000, b'{"a": 1, "a": 2}', b"{}", b"[]", b"null", b"true", b"[" + b"{}," * 50_000 + b"{}]"),
)
ODD = st.binary(max_size=40)
METHODS = st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT"])
VERSIONS = st.sampled_from([b"HTTP/1.1"] * 40 + [b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.1 ", b"HTTP", b""])
NAMES = st.sampled_from(
    [
        *(b"Host", b"Origin", b"Content-Type", b"Content-Encoding", b"Idempotency-Key", b"Prefer", b"If-None-Match"),
        *(b"Connection", b"Upgrade", b"Expect", b"Transfer-Encoding", b"Content-Length", b"traceparent", b"TE"),
        *(b"Authorization", b"Cookie", b"Accept", b"X-Forwarded-For", b"X-Forwarded-Proto", b"X" * 300, b"a b", b""),
    ]
)
VALUES = st.sampled_from(
    [
        *(b"localhost", b"evil.example", b"[::1", b"null", b"application/json; charset=utf-16", b"text/plain", b"gzip"),
        *(b"deflate", b"br", b"close", b"keep-alive, Upgrade", b"websocket", b"h2c", b"100-continue", b"chunked"),
        *(b"return=minimal", b'W/"1", *, "', b"0", b"-1", b"9" * 5_000, b"00-%b-%b-01" % (b"a" * 32, b"b" * 16)),
        *(b"folded\r\n  here", b"folded\r\n\there", b"x" * 9_000, b"x" * 70_000, b"\xff\xfe", "é".encode(), b"a\0b"),
    ]
)
HEADERS = st.lists(st.tuples(NAMES | ODD, VALUES | ODD), max_size=4) | st.tuples(
    NAMES, VALUES.filter(lambda value: len(value) < 200), st.sampled_from([2, 3, 100, 1_000])
).map(lambda parts: [parts[:2]] * parts[2])
LINE_ENDS = st.sampled_from([b"\r\n"] * 40 + [b"\n", b"\r", b"\r\n\r\n"])
LENGTHS = st.sampled_from([b"+5", b"-1", b"0x10", b"1, 1", b"1 2", b"", b"9" * 18, b"9" * 5_000, "٣".encode()])
CODINGS = st.sampled_from([b"gzip, chunked", b"chunked, identity", b"xchunked", b"chunked\x0b", b"identity", b""])


def chunked(body: bytes, size: int, extension: bytes = b"") -> bytes:
    """The body in pieces (RFC 9112, 7.1)."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join([b"%x%b\r\n%b\r\n" % (len(each), extension, each) for each in [*pieces, b""]])


def with_fragment(random: Random, body: Any, fragment: bytes) -> bytes:
    """The body with one of its values replaced by what need not be JSON."""
    copy: Any = json.loads(json.dumps(body))
    place = copy
    while True:
        name = random.choice(list(place) if isinstance(place, dict) else range(len(place)))
        inner = place[name]
        if not isinstance(inner, dict | list) or not inner or random.random() < 0.3:
            break
        place = inner
    place[name] = "@here@"
    return json.dumps(copy).encode().replace(b'"@here@"', fragment)


@st.composite
def bodies(draw: Callable[..., Any], make: Callable[[Participant], dict[str, Any]], many: bool) -> bytes:
    """A body that people send, broken in one way or another."""
    random = Random(draw(st.integers(0, 2**32)))
    good = make(random.choice(PEOPLE))
    said = json.dumps(good).encode()
    kind = draw(st.integers(0, 8))
    if kind == 1:
        said = spoilt(random, good)
    elif kind in {2, 3}:
        said = with_fragment(random, good, draw(st.sampled_from(FRAGMENTS) | ODD))
    elif kind == 4:
        cut = draw(st.integers(0, len(said)))
        said = said[:cut] + draw(ODD) + said[cut + draw(st.integers(0, 20)) :]
    elif kind == 5:
        said = draw(st.binary(max_size=300) | st.sampled_from(FRAGMENTS))
    elif kind == 6:
        said = "\ufeff".encode() + said if draw(st.booleans()) else said.decode().encode("utf-16")
    if many and kind != 5:
        times = draw(st.sampled_from([1, 2, 50, 1_000, 1_001]))
        said = b"[" + b",".join([*[json.dumps(good).encode()] * (times - 1), said]) + b"]"
    if kind == 7:
        said = zlib.compress(said) if draw(st.booleans()) else zlib.compress(said, wbits=31)
    return said if kind != 8 else said + b" " * draw(st.sampled_from([1, 70_000, 1_100_000, 9_000_000]))


CHUNKED: Final = (b"Transfer-Encoding", b"chunked")


def length(number: int) -> tuple[bytes, bytes]:
    return b"Content-Length", b"%d" % max(0, number)


PIECES: Final = ("chunked", "extended", "broken")


@st.composite
def in_pieces(draw: Callable[..., Any], body: bytes, size: int, way: str) -> bytes:
    """A body in chunks: small ones, ones with extensions and a trailer, or ones broken somewhere."""
    if way == "chunked":
        return chunked(body, draw(st.sampled_from([7, 1_000])) + len(body) // 1_000)
    if way == "extended":
        extension = draw(st.sampled_from([b";a=b", b";" + b"x" * 70_000, b";\xff"]))
        return chunked(body, size, extension)[:-2] + b"Trailer: %b\r\n\r\n" % draw(ODD)
    whole = chunked(body, size)
    cut = draw(st.integers(0, min(len(whole), 3_000)))
    return whole[:cut] + draw(ODD) + whole[cut:]


@st.composite
def framed(draw: Callable[..., Any], body: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The headers that say where a body ends, and the body so written: they agree, or nearly."""
    size = 1_000 + len(body) // 100
    off: int = draw(st.integers(1, 1_000))
    way: str = draw(
        st.sampled_from([*["right"] * 20, "none", "more", "less", "both", "twice", "odd", "coded", *PIECES])
    )
    if way in PIECES:
        return [CHUNKED], draw(in_pieces(body, size, way))
    headers = {
        "right": [length(len(body))],
        "none": [],
        "more": [length(len(body) + off)],
        "less": [length(len(body) - off)],
        "both": [CHUNKED, length(len(body))],
        "twice": [length(len(body)), length(off // 100)],
        "odd": [(b"Content-Length", draw(LENGTHS))],
        "coded": [(b"Transfer-Encoding", draw(CODINGS))],
    }
    return headers[way], chunked(body, size) if way == "both" else body


@st.composite
def requests(draw: Callable[..., Any], service: str, doors: Sequence[Door]) -> bytes:
    """A request to a door of a service, or nearly one."""
    door = draw(st.sampled_from(doors))
    make = BODIES[service].get((door.method, door.path), answers)
    target = door.address(siren=draw(st.sampled_from(PEOPLE)).siren).encode()
    if draw(st.integers(0, 3)) == 0:
        target += b"?%b=%b" % (draw(ODD), draw(ODD))
    elif draw(st.integers(0, 7)) == 0:
        target = draw(
            ODD | st.sampled_from([b"*", b"http://evil.example/", b"//", b"/" + b"a" * 70_000, b"/../%2e%2e"])
        )
    method = door.method.upper().encode() if draw(st.integers(0, 11)) else draw(METHODS | ODD)
    body: bytes = b"" if method == b"GET" else draw(bodies(make, door.path.endswith(":batch")))
    headers = [(b"Host", b"localhost"), (b"Content-Type", b"application/json")]
    headers = headers[draw(st.sampled_from([*[0] * 20, 1, 2])) :]
    if draw(st.integers(0, 3)) == 0:
        headers += draw(HEADERS)
    if body:
        framing, body = draw(framed(body))
        headers += framing
    end: bytes = draw(LINE_ENDS)
    lines = [b" ".join((method, target, draw(VERSIONS))), *[b"%b: %b" % header for header in headers]]
    return end.join([*lines, b"", b""]) + body


def cases_of(service: str, doors: Sequence[Door], number: int, at: int) -> list[list[bytes]]:
    """So many connections, each as the pieces that are written."""
    found: list[list[bytes]] = []

    @seed(at)
    @settings(
        max_examples=number,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )
    @given(st.lists(requests(service, doors), min_size=1, max_size=3), st.lists(st.floats(0, 1), max_size=2))
    def draw(sent: list[bytes], cuts: list[float]) -> None:
        whole = b"".join([*sent, LAST])
        places = [0, *sorted(int(cut * len(whole)) for cut in cuts), len(whole)]
        found.append([whole[start:stop] for start, stop in pairwise(places)])

    draw()
    return found
