"""What nothing can keep is refused at the door, by its place: whole in a single door, its item alone in a batch."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
import structlog
from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from starlette.types import Message

from common.core.commands import Ask
from common.declare.decision import Refusal
from common.http.application import FORM, HttpSettings, build_app
from common.http.bodies import parse_batch
from common.http.problems import Problem, problem_body
from common.http.texts import DEEPEST, address_fault, fault_of, one_line, path_of, read_leniently, suspect
from common.testing.chain import Count

from .tokens import Body, parsed, to_ask

BAD = ("\0", "a\0b", "\ud83d", "b\udfff", "\udc80")
GOOD = ("", "été", "😀", "\ufffd", "\uffff", "\\u0000", "\x7f")


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("bad", BAD)
def test_the_first_text_that_cannot_be_kept_is_named(bad: str) -> None:
    cases: list[tuple[object, str]] = [
        (bad, ""),
        ({"a": [1, {"b": bad}]}, "a[1].b"),
        ({"a": {"b": {}, "c": []}, "d": [[], [1, bad]]}, "d[1][1]"),
        ({"a": {bad: 1}}, f"a.{bad}"),
        ([1, {bad: bad}, bad], f"[1].{bad}"),
    ]
    for value, place in cases:
        fault = fault_of(value)
        assert fault is not None
        assert path_of(fault.place) == place
        assert "ne peut pas être enregistré" in fault.reason


@pytest.mark.parametrize("good", GOOD)
def test_every_other_text_is_kept(good: str) -> None:
    assert fault_of({"a": [good, {good: good}], "b": 1.5, "c": None, "d": True}) is None


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "Infinity", "1e400", "9" * 5000, "-" + "9" * 301])
def test_a_number_beyond_all_bounds_is_named(number: str) -> None:
    fault = fault_of(read_leniently(b'{"a":[1,%b]}' % number.encode()))
    assert fault is not None
    assert (path_of(fault.place), fault.reason) == ("a[1]", "ce nombre est trop grand, ou n’en est pas un")


def test_what_nests_beyond_all_measure_is_named() -> None:
    assert fault_of(nested(DEEPEST)) is None
    fault = fault_of({"a": nested(DEEPEST + 1)})
    assert fault is not None
    assert (fault.place, fault.reason) == (("a",), "imbrication démesurée")


TEXTS = st.text(max_size=5) | st.text(st.characters(categories=["Cs", "Cc"]), max_size=3)
VALUES = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(value=VALUES, escaped=st.booleans(), encoding=st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_no_fault_passes_unsuspected(value: Any, escaped: bool, encoding: str) -> None:
    """However a body says it: escaped or raw, in whatever encoding a door would guess."""
    body = json.dumps(value, ensure_ascii=escaped).encode(encoding, "surrogatepass")
    assert suspect(body) or fault_of(json.loads(body)) is None


# --- addresses and headers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        (b"/v1/a%00", b"", "adresse"),
        (b"/v1/\xff", b"", "adresse"),
        (b"/v1/%ed%a0%bd/b", b"", "adresse"),
        (b"/v1/a", b"x=1&y=%00", "y"),
        (b"/v1/a", b"x=%FF", "x"),
        (b"/v1/a", b"a%00b+c=1", "a\0b c"),
        (b"/v1/a", b"%ED%B0%80", "\ufffd\ufffd\ufffd"),
        (b"/v1/a", b"x=\0", "x"),
    ],
)
def test_the_part_of_an_address_that_is_no_text_is_named(path: bytes, query: bytes, name: str) -> None:
    fault = address_fault(path, query)
    assert fault is not None
    assert fault.place == (name,)


def test_other_addresses_pass() -> None:
    assert address_fault(b"/v1/%C3%A9t%C3%A9/a", b"x=%F0%9F%98%80&y=a+b&&=&z") is None


@pytest.mark.parametrize(("header", "fine"), [("demande-1 é", True), ("a\nb", False), ("\x7f", False), ("\0", False)])
def test_a_header_is_one_line(header: str, fine: bool) -> None:
    assert one_line(header) is fine


def test_a_problem_can_be_said_whatever_it_speaks_of() -> None:
    body = problem_body(Refusal("invalid", "code", "title", "\ud83d inconnu", "a.\udc80"))
    assert (body["detail"], body["field"]) == ("\\ud83d inconnu", "a.\\udc80")


# --- batches ---------------------------------------------------------------------------------------------------------

FINE = '{"token":"é","answers":{"Q1":[1,2.5,null,"\\\\u0000","\\ud83d\\ude00"]}}'
FAULTY = {
    '{"token":"a\\u0000"}': "[1].token",
    '{"token":"\\ud83d"}': "[1].token",
    '{"token":"a","answers":{"Q1":{"\\ud83d":1}}}': "[1].answers.Q1.\ud83d",
    '{"\\u0000":1}': "[1].\0",
    '{"token":"\udce9t\udce9"}': "[1].token",  # in Latin-1
    '{"token":"\udced\udca0\udcbd"}': "[1].token",  # half an emoji, raw
    '{"token":"a","answers":{"Q1":NaN}}': "[1].answers.Q1",
    '{"token":"a","answers":{"Q1":' + "9" * 5000 + "}}": "[1].answers.Q1",
    '{"token":"a","answers":{"Q1":' + json.dumps(nested(DEEPEST + 1)) + "}}": "[1].answers",
    '"\\ud83d"': "[1]",
}


@pytest.mark.parametrize(("faulty", "field"), FAULTY.items(), ids=range(len(FAULTY)))
def test_a_faulty_item_is_refused_by_its_place_and_the_others_are_not(faulty: str, field: str) -> None:
    one, refused, another = parsed(FINE, faulty, FINE)

    assert isinstance(refused, Refusal)
    assert (refused.kind, refused.field) == ("invalid", field)
    assert one == another == parsed(FINE)[0] == Ask(Count("é"), "é")


@given(st.lists(st.sampled_from([FINE, *FAULTY]), max_size=12))
def test_whatever_stands_beside_an_item_it_is_read_the_same(items: list[str]) -> None:
    told = parsed(*items)

    assert [isinstance(each, Ask) for each in told] == [item == FINE for item in items]


@pytest.mark.parametrize(
    "body", [b"", b"[", b'["\xff]', b'["a\0b"]', b"[" * 100_000, b'["\\ud83d"', b'[{"token":"a"},]']
)
def test_what_is_no_json_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(Problem) as raised:
        asyncio.run(parse_batch(body, Body, to_ask))
    assert raised.value.refusal.code == "json_invalide"


# --- the threshold of the doors --------------------------------------------------------------------------------------


async def always_ready() -> list[str]:
    return []


@pytest.fixture
def app() -> FastAPI:
    """Doors that say what came in."""
    router = APIRouter(prefix="/v1")

    @router.post("/things/{name}")
    async def one(name: str, body: Body, q: Annotated[str, Query()] = "") -> Response:  # pyright: ignore[reportUnusedFunction]
        return JSONResponse([name, q, body.token])

    @router.post("/things:batch")
    async def many(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        return JSONResponse(len(await parse_batch(await request.body(), Body, to_ask)))

    @router.post("/raw", openapi_extra={"requestBody": {"content": {FORM: {}}}})
    async def raw(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        return JSONResponse(len(await request.body()))

    limits = HttpSettings(max_body_bytes=1024, max_batch_bytes=4096)
    return build_app(
        "essai", limits, router, log=structlog.get_logger(), registry=CollectorRegistry(), ready=always_ready
    )


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as opened:
        yield opened


JSON = {"content-type": "application/json"}


async def posted(client: httpx.AsyncClient, body: Any, path: str = "/v1/things/a") -> httpx.Response:
    return await client.post(path, content=body, headers=JSON)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"token":"\\u0000"}', "token"),
        (b'{"token":"\\ud83d"}', "token"),
        (b'{"token":"\xed\xa0\xbd"}', "token"),
        (b'{"token":"a","answers":{"Q1":{"\\ud83d":1}}}', "answers.Q1.\\ud83d"),
        (b'{"\\udc80":1}', "\\udc80"),
        (b'"\\udc80"', None),
    ],
)
async def test_a_body_with_such_text_is_refused_by_its_place(
    client: httpx.AsyncClient, body: bytes, field: str | None
) -> None:
    answer = await posted(client, body)

    assert (answer.status_code, answer.json().get("field")) == (422, field)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith(f"{field or 'corps'}: un caractère ne peut pas être enregistré")


@pytest.mark.parametrize("path", ["/v1/things/a%00", "/v1/things/%FF", "/v1/things/a?q=%00", "/v1/x?%ED%A0%BD=1"])
async def test_so_is_an_address(client: httpx.AsyncClient, path: str) -> None:
    assert (await posted(client, b'{"token":"a"}', path)).status_code == 422


async def test_every_other_body_reaches_its_door_unchanged(client: httpx.AsyncClient) -> None:
    text = "\\u0000 é 😀"
    answer = await posted(client, json.dumps({"token": text}), "/v1/things/%C3%A9?q=a%20b")
    assert answer.json() == ["é", "a b", text]
    for body in (b"", b"\0\xff", b'{"a":"\xff', b"[" * 1000):
        assert (await posted(client, body, "/v1/raw")).json() == len(body)
    assert (await posted(client, b'{"token":\xff}')).status_code == 400
    assert (await posted(client, b'[{"token":"\\ud83d"},{"token":"a"}]', "/v1/things:batch")).json() == 2


async def test_a_body_too_large_is_refused_however_it_comes(client: httpx.AsyncClient) -> None:
    async def pieces(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * 512

    for body in (b"x" * 1025, pieces(3)):
        answer = await posted(client, body, "/v1/raw")
        assert (answer.status_code, answer.json()["type"]) == (413, "tag:croissanceconnectee.fr,2026:corps_trop_grand")
    assert (await posted(client, pieces(2), "/v1/raw")).json() == 1024
    assert (await posted(client, b"x" * 4097, "/v1/things:batch")).status_code == 413
    assert (await posted(client, b"[" + b" " * 2000 + b"]", "/v1/things:batch")).json() == 0


async def test_who_goes_away_in_the_middle_of_a_body_never_reaches_the_door(app: FastAPI) -> None:
    """No door takes half a body for a whole one, and nobody is answered."""
    came: list[Message] = [
        {"type": "http.request", "body": b"half", "more_body": True},
        {"type": "http.disconnect"},
    ]
    told: list[Message] = []

    async def receive() -> Message:
        return came.pop(0)

    async def send(message: Message) -> None:
        told.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/v1/raw",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"transfer-encoding", b"chunked")],
        "http_version": "1.1",
        "root_path": "",
    }
    await app(scope, receive, send)
    assert told == []
