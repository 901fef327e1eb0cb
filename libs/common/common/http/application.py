"""The HTTP application of a service: its doors, size limits, problems, health and metrics."""

from collections.abc import Awaitable, Callable
from functools import lru_cache, partial
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match
from structlog.typing import FilteringBoundLogger

from common.core.deciding import INTERNAL
from common.declare.decision import Refusal
from common.declare.errors import Transient, Unstorable
from common.http.bodies import invalid
from common.http.documents import document_of
from common.http.problems import Problem, problem
from common.http.threshold import Threshold


class HttpSettings(BaseModel):
    """Where the service answers HTTP; port 0 picks a free one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    max_requests: Annotated[int, Field(ge=1, description="requests under way at once; others try again")] = 256
    allowed_hosts: Annotated[
        tuple[str, ...],
        Field(description="names it answers to besides the loopback's and that of the public address; `*`: all"),
    ] = ()
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

FORM = "application/x-www-form-urlencoded"
ONE_CLICK: dict[str, Any] = {
    "requestBody": {
        "description": "Ce que le courrielleur ajoute de lui-même ; rien n’en est lu.",
        "content": {
            FORM: {"schema": {"type": "object", "properties": {"List-Unsubscribe": {"const": "One-Click"}}}},
            "multipart/form-data": {"schema": {"type": "object"}},
        },
    }
}
"""What a door says of a body that is a form (RFC 8058); every other body is JSON."""

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

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


def build_app(
    title: str,
    settings: HttpSettings,
    router: APIRouter | None,
    *,
    log: FilteringBoundLogger,
    registry: CollectorRegistry,
    ready: Callable[[], Awaitable[list[str]]],
    remarks: Callable[[], list[str]] = list,
) -> FastAPI:
    """The application: the doors of `router`, health, metrics, problems.

    `ready` says why it is not; empty: it is. `remarks` are what else is wrong, though it keeps nobody from the doors.
    """
    app = FastAPIOffline(
        title=f"Croissance connectée : {title}",
        version="1",
        redoc_url=None,
        redirect_slashes=False,
        static_url="/docs/assets",
        swagger_ui_parameters={"validatorUrl": None},  # the page would ask a foreign site whether the document is valid
    )
    app.add_middleware(
        Threshold,
        single=settings.max_body_bytes,
        batch=settings.max_batch_bytes,
        most=settings.max_requests,
        hosts=settings.allowed_hosts,
        forms=frozenset() if router is None else _forms(router),
    )
    if router is not None:
        app.openapi = lru_cache(maxsize=1)(partial(document_of, app.title, app.version, router))
    _answer_problems(app, log)
    _answer_probes(app, registry, ready, remarks)
    if router is not None:
        app.include_router(router)
    return app


def _forms(router: APIRouter) -> frozenset[str]:
    """The paths whose body is a form, as their document says."""
    found: set[str] = set()
    for route in router.routes:
        described: Any = getattr(route, "openapi_extra", None) or {}
        if FORM in described.get("requestBody", {}).get("content", {}):
            found.add(getattr(route, "path", ""))
    return frozenset(found)


def _allowed(request: Request) -> str:
    """The methods of an address, as `Allow` names them (RFC 9110)."""
    routes = request.app.router.routes
    found = [
        method
        for method in METHODS
        if any(r.matches({**request.scope, "method": method})[0] == Match.FULL for r in routes)
    ] or ["GET"]  # inside of what is mounted, which is files
    return ", ".join(["HEAD", *found] if "GET" in found else found)


def _answer_problems(app: FastAPI, log: FilteringBoundLogger) -> None:
    """Whatever goes wrong is answered as an RFC 9457 problem, in French, and loses nothing."""

    async def on_problem(_: Request, error: Exception) -> Response:
        if not isinstance(error, Problem):
            raise error
        return problem(error.refusal)

    async def on_invalid(_: Request, error: Exception) -> Response:
        found: Any = error.errors() if isinstance(error, RequestValidationError) else []
        faults: Any = [{**fault, "loc": fault["loc"][1:]} for fault in found]  # after "body", "path", "query"
        return problem(invalid(faults))

    async def on_http(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        refusal = REFUSED.get(error.status_code)
        if refusal is None:
            refusal = Refusal("invalid", "demande_refusee", "Demande refusée", str(error.detail))
        return problem(refusal, {"Allow": _allowed(request)} if refusal.kind == "wrong_method" else None)

    async def on_transient(_: Request, error: Exception) -> Response:
        log.warning("transient failure of a request", reason=str(error))
        return problem(UNAVAILABLE)

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


def _answer_probes(
    app: FastAPI,
    registry: CollectorRegistry,
    ready: Callable[[], Awaitable[list[str]]],
    remarks: Callable[[], list[str]],
) -> None:
    """Liveness, readiness with its reasons, metrics."""

    async def live() -> Response:
        return JSONResponse({"status": "live"})

    async def readiness() -> Response:
        problems = await ready()
        body = {"status": "not ready" if problems else "ready", "problems": problems, "remarks": remarks()}
        return JSONResponse(body, 503 if problems else 200)

    async def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    for path, answer in (("/health/live", live), ("/health/ready", readiness), ("/metrics", metrics)):
        app.add_api_route(path, answer, include_in_schema=False)
