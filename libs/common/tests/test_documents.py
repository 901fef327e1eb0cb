"""What a service publishes of itself: its document, a page that reads it, and entity tags."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
import structlog
from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CollectorRegistry

from common.http.answers import is_known
from common.http.application import HttpSettings, build_app

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
