"""Every door of every service, on the real database, with text that nothing can keep beside good requests.

Whatever place it takes, in a path, a parameter, a header, a body or an item of a batch: it is refused there, with 422
and its place, and what comes at the same time or stands in the same batch is answered as it is without it.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from random import Random
from typing import Any, NamedTuple

import httpx
import pytest

from common.process.app import installed_apps
from common.process.main import doors_of
from common.testing.database import service_context
from croissance.directors import (
    Participant,
    contact,
    diagnosis,
    label_application,
    participant,
)
from croissance.directory import connecteurs
from croissance.population import Population, communes

pytestmark = pytest.mark.stack

APPS = installed_apps()
BAD = ("\0", "\ud83d", "\udfff", "é\0", "a\udc80b")
BAD_BYTES = ("%00", "%ED%A0%BD", "%FF", "a%00b")
CASES = int(os.environ.get("TEXT_CASES", "12"))
"""Spoilt bodies a door; which place of a body is spoilt, and how, is drawn for each."""

SOME_ID = "0199c0de-0000-7000-8000-000000000001"
IN_PATHS = {
    "siren": "732829320",
    "diagnostic_id": SOME_ID,
    "match_id": SOME_ID,
    "voucher_id": SOME_ID,
    "label_id": SOME_ID,
    "connector_id": "cci-lyon",
    "envelope_id": "cheque-2026",
    "year": "2026",
}

Make = Callable[[Participant], dict[str, Any]]

DESKS = [json.loads(json.dumps(desk)) for desk in connecteurs(50, communes())]


def registration(who: Participant) -> dict[str, Any]:
    return json.loads(who.registration)


def diagnosed(who: Participant) -> dict[str, Any]:
    return json.loads(diagnosis(who, 3))


def answers(who: Participant) -> dict[str, Any]:
    return {"answers": diagnosed(who)["answers"]}


def file(who: Participant) -> dict[str, Any]:
    line = {"category": "cybersecurite", "supplier_siren": "732829320", "amount_cents": 200_000, "measure_id": "m1"}
    said = {"taxes_up_to_date": True, "social_up_to_date": True, "no_recovery_order": True}
    declarations = {**said, "de_minimis_declared_cents": 0}
    return {"siren": who.siren, "envelope_id": "cheque-2026", "lines": [line], "declarations": declarations}


def desk(who: Participant) -> dict[str, Any]:
    return {**DESKS[int(who.siren) % len(DESKS)], "id": f"desk-{who.siren}"}


def desk_without_id(who: Participant) -> dict[str, Any]:
    return {name: value for name, value in desk(who).items() if name != "id"}


def decision(who: Participant) -> dict[str, Any]:
    return {"siren": who.siren, "voucher_id": SOME_ID, "action": "refuse", "actor": "agent", "reason": "motif"}


def reply(who: Participant) -> dict[str, Any]:
    return {"siren": who.siren, "match_id": SOME_ID, "answer": "decline", "reason": "indisponible"}


BODIES: dict[str, dict[tuple[str, str], Make]] = {
    "companies": {
        ("post", "/v1/companies"): registration,
        ("post", "/v1/companies:batch"): registration,
        ("post", "/v1/companies:check"): lambda who: {"identifier": who.siren},
    },
    "diagnostic": {
        ("post", "/v1/diagnostics"): lambda who: {"siren": who.siren, "kind": "complet"},
        ("post", "/v1/diagnostics:submit"): diagnosed,
        ("post", "/v1/diagnostics:batch"): diagnosed,
        ("put", "/v1/diagnostics/{siren}/{diagnostic_id}/answers"): answers,
        ("post", "/v1/diagnostics/{siren}/{diagnostic_id}:submit"): answers,
    },
    "labels": {
        ("post", "/v1/applications"): label_application,
        ("post", "/v1/applications:batch"): label_application,
        ("put", "/v1/cohorts/{year}"): lambda _: {"cap": 500},
    },
    "matching": {
        ("put", "/v1/connecteurs/{connector_id}"): desk_without_id,
        ("post", "/v1/connecteurs:batch"): desk,
        ("post", "/v1/matches/{siren}/{match_id}:decline"): lambda _: {"reason": "indisponible"},
        ("post", "/v1/matches:batch"): reply,
    },
    "notifications": {
        ("put", "/v1/contacts/{siren}"): lambda who: _without(contact(who.siren), "siren"),
        ("post", "/v1/contacts:batch"): lambda who: dict(contact(who.siren)),
    },
    "vouchers": {
        ("post", "/v1/vouchers"): file,
        ("post", "/v1/vouchers:batch"): file,
        ("post", "/v1/vouchers/decisions:batch"): decision,
        ("post", "/v1/vouchers/{siren}/{voucher_id}:grant"): lambda _: {"actor": "agent", "reason": "motif"},
        ("post", "/v1/vouchers/{siren}/{voucher_id}:refuse"): lambda _: {"actor": "agent", "reason": "motif"},
        ("post", "/v1/vouchers/{siren}/{voucher_id}:withdraw"): lambda _: {"actor": "agent", "reason": "motif"},
    },
}
"""What each door that takes a body is sent; a test below finds those that are missing here."""


def _without(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != name}


ASKS_NOTHING = {("post", "/v1/companies:check")}
"""Doors that change nothing: no key means anything to them."""


class Door(NamedTuple):
    """An operation of a service, as its OpenAPI document names it."""

    method: str
    path: str
    parameters: tuple[str, ...]

    def address(self, **others: str) -> str:
        """Its address, with good values where none is given."""
        found = self.path
        for name, value in IN_PATHS.items():
            found = found.replace(f"{{{name}}}", others.get(name, value))
        return found


class Service(NamedTuple):
    """A service, its doors, and a client of them."""

    name: str
    client: httpx.AsyncClient
    doors: list[Door]
    with_bodies: set[tuple[str, str]]


@pytest.fixture(params=sorted(APPS))
async def service(request: pytest.FixtureRequest, held: Any) -> AsyncIterator[Service]:
    """Every service in turn, on a schema of its own."""
    name: str = request.param
    async with service_context(APPS[name], pool_size=6) as context:
        app = doors_of(APPS[name], context)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        hooks = held(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", event_hooks=hooks) as client:
            doors: list[Door] = []
            with_bodies: set[tuple[str, str]] = set()
            for path, operations in app.openapi()["paths"].items():
                for method, operation in operations.items():
                    named = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
                    doors.append(Door(method, path, tuple(named)))
                    takes = operation.get("requestBody", {}).get("content", {})
                    if path.endswith(":batch") or "application/json" in takes:
                        with_bodies.add((method, path))
            yield Service(name, client, doors, with_bodies)


def spoilt(random: Random, body: dict[str, Any]) -> bytes:
    """The body with one text or name that nothing can keep, escaped or as it is."""
    copy: Any = json.loads(json.dumps(body))
    holder, name = random.choice(list(_places(copy)))
    bad = random.choice(BAD)
    if isinstance(holder, dict) and (random.random() < 0.3 or not isinstance(holder[name], str)):
        holder[f"{name}{bad}"] = holder.pop(name)
    else:
        holder[name] = bad
    return json.dumps(copy, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for name, each in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(value, dict) or isinstance(each, str):
            yield value, name
        if isinstance(each, dict | list):
            yield from _places(each)


def refused(answer: httpx.Response) -> None:
    assert answer.status_code == 422, (answer.request, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "ne peut pas être enregistré" in answer.json()["detail"]


JSON = {"content-type": "application/json"}


async def test_in_an_address_or_a_header_it_is_refused(service: Service) -> None:
    client = service.client
    tried = 0
    for door in service.doors:
        named = [name for name in IN_PATHS if f"{{{name}}}" in door.path]
        addresses = [door.address(**{name: bad}) for name in named for bad in BAD_BYTES]
        addresses += [f"{door.address()}?{name}={bad}" for name in (*door.parameters, "inconnu") for bad in BAD_BYTES]
        addresses += [f"{door.address()}?{bad}=1" for bad in BAD_BYTES]
        live, *answers = await asyncio.gather(
            client.get("/health/live"), *(client.request(door.method, address) for address in addresses)
        )
        assert live.status_code == 200
        for answer in answers:
            refused(answer)
        tried += len(answers)
    assert tried > 50
    for method, path in service.with_bodies - ASKS_NOTHING:
        make, who = BODIES[service.name][method, path], participant(next(iter(Population(5).draw(0, 1))))
        body: Any = [make(who)] if path.endswith(":batch") else make(who)
        for key in (b"a\0b", b"\x1f", b"a\nb"):
            headers = {b"idempotency-key": key, b"content-type": b"application/json"}
            answer = await client.request(method, Door(method, path, ()).address(), json=body, headers=headers)
            assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")


async def test_in_a_body_it_is_refused_and_its_neighbours_are_answered(service: Service) -> None:
    assert set(BODIES[service.name]) == service.with_bodies
    people = iter([participant(company) for company in Population(7).draw(0, 2000)])
    for (method, path), make in BODIES[service.name].items():
        random = Random(f"{service.name} {method} {path}")
        door = Door(method, path, ())
        send = _send_batch if path.endswith(":batch") else _send_alone
        for _ in range(CASES):
            await send(service.client, door, make, people, random)


async def _send_alone(
    client: httpx.AsyncClient, door: Door, make: Make, people: Iterator[Participant], random: Random
) -> None:
    """A good request, a bad one, a good one, at the same time."""
    one, bad, other = next(people), next(people), next(people)

    def asked(who: Participant, content: bytes) -> Any:
        at = door.address(siren=who.siren, connector_id=f"desk-{who.siren}")
        return client.request(door.method, at, content=content, headers=JSON)

    good = await asked(next(people), json.dumps(make(one)).encode())
    answers = await asyncio.gather(
        asked(one, json.dumps(make(one)).encode()),
        asked(bad, spoilt(random, make(bad))),
        asked(other, json.dumps(make(other)).encode()),
    )
    refused(answers[1])
    for answer in (good, answers[0], answers[2]):
        assert answer.status_code < 500, answer.text
        assert "contenu_invalide" not in answer.text or answer.status_code == 422
    assert {answers[0].status_code, answers[2].status_code} <= {200, 201, 404, 409}, (answers[0].text, answers[2].text)


async def _send_batch(
    client: httpx.AsyncClient, door: Door, make: Make, people: Iterator[Participant], random: Random
) -> None:
    """Good items around a bad one."""
    good = [json.dumps(make(next(people))).encode() for _ in range(3)]
    at = random.randrange(len(good) + 1)
    items = [*good[:at], spoilt(random, make(next(people))), *good[at:]]

    answer = await client.request(door.method, door.address(), content=b"[" + b",".join(items) + b"]", headers=JSON)

    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    bad = results.pop(at)
    assert (bad["status"], bad["field"].partition("]")[0]) == (422, f"[{at}")
    assert "ne peut pas être enregistré" in bad["detail"]
    assert {result.get("status") for result in results} <= {None, "active", 404, 409}, results
    assert all("detail" not in result or result["status"] in {404, 409} for result in results), results
