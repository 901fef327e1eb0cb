"""The HTTP doors: questionnaire, drafts, submissions, history, benchmarks."""

from hashlib import sha256
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from common.core.commands import Ask
from common.http.answers import is_known
from common.http.bodies import parse_batch
from common.http.problems import Problem
from common.process.context import Context
from diagnostic import store
from diagnostic.diagnostics.answers import UNKNOWN_COMPANY, UNKNOWN_DIAGNOSTIC
from diagnostic.diagnostics.history import detail, history
from diagnostic.diagnostics.inputs import SaveAnswers, StartDiagnostic, SubmitDiagnostic
from diagnostic.diagnostics.model import DiagnosticFile
from diagnostic.diagnostics.table import DIAGNOSTICS
from diagnostic.questionnaire.forms import FORMS
from diagnostic.questionnaire.schema import answers_schema, document
from diagnostic.ruleset import RULESET
from diagnostic.scoring.peers import Cell, SizeClass, percentile, statistics, widenings
from diagnostic.terms import FormKind
from france.siren import is_siren


def _siren(value: str) -> str:
    """A SIREN: 9 digits, the last one a Luhn key; blanks are dropped."""
    digits = value.replace(" ", "")
    if len(digits) != 9 or not (digits.isascii() and digits.isdigit()) or digits == "000000000":
        raise ValueError("SIREN attendu : 9 chiffres")
    if not is_siren(digits):
        raise ValueError("SIREN invalide : la clé de contrôle ne correspond pas")
    return digits


Siren = Annotated[str, Field(max_length=20), AfterValidator(_siren)]
Region = Annotated[str, Query(pattern=r"^(\d{2})?$", description="code INSEE de la région")]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StartBody(_Body):
    """Open a draft, or take up the one that is open."""

    siren: Siren
    kind: FormKind = "complet"
    diagnostic_id: UUID | None = None


class AnswersBody(_Body):
    """Answers to save: question id → answer, null clears it."""

    answers: dict[str, Any]


class SubmitBody(_Body):
    """Last answers, laid over the draft's."""

    answers: dict[str, Any] = {}


class OneShotBody(_Body):
    """A whole diagnosis."""

    siren: Siren
    kind: FormKind = "complet"
    diagnostic_id: UUID | None = None
    answers: Annotated[dict[str, Any], Field(min_length=1)]


def _one_shot(body: OneShotBody) -> Ask:
    diagnostic_id = "" if body.diagnostic_id is None else str(body.diagnostic_id)
    return Ask(SubmitDiagnostic(body.siren, diagnostic_id, body.kind, body.answers), body.siren)


def routes(context: Context) -> APIRouter:
    """The doors of this service."""
    router = APIRouter(prefix="/v1")
    _add_questionnaire(router)
    _add_commands(router, context)
    _add_reads(router, context)
    return router


def _add_questionnaire(router: APIRouter) -> None:
    documents = {kind: _Fixed(document(form)) for kind, form in FORMS.items()}
    schemas = {kind: _Fixed(answers_schema(form)) for kind, form in FORMS.items()}

    @router.get("/questionnaire")
    async def questionnaire(request: Request, kind: FormKind = "complet") -> Response:  # pyright: ignore[reportUnusedFunction]
        """The questions, options and rows, in French."""
        return documents[kind].answer(request)

    @router.get("/questionnaire/schema")
    async def schema(request: Request, kind: FormKind = "complet") -> Response:  # pyright: ignore[reportUnusedFunction]
        """JSON Schema of the answers of a complete submission."""
        return schemas[kind].answer(request)


def _add_commands(router: APIRouter, context: Context) -> None:
    @router.post("/diagnostics")
    async def start(request: Request, body: StartBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Open a draft, or take up the one that is open."""
        diagnostic_id = "" if body.diagnostic_id is None else str(body.diagnostic_id)
        ask = Ask(StartDiagnostic(body.siren, body.kind, diagnostic_id), body.siren)
        return await context.run(request, ask, status=201)

    @router.put("/diagnostics/{siren}/{diagnostic_id}/answers")
    async def save(request: Request, siren: Siren, diagnostic_id: UUID, body: AnswersBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Autosave some answers of a draft."""
        return await context.run(request, Ask(SaveAnswers(siren, str(diagnostic_id), body.answers), siren))

    @router.post("/diagnostics/{siren}/{diagnostic_id}:submit")
    async def submit(  # pyright: ignore[reportUnusedFunction]
        request: Request, siren: Siren, diagnostic_id: UUID, body: SubmitBody | None = None
    ) -> Response:
        """Submit a draft: it is scored and frozen."""
        answers = body.answers if body else {}
        ask = Ask(SubmitDiagnostic(siren, str(diagnostic_id), answers=answers), siren)
        return await context.run(request, ask, status=201)

    @router.post("/diagnostics:submit")
    async def one_shot(request: Request, body: OneShotBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Submit a whole diagnosis in one go."""
        return await context.run(request, _one_shot(body), status=201)

    @router.post("/diagnostics:batch")
    async def batch(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Submit up to 1,000 whole diagnoses; each is accepted or rejected by itself."""
        return await context.run_batch(request, await parse_batch(await request.body(), OneShotBody, _one_shot))


def _add_reads(router: APIRouter, context: Context) -> None:
    async def state_of(siren: str) -> DiagnosticFile:
        state = await context.state(DIAGNOSTICS, siren)
        if state is None:
            raise Problem(UNKNOWN_COMPANY)
        return state

    @router.get("/diagnostics/{siren}")
    async def read_history(siren: Siren) -> Response:  # pyright: ignore[reportUnusedFunction]
        """History, scores and plans of a company."""
        return _json(history(await state_of(siren)))

    @router.get("/diagnostics/{siren}/{diagnostic_id}")
    async def read_detail(siren: Siren, diagnostic_id: UUID) -> Response:  # pyright: ignore[reportUnusedFunction]
        """One diagnosis with its answers and every measure it calls for."""
        found = detail(await state_of(siren), str(diagnostic_id))
        if found is None:
            raise Problem(UNKNOWN_DIAGNOSTIC)
        return _json(found)

    @router.get("/benchmarks")
    async def read_benchmark(  # pyright: ignore[reportUnusedFunction]
        region: Region = "",
        section: Annotated[str, Query(pattern=r"^[A-U]?$", description="section NAF")] = "",
        taille: SizeClass | None = None,
        score: Annotated[float | None, Query(ge=0, le=100, description="score à situer")] = None,
    ) -> Response:
        """How the peers of a company score: live, widened until enough of them have answered."""
        return _json(await benchmark(context, Cell(taille or "", section, region), score))


async def benchmark(context: Context, asked: Cell, value: float | None) -> dict[str, object]:
    """The statistics of a cell, or of the nearest wider one with enough companies."""
    async with context.reading() as connection:
        for cell in widenings(asked):
            buckets = await store.histogram(connection, cell)
            if sum(bucket.count for bucket in buckets) >= RULESET.benchmark.shown_from:
                peers = statistics(buckets)
                return {
                    "asked": _parts(asked),
                    "shown": _parts(cell),
                    "n": peers.count,
                    "mean": round(peers.mean, 1),
                    "quartiles": [
                        round(quartile, 1) for quartile in (peers.first_quartile, peers.median, peers.third_quartile)
                    ],
                    "percentile": None if value is None else round(percentile(buckets, value), 1),
                }
    return {"asked": _parts(asked), "shown": None, "n": None, "mean": None, "quartiles": None, "percentile": None}


def _parts(cell: Cell) -> dict[str, str | None]:
    return {"taille": cell.size or None, "section": cell.section or None, "region": cell.region or None}


def _json(content: object) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")


class _Fixed:
    """A document that does not change while the process lives."""

    def __init__(self, content: object) -> None:
        self.body = msgspec.json.encode(content)
        self.headers = {"ETag": f'"{sha256(self.body).hexdigest()[:32]}"', "Cache-Control": "public, max-age=300"}

    def answer(self, request: Request) -> Response:
        """The document, or 304 when the client has it."""
        if is_known(request, self.headers["ETag"]):
            return Response(status_code=304, headers=self.headers)
        return Response(self.body, media_type="application/json", headers=self.headers)
