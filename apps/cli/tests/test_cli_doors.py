"""The client of the services' doors: same request again until answered, never another one."""

from collections.abc import Callable

import httpx
import msgspec
import pytest
import stamina

from croissance.api import Doors, RefusedError, UnavailableError

Handler = Callable[[httpx.Request], httpx.Response]


class Item(msgspec.Struct):
    siren: str


@pytest.fixture(autouse=True)
def fast() -> None:
    stamina.set_testing(False)


def doors(handler: Handler, urls: tuple[str, ...] = ("http://one",), patience: float = 5.0) -> Doors:
    return Doors(lambda: {"companies": urls}, patience, httpx.MockTransport(handler))


def answered(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"accepted": 1, "rejected": 0, "results": [{"siren": "111", "more": 1}]})


async def test_the_results_come_back_in_order() -> None:
    async with doors(answered) as client:
        assert await client.batch("companies", "/v1/companies:batch", b"[{}]", Item) == [Item("111")]
        assert client.retries == 0


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_the_same_request_is_sent_again_while_a_service_is_away(status: int) -> None:
    keys: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        return answered(request) if len(keys) > 2 else httpx.Response(status, json={"title": "t", "detail": "d"})

    async with doors(handler) as client:
        assert await client.batch("companies", "/v1/companies:batch", b"[{}]", Item) == [Item("111")]
        assert client.retries == 2
    assert len(set(keys)) == 1


async def test_the_key_is_that_of_the_content() -> None:
    keys: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        return answered(request)

    for body in (b"[1]", b"[1]", b"[2]"):
        async with doors(handler) as client:
            await client.batch("companies", "/v1/companies:batch", body, Item)
    assert keys[0] == keys[1] != keys[2]


async def test_a_dead_process_is_left_for_another() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "dead":
            raise httpx.ConnectError("refused")
        return answered(request)

    async with doors(handler, ("http://dead", "http://alive")) as client:
        for body in (b"[1]", b"[2]", b"[3]"):
            await client.batch("companies", "/v1/companies:batch", body, Item)


async def test_new_addresses_are_looked_up() -> None:
    known = {"companies": ("http://old",)}

    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.host == "old":
            known["companies"] = ("http://new",)
            raise httpx.ConnectError("refused")
        return answered(request)

    async with Doors(lambda: known, 5.0, httpx.MockTransport(handler)) as client:
        assert await client.batch("companies", "/v1/companies:batch", b"[{}]", Item) == [Item("111")]


async def test_a_refusal_is_not_sent_again() -> None:
    asked: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(422, json={"title": "Contenu invalide", "detail": "items: une liste est attendue"})

    async with doors(handler) as client:
        with pytest.raises(RefusedError, match="422 Contenu invalide: items"):
            await client.batch("companies", "/v1/companies:batch", b"{}", Item)
    assert len(asked) == 1


async def test_patience_ends() -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        return httpx.Response(503, text="away")

    async with doors(handler, patience=0.3) as client:
        with pytest.raises(UnavailableError, match="503 away"):
            await client.get("companies", "/v1/companies/732829320")
        with pytest.raises(UnavailableError, match="aucune adresse"):
            await client.get("labels", "/v1/charter")
