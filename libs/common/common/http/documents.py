"""The OpenAPI document of a service, derived from what its doors declare.

A door declares its address, parameters, body, answer (`http.shapes`), status (`status_code`) and, beside what every
door answers, the statuses that only it has (`responses={404: {}}`). What follows from the threshold, from idempotency
and from the shape of batches is written here, once: a door that takes the request and is no `GET` carries out a
command.
"""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeGuard

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from common.http.bodies import MAX_ITEMS, ItemsOf
from common.http.problems import PROBLEM, RETRY_AFTER
from common.http.shapes import schemas_of

_JSON: Final = "application/json"
_SCHEMAS: Final = "#/components/schemas/"

INTRODUCTION: Final = (
    "Tout refus est un problème (RFC 9457), en français ; `type` est stable et fait pour les programmes. "
    "Les montants sont en centimes, les instants en UTC, les jours ceux de Paris."
)

SAID: Final[Mapping[int, str]] = {
    200: "Fait, ou lu",
    201: "Créé",
    304: "Inchangé : le client a déjà ce document",
    400: "Demande illisible : JSON invalide, `Host` absent, en-tête ou lien qui ne va pas",
    403: "Une page d’un autre site ne peut rien demander ici",
    404: "Inconnu",
    408: "Demande trop lente",
    409: "Impossible dans l’état présent : `detail` dit pourquoi",
    413: "Corps ou lot trop grand",
    415: "JSON en UTF-8, non compressé, est attendu",
    421: "Ce service ne répond pas à ce nom",
    422: "Contenu invalide : `field` nomme le champ, `detail` ce qui irait",
    431: "En-têtes trop longs",
    500: "Erreur interne : rien n’a été enregistré",
    503: "Momentanément indisponible, rien n’a été enregistré : réessayer après `Retry-After` secondes",
}
"""What a status means here."""

EVERYWHERE: Final = (400, 403, 408, 413, 415, 421, 422, 431, 500, 503)
"""What the threshold and the framework may answer before, and around, every door."""

COMMANDS: Final = (404, 409)
"""What the rule of a command may answer besides."""

PROBLEM_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "description": "Un refus (RFC 9457)",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "tag:… suivi d’un code stable"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "field": {"type": "string", "description": "ce qui ne va pas, par son chemin : `[3].lines[0].amount_cents`"},
        "allowed": {"type": "array", "items": {"type": "string"}, "description": "ce qui irait"},
    },
}

KEY: Final[Mapping[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "La même clé avec le même contenu donne la même réponse, sans second effet ; avec un autre, 422.",
    "schema": {
        "type": "string",
        "maxLength": 200,
        "pattern": "^[^\\x00-\\x1f\\x7f]*$",
        "examples": ["dossier-2026-0001"],
    },
}
PREFER: Final[Mapping[str, Any]] = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": "`return=minimal` : les éléments acceptés répondent `{}` (RFC 7240).",
    "schema": {"type": "string", "enum": ["return=minimal", "return=representation"]},
}
KNOWN: Final[Mapping[str, Any]] = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "Étiquettes des versions que le client a (RFC 9110).",
    "schema": {"type": "string", "examples": ['"3c0", W/"4d1"', "*"]},
}


def document_of(title: str, version: str, router: APIRouter) -> dict[str, Any]:
    """The document of the doors of `router`."""
    routes = [route for route in router.routes if isinstance(route, APIRoute) and route.include_in_schema]
    document = get_openapi(title=title, version=version, description=INTRODUCTION, routes=routes)
    components: dict[str, Any] = document.setdefault("components", {})
    schemas: dict[str, Any] = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Probleme"] = dict(PROBLEM_SCHEMA)
    answers, defined = schemas_of((route.endpoint for route in routes), _SCHEMAS + "{name}")
    schemas.update(defined)
    for route in routes:
        for method in route.methods or ():
            operation = document["paths"][route.path_format][method.lower()]
            _describe(operation, route, method, schemas, answers.get(route.endpoint))
    components["responses"] = {f"Probleme{status}": _refusal(status) for status in SAID if status >= 400}
    _drop_titles(document)
    return document


def _describe(
    operation: dict[str, Any], route: APIRoute, method: str, schemas: dict[str, Any], answer: dict[str, Any] | None
) -> None:
    """What follows for a door from what it declares."""
    command = method != "GET" and route.dependant.request_param_name is not None
    taken: list[Any] = [found.call for found in route.dependant.dependencies]
    items = next((call for call in taken if _reads_items(call)), None)
    parameters: list[Any] = operation.setdefault("parameters", [])
    status = route.status_code or HTTPStatus.OK
    done: dict[str, Any] = operation["responses"].get(str(status), {})
    content: dict[str, Any] = done.get("content") or {_JSON: {"schema": {"type": "object"}}}
    kind, each = next(iter(content.items()))
    said = answer or {"type": each["schema"].get("type", "object")}  # without a name made of the address
    done = {"description": SAID[status], "content": {kind: {"schema": said}}}
    answers: dict[str, Any] = {str(int(status)): done}
    statuses = {*EVERYWHERE, *(int(status) for status in route.responses)}
    if command:
        parameters.append(dict(KEY))
        statuses.update(COMMANDS)
    elif "{" in route.path_format:
        statuses.add(HTTPStatus.NOT_FOUND.value)
    if items is not None:
        parameters.append(dict(PREFER))
        done["content"] = {_JSON: {"schema": _results(said)}}
        done["headers"] = {"Preference-Applied": {"schema": {"type": "string"}, "description": "RFC 7240"}}
        operation["requestBody"] = {"required": True, "content": {_JSON: {"schema": _batch(items, schemas)}}}
        statuses -= set(COMMANDS)
    if HTTPStatus.NOT_MODIFIED in statuses:
        parameters.append(dict(KNOWN))
        done["headers"] = {"ETag": {"schema": {"type": "string"}, "description": "Étiquette de cette version"}}
        answers["304"] = {"description": SAID[304]}
    for refused in sorted(statuses):
        if refused >= HTTPStatus.BAD_REQUEST:
            answers[str(refused)] = {"$ref": f"#/components/responses/Probleme{refused}"}
    operation["responses"] = answers
    if not parameters:
        del operation["parameters"]


def _reads_items(call: Any) -> TypeGuard[ItemsOf[Any]]:
    return isinstance(call, ItemsOf)


def _batch(items: ItemsOf[Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """The body of a `:batch` door; the schemas of its items join the others."""
    schema: dict[str, Any] = items.model.model_json_schema(ref_template=_SCHEMAS + "{model}")
    for name, definition in schema.pop("$defs", {}).items():
        schemas.setdefault(name, definition)
    schemas.setdefault(items.model.__name__, schema)
    each = {"$ref": _SCHEMAS + items.model.__name__}
    many: dict[str, Any] = {"type": "array", "items": each, "maxItems": MAX_ITEMS}
    if "examples" in schema:
        many["examples"] = [schema["examples"]]
    wrapped = {"type": "object", "properties": {"items": dict(many)}, "required": ["items"]}
    return {"anyOf": [many, wrapped]}


def _results(alone: dict[str, Any]) -> dict[str, Any]:
    """The answer of a `:batch` door: of each item its problem, what it would answer alone, or `{}`."""
    count = {"type": "integer", "minimum": 0, "maximum": MAX_ITEMS}
    brief = {"type": "object", "maxProperties": 0, "description": "avec `Prefer: return=minimal`"}
    each = {"anyOf": [{"$ref": _SCHEMAS + "Probleme"}, alone, brief]}
    return {
        "type": "object",
        "description": "Les réponses d’un lot, dans l’ordre de la demande",
        "required": ["accepted", "rejected", "results"],
        "properties": {
            "accepted": count,
            "rejected": count,
            "results": {"type": "array", "maxItems": MAX_ITEMS, "items": each},
        },
    }


def _refusal(status: int) -> dict[str, Any]:
    """The answer of a refusal."""
    answer: dict[str, Any] = {
        "description": SAID[status],
        "content": {PROBLEM: {"schema": {"$ref": _SCHEMAS + "Probleme"}}},
    }
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        example = {"type": "string", "pattern": "^[0-9]+$", "examples": [RETRY_AFTER]}
        answer["headers"] = {"Retry-After": {"description": "secondes", "required": True, "schema": example}}
    return answer


def _drop_titles(node: Any) -> None:
    """Take out the titles that only repeat a name in English capitals; those that a door gave stay."""
    for name, each in _named(node):
        title = each.get("title")
        if isinstance(title, str) and title in {name, name.replace("_", " ").title()}:
            del each["title"]
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        _drop_titles(inner)


def _named(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The schemas of a node that have a name there."""
    if not isinstance(node, dict):
        return
    if "in" in node and "schema" in node:
        yield str(node["name"]), node["schema"]  # pyright: ignore[reportUnknownArgumentType]
    for holder in ("properties", "schemas"):
        inside: Any = node.get(holder)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if isinstance(inside, dict):
            yield from ((str(name), each) for name, each in inside.items() if isinstance(each, dict))  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
