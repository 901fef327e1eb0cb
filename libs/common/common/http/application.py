"""The HTTP application of a service: its doors, size limits, problems, health and metrics."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from common.core.deciding import INTERNAL
from common.declare.decision import Refusal
from common.declare.errors import Transient, Unstorable
from common.http.bodies import invalid, unstorable
from common.http.problems import Problem, problem
from common.http.texts import address_fault, fault_of, read_leniently, suspect


class HttpSettings(BaseModel):
    """Where the service answers HTTP; port 0 picks a free one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    max_body_bytes: Annotated[int, Field(ge=1024, description="largest request body")] = 1024 * 1024
    max_batch_bytes: Annotated[int, Field(ge=1024, description="largest body of a `:batch` door")] = 8 * 1024 * 1024


REFUSED = {
    400: Refusal(
        "unreadable",
        "json_invalide",
        "JSON invalide",
        "le corps n'est pas lisible: texte UTF-8, non compressé, sans imbrication démesurée",
    ),
    404: Refusal("unknown", "adresse_inconnue", "Adresse inconnue", "aucune porte n'a cette adresse"),
    405: Refusal(
        "wrong_method",
        "methode_non_permise",
        "Méthode non permise ici",
        "cette adresse existe, pas pour cette méthode",
    ),
}
"""What the framework itself refuses, in French, by status."""

UNAVAILABLE = Refusal(
    "unavailable",
    "momentanement_indisponible",
    "Service momentanément indisponible",
    "Rien n'a été enregistré: réessayez.",
)
UNSTORABLE = Refusal(
    "invalid",
    "contenu_invalide",
    "Contenu invalide",
    "Une valeur ne peut pas être enregistrée (caractère interdit ou nombre trop grand).",
)


class Threshold:
    """What every request meets before its door: its address and body are read, and refused if nothing can keep them.

    A body larger than its door allows is refused before it is read whole. One that holds text that cannot be encoded
    or stored is refused by its place; in a `:batch` the door refuses its item instead.
    """

    def __init__(self, app: ASGIApp, single: int, batch: int) -> None:
        self.app = app
        self.single = single
        self.batch = batch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on with its body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        many = scope["path"].endswith(":batch")
        fault = address_fault(scope.get("raw_path") or scope["path"].encode(), scope["query_string"])
        if fault is not None:
            await problem(unstorable(fault))(scope, receive, send)
            return
        try:
            messages = await _whole(receive, scope, self.batch if many else self.single)
            if not many:
                _check(b"".join([message.get("body", b"") for message in messages]))
        except Problem as error:
            await problem(error.refusal)(scope, receive, send)
            return
        arrived = iter(messages)

        async def again() -> Message:
            message = next(arrived, None)
            return await receive() if message is None else message

        await self.app(scope, again, send)


async def _whole(receive: Receive, scope: Scope, limit: int) -> list[Message]:
    """The messages that bring the body, to its end or to that of the connection.

    Raises:
        Problem: it is larger than `limit`.
    """
    refusal = Refusal("too_large", "corps_trop_grand", "Corps trop grand", f"au plus {limit} octets", "corps")
    declared = dict(scope["headers"]).get(b"content-length", b"0")
    if declared.isdigit() and int(declared) > limit:
        raise Problem(refusal)
    messages: list[Message] = []
    received = 0
    more = True
    while more:
        message = await receive()
        messages.append(message)
        received += len(message.get("body", b""))
        if received > limit:
            raise Problem(refusal)
        more = message.get("more_body", False)
    return messages


def _check(body: bytes) -> None:
    """Look for what cannot be kept in a body; one that is no JSON is the door's to refuse.

    Raises:
        Problem: there is some.
    """
    if not suspect(body):
        return
    try:
        value = read_leniently(body)
    except (ValueError, RecursionError):
        return
    fault = fault_of(value)
    if fault is not None:
        raise Problem(unstorable(fault))


def build_app(
    title: str,
    settings: HttpSettings,
    router: APIRouter | None,
    *,
    log: FilteringBoundLogger,
    registry: CollectorRegistry,
    ready: Callable[[], Awaitable[list[str]]],
) -> FastAPI:
    """The application: the doors of `router`, health, metrics, problems. `ready` says why it is not; empty: it is."""
    app = FastAPI(title=f"Croissance connectée: {title}", version="1", redoc_url=None)
    app.add_middleware(Threshold, single=settings.max_body_bytes, batch=settings.max_batch_bytes)
    _answer_problems(app, log)
    _answer_probes(app, registry, ready)
    if router is not None:
        app.include_router(router)
    return app


def _answer_problems(app: FastAPI, log: FilteringBoundLogger) -> None:
    """Whatever goes wrong is answered as an RFC 9457 problem, in French, and loses nothing."""

    async def on_problem(_: Request, error: Exception) -> Response:
        if not isinstance(error, Problem):
            raise error
        return problem(error.refusal)

    async def on_invalid(_: Request, error: Exception) -> Response:
        faults: Any = error.errors() if isinstance(error, RequestValidationError) else []
        return problem(invalid(faults))

    async def on_http(_: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        refusal = REFUSED.get(error.status_code)
        if refusal is None:
            refusal = Refusal("invalid", "demande_refusee", "Demande refusée", str(error.detail))
        return problem(refusal)

    async def on_transient(_: Request, error: Exception) -> Response:
        log.warning("transient failure of a request", reason=str(error))
        answer = problem(UNAVAILABLE)
        answer.headers["Retry-After"] = "1"
        return answer

    async def on_unstorable(_: Request, error: Exception) -> Response:
        log.warning("values of a request refused by the database", reason=str(error))
        return problem(UNSTORABLE)

    async def on_error(request: Request, error: Exception) -> Response:
        log.error("request failed", path=request.url.path, exc_info=error)
        return problem(INTERNAL)

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Transient, on_transient)
    app.add_exception_handler(Unstorable, on_unstorable)
    app.add_exception_handler(Exception, on_error)


def _answer_probes(app: FastAPI, registry: CollectorRegistry, ready: Callable[[], Awaitable[list[str]]]) -> None:
    """Liveness, readiness with its reasons, metrics."""

    async def live() -> Response:
        return JSONResponse({"status": "live"})

    async def readiness() -> Response:
        problems = await ready()
        body = {"status": "not ready" if problems else "ready", "problems": problems}
        return JSONResponse(body, 503 if problems else 200)

    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    for path, answer in (("/health/live", live), ("/health/ready", readiness), ("/metrics", metrics)):
        app.add_api_route(path, answer, include_in_schema=False)
