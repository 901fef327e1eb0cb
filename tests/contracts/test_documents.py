"""The OpenAPI documents are French, complete, and their examples pass the doors that show them."""

import re
from typing import Any

import httpx
import jsonschema
import pytest

from croissance.directors import participant
from croissance.population import Population

from .test_texts_at_doors import BODIES, IN_PATHS, Door, Service, service

__all__ = ["service"]

pytestmark = pytest.mark.stack

ENGLISH = re.compile(r"\b(?:the|of|and|with|what|which|from|its?|by|read|response|successful)\b", re.IGNORECASE)
PUBLIC = {"description", "summary", "title"}


def texts(node: Any) -> list[str]:
    """Every text that people read."""
    if isinstance(node, list):
        return [text for each in node for text in texts(each)]
    if not isinstance(node, dict):
        return []
    own = [text for name, text in node.items() if name in PUBLIC and isinstance(text, str)]
    return own + [text for name, each in node.items() if name not in {"examples", "default"} for text in texts(each)]


async def document(service: Service) -> dict[str, Any]:
    return (await service.client.get("/openapi.json")).json()


async def test_every_text_is_french_and_every_door_says_what_it_does(service: Service) -> None:
    described = await document(service)
    found = texts(described)
    assert len(found) > 20
    assert [text for text in found if ENGLISH.search(text)] == []
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert "422" in operation["responses"], (method, path)


def resolved(described: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        found: Any = described
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


async def test_every_reference_leads_somewhere_and_refusals_are_problems(service: Service) -> None:
    described = await document(service)
    for operations in described["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                said = resolved(described, answer)
                assert said["description"]
                if status >= "400":
                    assert set(said["content"]) == {"application/problem+json"}
                    assert resolved(described, said["content"]["application/problem+json"]["schema"])["required"]
            assert ("headers" in resolved(described, operation["responses"]["503"])) is True


async def test_every_example_passes_the_door_that_shows_it(service: Service) -> None:
    described = await document(service)
    shown = 0
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content is None:
                assert (method, path) not in BODIES[service.name]
                continue
            schema = resolved(described, content["schema"])
            schema = resolved(described, schema.get("anyOf", [schema])[0])
            examples = schema["examples"]
            at = path
            for name, value in IN_PATHS.items():
                at = at.replace(f"{{{name}}}", value)
            for example in examples:
                jsonschema.validate(example, {**content["schema"], "components": described["components"]})
                answer = await service.client.request(method, at, json=example)
                assert str(answer.status_code) in operation["responses"]
                assert answer.status_code in {200, 201, 404, 409}, (method, path, answer.text)
                for result in answer.json().get("results", ()):
                    assert result.get("status") in {None, "active", 404, 409}, (method, path, answer.text)
                shown += 1
    assert shown == len(BODIES[service.name])


async def test_a_done_command_says_its_declared_status(service: Service) -> None:
    described = await document(service)
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            done: list[httpx.Response | str] = [status for status in operation["responses"] if status < "300"]
            assert len(done) == 1, (method, path)


def closed_objects(described: dict[str, Any], node: Any, path: str, seen: frozenset[str] = frozenset()) -> list[str]:
    """Where a schema of an answer says no more than that something is there; free words are `additionalProperties`."""
    if isinstance(node, list):
        return [fault for n, each in enumerate(node) for fault in closed_objects(described, each, f"{path}/{n}", seen)]
    if not isinstance(node, dict):
        return []
    if "$ref" in node:
        name: str = node["$ref"]
        return [] if name in seen else closed_objects(described, resolved(described, node), name, seen | {name})
    if not node or (
        node.get("type") == "object" and not node.keys() & {"properties", "additionalProperties", "maxProperties"}
    ):
        return [path]
    inner = {name: node[name] for name in ("properties", "anyOf", "items", "prefixItems") if node.get(name)}
    faults = closed_objects(described, list(inner.pop("properties", {}).values()), f"{path}", seen)
    return faults + [
        fault for name, each in inner.items() for fault in closed_objects(described, each, f"{path}/{name}", seen)
    ]


async def test_every_answer_has_a_schema_that_says_what_is_in_it(service: Service) -> None:
    described = await document(service)
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                if status >= "300":
                    continue
                for content in answer["content"].values():
                    assert closed_objects(described, content["schema"], f"{method} {path}") == []


async def test_what_is_read_after_the_examples_is_what_its_document_says(service: Service) -> None:
    """The client is held to the document (`held`): here its `GET` doors answer something."""
    described = await document(service)
    read = 0
    who = participant(next(iter(Population(11).draw(0, 1))))
    for (method, path), make in BODIES[service.name].items():
        body: Any = [make(who)] if path.endswith(":batch") else make(who)
        await service.client.request(method, Door(method, path, ()).address(siren=who.siren), json=body)
    for path, operations in described["paths"].items():
        if "get" in operations:
            answer = await service.client.get(Door("get", path, ()).address(siren=who.siren))
            assert answer.status_code in {200, 404, 422, 400}, (path, answer.text)
            read += answer.status_code == 200
    assert read >= 1
