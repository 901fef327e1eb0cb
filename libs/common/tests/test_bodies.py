"""What a body, a head or an address of no use is told: in French, by its place, alike at every door."""

import json
import re
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

import httpx
import pytest
import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from common.core.commands import Ask
from common.declare.decision import Refusal
from common.http.application import HttpSettings, build_app
from common.http.bodies import parse_batch
from common.http.french import reason_of
from common.http.problems import Problem
from common.http.reading import MOST_VALUES, check

from .tokens import Body, parsed, to_ask

KNOWN: list[Any] = import_module("pydantic_core._pydantic_core").list_all_errors()
"""Every kind of fault that the validator can find."""

ENGLISH = re.compile(r"\b(?:input|should|value|or|must|expected|is|not|the)\b", re.IGNORECASE)


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known["type"])
def test_every_message_of_the_validator_is_french(known: Any) -> None:
    context: dict[str, Any] = {**(known.get("example_context") or {}), "expected": "'a', 'b' or 'c'", "error": "faux"}
    told = reason_of(
        {"type": known["type"], "loc": (), "msg": known["message_template_python"], "input": 0, "ctx": context}
    )

    assert told
    assert "{" not in told
    assert not ENGLISH.search(told), told


def test_of_very_many_faults_the_first_are_told_and_the_others_counted() -> None:
    many = ",".join(f'"n{number}":1' for number in range(500))
    (refused,) = parsed(f"{{{many}}}")

    assert isinstance(refused, Refusal)
    assert refused.field == "[0].n0"
    assert refused.detail.startswith("n0: champ inconnu; ")
    assert refused.detail.endswith("n19: champ inconnu; et 480 autres")


def test_an_item_out_of_all_proportion_is_refused_alone() -> None:
    huge = '{"token":"a","answers":{"x":[' + ",".join("1" * 20_000) + "]}}"
    fine, refused = parsed('{"token":"a"}', huge)

    assert isinstance(fine, Ask)
    assert isinstance(refused, Refusal)
    assert (refused.field, refused.detail) == ("[1]", "corps: au plus 10000 valeurs")


@pytest.mark.parametrize(
    ("item", "field"),
    [
        ('{"token":"a","token":"b"}', "[1].token"),
        ('{"token" : "a", "token"\n:"b"}', "[1].token"),
        ('{"token":"a","answers":{"l":[{"x":1,"y":2,"x":1}]}}', "[1].answers.l[0].x"),
        ('{"to\\u006ben":"a","token":"b"}', "[1].token"),
    ],
)
def test_a_name_that_stands_twice_is_refused_by_its_place(item: str, field: str) -> None:
    fine, refused, other = parsed('{"token":"12:00 \\":"}', item, '{"token":"b"}')

    assert isinstance(fine, Ask)
    assert isinstance(other, Ask)
    assert isinstance(refused, Refusal)
    assert refused.field == field
    assert "répété" in refused.detail


TEXTS = st.text(st.sampled_from('ab":\\é\n '), max_size=4)
"""Texts that look like names: quotes, colons, what escapes them."""


class Pairs(list[tuple[str, Any]]):
    """An object as it is written, in which a name may stand twice."""


VALUES: st.SearchStrategy[Any] = st.recursive(
    TEXTS | st.none() | st.integers(), lambda inner: st.lists(inner) | st.lists(st.tuples(TEXTS, inner)).map(Pairs)
)


def written(value: Any, gap: str, *, ascii_only: bool) -> str:
    """JSON of a value."""
    if isinstance(value, Pairs):
        inside = (
            f"{written(n, gap, ascii_only=ascii_only)}{gap}:{written(v, gap, ascii_only=ascii_only)}" for n, v in value
        )
        return "{" + ",".join(inside) + "}"
    if isinstance(value, list):
        return "[" + ",".join(written(each, gap, ascii_only=ascii_only) for each in value) + "]"  # pyright: ignore[reportUnknownVariableType]
    return json.dumps(value, ensure_ascii=ascii_only)


def doubled(value: Any) -> bool:
    """Whether a name stands twice anywhere."""
    if isinstance(value, Pairs):
        return len({name for name, _ in value}) < len(value) or any(doubled(inner) for _, inner in value)
    return isinstance(value, list) and any(map(doubled, value))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


@given(VALUES, st.sampled_from(["", " ", "\n\t"]), st.booleans())
def test_a_repeated_name_is_refused_however_it_is_written(value: Any, gap: str, ascii_only: bool) -> None:
    body = written(value, gap, ascii_only=ascii_only).encode()
    if doubled(value):
        with pytest.raises(Problem, match="Contenu invalide"):
            check(body)
    else:
        check(body)


@pytest.mark.parametrize("escape", ["", "\\u0061"])
@pytest.mark.parametrize(("values", "fine"), [(MOST_VALUES - 1, True), (MOST_VALUES, False)])
def test_the_values_of_a_body_have_a_bound(values: int, fine: bool, escape: str) -> None:
    body = f'{{"{escape}":[{",".join(["1"] * values)}]}}'.encode()
    if fine:
        check(body)
    else:
        with pytest.raises(Problem) as raised:
            check(body)
        assert "au plus 10000 valeurs" in raised.value.refusal.detail


async def ready() -> list[str]:
    return []


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    router = APIRouter(prefix="/v1")

    @router.get("/things")
    async def read() -> Response:  # pyright: ignore[reportUnusedFunction]
        return JSONResponse([1, 2, 3])

    @router.put("/things")
    async def write(body: Body) -> Response:  # pyright: ignore[reportUnusedFunction]
        return JSONResponse(body.token)

    @router.post("/things:batch")
    async def many(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        return JSONResponse(len(await parse_batch(await request.body(), Body, to_ask)))

    settings = HttpSettings(allowed_hosts=("exemple.fr", ""))
    app = build_app("essai", settings, router, log=structlog.get_logger(), registry=CollectorRegistry(), ready=ready)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as opened:
        yield opened


DOORS = [("PUT", "/v1/things"), ("POST", "/v1/things:batch")]


@pytest.mark.parametrize(("method", "path"), DOORS)
@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=UTF-8", 200),
        ("application/json; charset=latin-1", 415),
        ("text/plain", 415),
        ("", 415),
    ],
)
async def test_only_json_is_read(client: httpx.AsyncClient, method: str, path: str, kind: str, status: int) -> None:
    body = b'{"token":"a"}' if method == "PUT" else b'[{"token":"a"}]'
    answer = await client.request(method, path, content=body, headers={"content-type": kind} if kind else {})
    assert answer.status_code == status
    zipped = {"content-type": "application/json", "content-encoding": "gzip"}
    assert (await client.request(method, path, content=body, headers=zipped)).status_code == 415


@pytest.mark.parametrize(("method", "path"), DOORS)
async def test_what_is_no_json_is_told_where(client: httpx.AsyncClient, method: str, path: str) -> None:
    headers = {"content-type": "application/json"}
    answer = await client.request(method, path, content=b'{"token":\n "a",}', headers=headers)
    problem = answer.json()
    assert (answer.status_code, problem.get("field")) == (400, None)
    assert "(ligne 2, colonne " in problem["detail"]


async def test_a_name_that_stands_twice_in_a_single_body(client: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/json"}
    answer = await client.put("/v1/things", content=b'{"token":"a","token":"b"}', headers=headers)
    assert (answer.status_code, answer.json()["field"]) == (422, "token")


async def test_head_allow_and_no_redirect(client: httpx.AsyncClient) -> None:
    head = await client.head("/v1/things")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "7")
    refused = await client.delete("/v1/things")
    assert (refused.status_code, refused.headers["allow"]) == (405, "HEAD, GET, PUT")
    assert (await client.head("/v1/things:batch")).status_code == 405
    assert (await client.get("/v1/things/")).status_code == 404


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("host", "exemple.fr", 200),
        ("host", "EXEMPLE.fr:443", 200),
        ("host", "[::1]:8000", 200),
        ("host", "autre.example", 421),
        ("host", "exemple.fr.autre.example", 421),
        ("host", "[::", 421),
        ("origin", "https://exemple.fr", 200),
        ("origin", "https://autre.example", 403),
        ("origin", "null", 403),
    ],
)
async def test_foreign_hosts_and_origins(client: httpx.AsyncClient, name: str, value: str, status: int) -> None:
    answer = await client.get("/v1/things", headers={name: value})
    assert answer.status_code == status
    assert (await client.get("/health/live", headers={name: value})).status_code == 200


@pytest.mark.parametrize(("name", "value"), [("Host", "exemple.fr"), ("Origin", "https://exemple.fr")])
@pytest.mark.parametrize("first", [True, False])
async def test_a_header_that_decides_is_said_once(
    client: httpx.AsyncClient, name: str, value: str, first: bool
) -> None:
    both = [(name, value), (name, "https://autre.example")]
    answer = await client.get("/v1/things", headers=both if first else both[::-1])
    assert (answer.status_code, answer.json()["field"]) == (400, name)


async def test_a_key_of_idempotency_is_said_once_and_other_headers_may_be_repeated(client: httpx.AsyncClient) -> None:
    twice = await client.put("/v1/things", json={"token": "a"}, headers=[("Idempotency-Key", "a")] * 2)
    assert (twice.status_code, twice.json()["field"]) == (400, "Idempotency-Key")
    fine = await client.get("/v1/things", headers=[("Accept", "text/plain"), ("Accept", "application/json")])
    assert fine.status_code == 200


class Looked(bytes):
    """A body that counts how often all of it is looked through."""

    times = 0

    def __contains__(self, what: Any) -> bool:
        Looked.times += 1
        return super().__contains__(what)

    def count(self, *what: Any) -> int:
        Looked.times += 1
        return super().count(*what)


async def test_a_body_is_looked_through_as_often_for_one_item_as_for_a_thousand() -> None:
    """Once an item is quadratic: a legal batch of a thousand diagnoses held the loop for two seconds."""
    times: list[int] = []
    for many in (1, 1_000):
        Looked.times = 0
        await parse_batch(Looked(b"[" + b",".join([b'{"name": "a"}'] * many) + b"]"), Body, to_ask)
        times.append(Looked.times)
    assert times[0] == times[1] > 0
