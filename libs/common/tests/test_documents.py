"""What a service publishes of itself: its document, a page that reads it, and entity tags."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, TypedDict

import httpx
import msgspec
import pytest
import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry

from common.declare.decision import Moment
from common.http.answers import declared_status, is_known
from common.http.application import HttpSettings, build_app
from common.http.bodies import Items, ItemsOf
from common.http.shapes import shown, told

from .tokens import Body, to_ask

TAG = '"3c0"'


async def ready() -> list[str]:
    return []


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    router = APIRouter(prefix="/v1")

    @router.get("/tagged")
    async def tagged(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        return Response(status_code=304 if is_known(request, TAG) else 200)

    log = structlog.get_logger()
    app = build_app("essai", HttpSettings(), router, log=log, registry=CollectorRegistry(), ready=ready)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as opened:
        yield opened


async def test_the_page_of_the_doors_loads_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert page.status_code == 200
    assert "://" not in page.text.replace("window.location.protocol + '//'", "")
    assert '"validatorUrl": null' in page.text
    loaded = re.findall(r"""(?:src|href)=["']([^"']+)""", page.text) + re.findall(r"url: '([^']+)'", page.text)
    assert len(loaded) == 4, page.text
    for address in loaded:
        answer = await client.get(address)
        assert (answer.status_code, len(answer.content) > 200) == (200, True), address
    refused = await client.post(loaded[0], json={})
    assert (refused.status_code, refused.headers["allow"]) == (405, "HEAD, GET")
    unknown = await client.get("/docs/assets/rien.js")
    assert (unknown.status_code, unknown.headers["content-type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ('"3c0"', 304),
        ('W/"3c0"', 304),
        ('"autre", W/"3c0"', 304),
        ('"a,b" , ,"3c0"', 304),
        ("*", 304),
        (" * ", 304),
        ('"3c0x"', 200),
        ('"autre", "x"', 200),
        ("3c0", 200),
        ('w/"3c0"', 200),
        ('"x" "3c0"', 200),
        ('*, "x"', 200),
        ("", 200),
    ],
)
async def test_an_entity_tag_is_compared_as_rfc_9110_says(client: httpx.AsyncClient, said: str, status: int) -> None:
    assert (await client.get("/v1/tagged", headers={"If-None-Match": said})).status_code == status


async def test_entity_tags_may_come_in_several_lines(client: httpx.AsyncClient) -> None:
    lines = [("If-None-Match", '"x"'), ("If-None-Match", 'W/"3c0"')]
    assert (await client.get("/v1/tagged", headers=lines)).status_code == 304


class Done(msgspec.Struct):
    """An English sentence of the code."""

    token: str
    note: str | msgspec.UnsetType = msgspec.UNSET


class Seen(TypedDict):
    """A thing as it is read."""

    name: str
    at: Moment


class Gone(TypedDict):
    """A thing that is no more."""

    gone: bool


async def described() -> dict[str, Any]:
    """The document of three doors: a read, a command, a batch."""
    router = APIRouter()

    @router.get("/things/{name}", summary="Lire", responses={304: {}})
    @shown
    async def read(name: str) -> Seen | Gone:  # pyright: ignore[reportUnusedFunction]
        return {"name": name, "at": datetime(2026, 11, 23, tzinfo=UTC)} if name != "rien" else {"gone": True}

    @router.put("/things", status_code=201, summary="Faire")
    @told(Done)
    async def make(request: Request, body: Body) -> Response:  # pyright: ignore[reportUnusedFunction]
        return Response(body.token, declared_status(request))

    @router.post("/things:batch", summary="Faire beaucoup")
    @told(Done)
    async def many(request: Request, items: Annotated[Items, Depends(ItemsOf(Body, to_ask))]) -> Response:  # pyright: ignore[reportUnusedFunction]
        return Response(str(len(items)), 200 if request else 500)

    @router.post("/check", summary="Vérifier")
    async def check(body: Body) -> dict[str, str]:  # pyright: ignore[reportUnusedFunction]
        return {"token": body.token}

    log = structlog.get_logger()
    app = build_app("essai", HttpSettings(), router, log=log, registry=CollectorRegistry(), ready=ready)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        assert (await client.put("/things", json={"token": "a"})).status_code == 201
        assert (await client.post("/things:batch", json=[{"token": "a"}, {"token": 1}])).text == "2"
        seen = await client.get("/things/a")
        assert (seen.json(), seen.headers["content-type"]) == (
            {"name": "a", "at": "2026-11-23T00:00:00Z"},
            "application/json",
        )
        return (await client.get("/openapi.json")).json()


def names(operation: dict[str, Any]) -> list[str]:
    return [parameter["name"] for parameter in operation.get("parameters", ())]


async def test_a_document_follows_from_what_the_doors_declare() -> None:
    document = await described()
    everywhere = {"400", "403", "408", "413", "415", "421", "422", "431", "500", "503"}
    read, make = document["paths"]["/things/{name}"]["get"], document["paths"]["/things"]["put"]
    many, check = document["paths"]["/things:batch"]["post"], document["paths"]["/check"]["post"]

    assert set(read["responses"]) == everywhere | {"200", "304", "404"}
    assert names(read) == ["name", "If-None-Match"]
    assert set(make["responses"]) == everywhere | {"201", "404", "409"}
    assert names(make) == ["Idempotency-Key"]
    assert set(many["responses"]) == everywhere | {"200"}
    assert names(many) == ["Idempotency-Key", "Prefer"]
    item = many["requestBody"]["content"]["application/json"]["schema"]["anyOf"][0]
    assert (item["items"], item["maxItems"]) == ({"$ref": "#/components/schemas/Body"}, 1000)
    assert set(check["responses"]) == everywhere | {"200"}
    assert names(check) == []
    refused = document["components"]["responses"]["Probleme503"]
    assert set(refused["content"]) == {"application/problem+json"}
    assert refused["headers"]["Retry-After"]["required"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert "title" not in document["components"]["schemas"]["Body"]["properties"]["token"]


async def test_a_document_describes_the_type_that_a_door_encodes() -> None:
    document = await described()
    paths, schemas = document["paths"], document["components"]["schemas"]

    def said(path: str, method: str, status: str) -> dict[str, Any]:
        return paths[path][method]["responses"][status]["content"]["application/json"]["schema"]

    either = [{"$ref": "#/components/schemas/Seen"}, {"$ref": "#/components/schemas/Gone"}]
    done = {"$ref": "#/components/schemas/Done"}
    assert said("/things/{name}", "get", "200") == {"anyOf": either}
    assert said("/things", "put", "201") == done
    results = said("/things:batch", "post", "200")["properties"]["results"]["items"]["anyOf"]
    assert results[:2] == [{"$ref": "#/components/schemas/Probleme"}, done]
    assert results[2]["maxProperties"] == 0
    moment = {"type": "string", "format": "date-time"}
    seen = {"type": "object", "properties": {"at": moment, "name": {"type": "string"}}, "required": ["at", "name"]}
    assert schemas["Seen"] == seen
    assert schemas["Done"]["required"] == ["token"]
    assert "description" not in schemas["Done"]
    assert said("/check", "post", "200") == {"type": "object"}
