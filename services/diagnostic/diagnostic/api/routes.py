"""The HTTP doors: questionnaire, drafts, submissions, history, benchmarks."""

from hashlib import sha256
from typing import Annotated, Any, Final, TypedDict
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from common.core.commands import Ask
from common.http.answers import is_known
from common.http.bodies import Items, ItemsOf
from common.http.problems import Problem
from common.http.shapes import shown, told
from common.process.context import Context
from diagnostic import store
from diagnostic.api.history import Detail, detail, history
from diagnostic.api.views import History
from diagnostic.diagnostics.answers import (
    UNKNOWN_COMPANY,
    UNKNOWN_DIAGNOSTIC,
    DiagnosticScored,
    DraftSaved,
    ExpressScored,
)
from diagnostic.diagnostics.inputs import SaveAnswers, StartDiagnostic, SubmitDiagnostic
from diagnostic.diagnostics.model import DiagnosticFile
from diagnostic.diagnostics.table import DIAGNOSTICS
from diagnostic.questionnaire.forms import FORMS
from diagnostic.questionnaire.schema import AnswersSchema, QuestionnaireView, answers_schema, document
from diagnostic.questionnaire.sheet import write
from diagnostic.ruleset import RULESET
from diagnostic.scoring.peers import Cell, SizeClass, percentile, statistics, widenings
from diagnostic.terms import FormKind
from france.fields import Siren

EXPRESS: Final[dict[str, Any]] = write(FORMS["express"], "1" * 12)
"""Answers of the short form, for the example."""

Region = Annotated[str, Query(pattern=r"^([0-9]{2})?$", description="code INSEE de la région")]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _example(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class StartBody(_Body):
    """Un brouillon à ouvrir, ou à reprendre s’il est ouvert."""

    model_config = _example({"siren": "732829320", "kind": "complet"})

    siren: Siren
    kind: FormKind = "complet"
    diagnostic_id: UUID | None = None


class AnswersBody(_Body):
    """Réponses à garder, par question ; `null` efface."""

    model_config = _example({"answers": {"Q2": ["budget_1an"]}})

    answers: dict[str, Any]


class SubmitBody(_Body):
    """Dernières réponses, posées sur celles du brouillon."""

    model_config = _example({"answers": {"Q2": ["budget_1an"]}})

    answers: dict[str, Any] = {}


class OneShotBody(_Body):
    """Un diagnostic entier."""

    model_config = _example({"siren": "732829320", "kind": "express", "answers": EXPRESS})

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

    @router.get("/questionnaire", summary="Les questions, options et lignes", responses={304: {}})
    @told(QuestionnaireView)
    async def questionnaire(request: Request, kind: FormKind = "complet") -> Response:  # pyright: ignore[reportUnusedFunction]
        return documents[kind].answer(request)

    @router.get(
        "/questionnaire/schema", summary="Le schéma JSON des réponses d’un diagnostic entier", responses={304: {}}
    )
    @told(AnswersSchema)
    async def schema(request: Request, kind: FormKind = "complet") -> Response:  # pyright: ignore[reportUnusedFunction]
        return schemas[kind].answer(request)


def _add_commands(router: APIRouter, context: Context) -> None:
    @router.post("/diagnostics", status_code=201, summary="Ouvrir un brouillon, ou reprendre celui qui est ouvert")
    @told(DraftSaved)
    async def start(request: Request, body: StartBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        diagnostic_id = "" if body.diagnostic_id is None else str(body.diagnostic_id)
        ask = Ask(StartDiagnostic(body.siren, body.kind, diagnostic_id), body.siren)
        return await context.run(request, ask)

    @router.put("/diagnostics/{siren}/{diagnostic_id}/answers", summary="Garder des réponses d’un brouillon")
    @told(DraftSaved)
    async def save(request: Request, siren: Siren, diagnostic_id: UUID, body: AnswersBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        return await context.run(request, Ask(SaveAnswers(siren, str(diagnostic_id), body.answers), siren))

    @router.post(
        "/diagnostics/{siren}/{diagnostic_id}:submit",
        status_code=201,
        summary="Déposer un brouillon : il est noté et figé",
    )
    @told(DiagnosticScored | ExpressScored)
    async def submit(  # pyright: ignore[reportUnusedFunction]
        request: Request, siren: Siren, diagnostic_id: UUID, body: SubmitBody | None = None
    ) -> Response:
        answers = body.answers if body else {}
        ask = Ask(SubmitDiagnostic(siren, str(diagnostic_id), answers=answers), siren)
        return await context.run(request, ask)

    @router.post("/diagnostics:submit", status_code=201, summary="Déposer un diagnostic entier en une fois")
    @told(DiagnosticScored | ExpressScored)
    async def one_shot(request: Request, body: OneShotBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        return await context.run(request, _one_shot(body))

    @router.post("/diagnostics:batch", summary="Déposer jusqu’à 1 000 diagnostics entiers, chacun jugé seul")
    @told(DiagnosticScored | ExpressScored)
    async def batch(  # pyright: ignore[reportUnusedFunction]
        request: Request, items: Annotated[Items, Depends(ItemsOf(OneShotBody, _one_shot))]
    ) -> Response:
        return await context.run_batch(request, items)


def _add_reads(router: APIRouter, context: Context) -> None:
    async def state_of(siren: str) -> DiagnosticFile:
        state = await context.state(DIAGNOSTICS, siren)
        if state is None:
            raise Problem(UNKNOWN_COMPANY)
        return state

    @router.get("/diagnostics/{siren}", summary="Histoire, notes et plans d’une entreprise")
    @shown
    async def read_history(siren: Siren) -> History:  # pyright: ignore[reportUnusedFunction]
        return history(await state_of(siren))

    @router.get("/diagnostics/{siren}/{diagnostic_id}", summary="Un diagnostic, ses réponses, ses mesures")
    @shown
    async def read_detail(siren: Siren, diagnostic_id: UUID) -> Detail:  # pyright: ignore[reportUnusedFunction]
        found = detail(await state_of(siren), str(diagnostic_id))
        if found is None:
            raise Problem(UNKNOWN_DIAGNOSTIC)
        return found

    @router.get("/benchmarks", summary="Les notes des pairs, élargies jusqu’à ce qu’assez aient répondu")
    @shown
    async def read_benchmark(  # pyright: ignore[reportUnusedFunction]
        region: Region = "",
        section: Annotated[str, Query(pattern=r"^[A-U]?$", description="section NAF")] = "",
        taille: SizeClass | None = None,
        score: Annotated[float | None, Query(ge=0, le=100, description="score à situer")] = None,
    ) -> Benchmark:
        return await benchmark(context, Cell(taille or "", section, region), score)


class PeersAsked(TypedDict):
    """A cell of peers; `None` where it is not narrowed."""

    taille: str | None
    section: str | None
    region: str | None


class Benchmark(TypedDict):
    """The scores of the peers shown, the nearest ones that are enough; `None` where nobody is."""

    asked: PeersAsked
    shown: PeersAsked | None
    n: int | None
    mean: float | None
    quartiles: list[float] | None
    percentile: float | None


async def benchmark(context: Context, asked: Cell, value: float | None) -> Benchmark:
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


def _parts(cell: Cell) -> PeersAsked:
    return {"taille": cell.size or None, "section": cell.section or None, "region": cell.region or None}


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
