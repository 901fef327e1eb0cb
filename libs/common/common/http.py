"""HTTP: commands with idempotency, RFC 9457 problems, size limits, health and metrics."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, from_json
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.commands import Command
from common.decision import Rejection
from common.errors import Transient, Unstorable
from common.processor import INTERNAL

if TYPE_CHECKING:
    from common.runtime import Context

PROBLEM = "application/problem+json"
MAX_ITEMS = 1000
"""Items of one `:batch` request."""

Model = TypeVar("Model", bound=BaseModel)
_encode = msgspec.json.encode


class Problem(Exception):
    """Raised by a read door to answer a problem."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.title)
        self.rejection = rejection


def problem_body(rejection: Rejection) -> dict[str, Any]:
    """An RFC 9457 problem: `field` names what is wrong, `allowed` what would be right."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": rejection.title,
        "status": rejection.status,
        "detail": rejection.detail,
    }
    if rejection.field:
        body["field"] = rejection.field
    if rejection.allowed:
        body["allowed"] = rejection.allowed
    return body


def problem(rejection: Rejection) -> Response:
    """The HTTP answer of a rejection."""
    return Response(_encode(problem_body(rejection)), rejection.status, media_type=PROBLEM)


def rendered(status: int, body: bytes) -> Response:
    """An answer that is encoded already."""
    return Response(body, status, media_type=PROBLEM if status >= HTTPStatus.BAD_REQUEST else "application/json")


def render_one(status: int) -> Callable[[Sequence[object]], tuple[int, bytes]]:
    """Turns the single answer of a command into status and body."""

    def render(answers: Sequence[object]) -> tuple[int, bytes]:
        (answer,) = answers
        if isinstance(answer, Rejection):
            return answer.status, _encode(problem_body(answer))
        return status, _encode(answer)

    return render


def wants_little(request: Request) -> bool:
    """Whether the caller asks for no more than whether it was done (RFC 7240, `Prefer: return=minimal`)."""
    preferences = ",".join(request.headers.getlist("prefer")).lower().split(",")
    return any(preference.partition(";")[0].replace(" ", "") == "return=minimal" for preference in preferences)


def render_batch(
    items: Sequence[Command | Rejection], *, brief: bool = False
) -> Callable[[Sequence[object]], tuple[int, bytes]]:
    """Turns the answers of a batch into one body, in the order of the request.

    An accepted item has the answer that it would have had alone, or `{}` where the caller wants it `brief`; a refused
    one has its problem, with its `status`.
    """

    def render(answers: Sequence[object]) -> tuple[int, bytes]:
        if len(answers) == 1 and isinstance(answers[0], Rejection) and answers[0].field == "Idempotency-Key":
            return answers[0].status, _encode(problem_body(answers[0]))
        decided = iter(answers)
        results = [item if isinstance(item, Rejection) else next(decided) for item in items]
        bodies = [
            problem_body(result) if isinstance(result, Rejection) else {} if brief else result or {}
            for result in results
        ]
        rejected = sum(isinstance(result, Rejection) for result in results)
        return HTTPStatus.OK, _encode({"accepted": len(bodies) - rejected, "rejected": rejected, "results": bodies})

    return render


# --- validation ------------------------------------------------------------------------------------------------------

_REFUSALS = {
    400: ("JSON invalide", "le corps n'est pas lisible: texte UTF-8, non compressé, sans imbrication démesurée"),
    404: ("Adresse inconnue", "aucune porte n'a cette adresse"),
    405: ("Méthode non permise ici", "cette adresse existe, pas pour cette méthode"),
}
"""What the framework itself refuses, in French: title and detail by status."""

_REASONS = {
    "missing": "champ obligatoire absent",
    "extra_forbidden": "champ inconnu",
    "string_pattern_mismatch": "format attendu: {pattern}",
    "json_invalid": "JSON invalide: {error}",
    "greater_than_equal": "doit être au moins {ge}",
    "less_than_equal": "doit être au plus {le}",
    "greater_than": "doit être plus grand que {gt}",
    "less_than": "doit être plus petit que {lt}",
    "string_too_long": "au plus {max_length} caractères",
    "string_too_short": "au moins {min_length} caractères",
    "too_long": "au plus {max_length} éléments",
    "too_short": "au moins {min_length} éléments",
    "literal_error": "valeurs possibles: {expected}",
    "enum": "valeurs possibles: {expected}",
    "int_type": "nombre entier attendu",
    "int_parsing": "nombre entier attendu",
    "float_type": "nombre attendu",
    "string_type": "texte attendu",
    "bool_type": "vrai ou faux attendu",
    "list_type": "liste attendue",
    "tuple_type": "liste attendue",
    "dict_type": "objet attendu",
    "model_type": "objet attendu",
    "model_attributes_type": "objet attendu",
    "uuid_parsing": "UUID attendu",
    "value_error": "{error}",
}


def reason_of(error: ErrorDetails) -> str:
    """A validation error in French."""
    text = _REASONS.get(error["type"], error["msg"])
    context = {name: str(value) for name, value in error.get("ctx", {}).items()}
    try:
        return text.format(**context)
    except (KeyError, IndexError):
        return error["msg"]


def path_of(location: Sequence[int | str]) -> str:
    """A location as a JSON path: `lines[2].amount_cents`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def invalid(errors: Sequence[ErrorDetails]) -> Rejection:
    """The rejection of a body that does not fit; names the first field, lists every fault."""
    faults = [(path_of([part for part in error["loc"] if part != "body"]), reason_of(error)) for error in errors]
    detail = "; ".join(f"{path or 'corps'}: {reason}" for path, reason in faults[:20])
    return Rejection(422, "Contenu invalide", detail, faults[0][0] if faults else "")


def parse_batch(
    body: bytes, model: type[Model], to_command: Callable[[Model], Command | Rejection]
) -> list[Command | Rejection]:
    """Validate a JSON array of items (or `{"items": […]}`); an item that does not fit becomes a rejection of its own.

    Raises:
        Problem: the body is not JSON, not an array, or has more than `MAX_ITEMS` items.
    """
    try:
        data: Any = from_json(body)
    except ValueError as error:
        raise Problem(Rejection(400, "JSON invalide", str(error))) from None
    items: Any = data.get("items") if isinstance(data, dict) else data  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if not isinstance(items, list):
        raise Problem(Rejection(422, "Contenu invalide", "une liste d'éléments est attendue", "items"))
    entries: list[Any] = items  # pyright: ignore[reportUnknownVariableType]
    if len(entries) > MAX_ITEMS:
        raise Problem(Rejection(413, "Lot trop grand", f"au plus {MAX_ITEMS} éléments par lot", "items"))
    validate = model.__pydantic_validator__.validate_python  # what `model_validate` calls: a thousand times here
    parsed: list[Command | Rejection] = []
    for index, entry in enumerate(entries):
        try:
            made = to_command(validate(entry))
        except ValidationError as error:
            made = invalid(error.errors(include_url=False, include_input=False))
        if isinstance(made, Rejection):
            made = replace(made, field=f"[{index}].{made.field}".rstrip("."))
        parsed.append(made)
    return parsed


# --- the application -------------------------------------------------------------------------------------------------


class BodyLimit:
    """Refuses a body larger than its door allows before it is read whole."""

    def __init__(self, app: ASGIApp, single: int, batch: int) -> None:
        self.app = app
        self.single = single
        self.batch = batch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the body as it arrives."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.batch if scope["path"].endswith(":batch") else self.single
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        refusal = Rejection(413, "Corps trop grand", f"au plus {limit} octets", "corps")
        if declared.isdigit() and int(declared) > limit:
            await problem(refusal)(scope, receive, send)
            return
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise Problem(refusal)
            return message

        await self.app(scope, counted, send)


def build_app(
    context: "Context[Any, Any]", router: APIRouter | None, ready: Callable[[], Awaitable[list[str]]]
) -> FastAPI:
    """The HTTP application of a service: its own doors, health, metrics, problems."""
    app = FastAPI(title=f"Croissance connectée: {context.service.title}", version="1", redoc_url=None)
    settings = context.settings.http
    app.add_middleware(BodyLimit, single=settings.max_body_bytes, batch=settings.max_batch_bytes)
    _answer_problems(app, context)
    _answer_probes(app, context, ready)
    if router is not None:
        app.include_router(router)
    return app


def _answer_problems(app: FastAPI, context: "Context[Any, Any]") -> None:
    """Whatever goes wrong is answered as an RFC 9457 problem, in French, and loses nothing."""

    async def on_problem(_: Request, error: Exception) -> Response:
        if not isinstance(error, Problem):
            raise error
        return problem(error.rejection)

    async def on_invalid(_: Request, error: Exception) -> Response:
        faults: Any = error.errors() if isinstance(error, RequestValidationError) else []
        return problem(invalid(faults))

    async def on_http(_: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        title, detail = _REFUSALS.get(error.status_code, ("Demande refusée", str(error.detail)))
        return problem(Rejection(error.status_code, title, detail))

    async def on_transient(_: Request, error: Exception) -> Response:
        context.log.warning("transient failure of a request", reason=str(error))
        answer = problem(Rejection(503, "Service momentanément indisponible", "Rien n'a été enregistré: réessayez."))
        answer.headers["Retry-After"] = "1"
        return answer

    async def on_unstorable(_: Request, error: Exception) -> Response:
        context.log.warning("values of a request refused by the database", reason=str(error))
        detail = "Une valeur ne peut pas être enregistrée (caractère interdit ou nombre trop grand)."
        return problem(Rejection(422, "Contenu invalide", detail))

    async def on_error(request: Request, error: Exception) -> Response:
        context.log.error("request failed", path=request.url.path, exc_info=error)
        return problem(INTERNAL)

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Transient, on_transient)
    app.add_exception_handler(Unstorable, on_unstorable)
    app.add_exception_handler(Exception, on_error)


def _answer_probes(app: FastAPI, context: "Context[Any, Any]", ready: Callable[[], Awaitable[list[str]]]) -> None:
    """Liveness, readiness with its reasons, metrics."""

    async def live() -> Response:
        return JSONResponse({"status": "live"})

    async def readiness() -> Response:
        problems = await ready()
        body = {"status": "not ready" if problems else "ready", "problems": problems}
        return JSONResponse(body, 503 if problems else 200)

    async def metrics() -> Response:
        return Response(generate_latest(context.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    for path, answer in (("/health/live", live), ("/health/ready", readiness), ("/metrics", metrics)):
        app.add_api_route(path, answer, include_in_schema=False)
