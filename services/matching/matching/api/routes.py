"""The routes; each one reads, or hands a command to the unit of work."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from common.core import clock
from common.core.commands import Ask
from common.declare.decision import Refusal
from common.http.bodies import Items, ItemsOf
from common.http.fields import BirthDay
from common.http.problems import Problem, wrong
from common.http.shapes import shown, told
from france.days import paris_day
from france.fields import Siren
from matching import settings
from matching.api import shapes, views
from matching.api.bodies import (
    AnswerBody,
    Commune,
    ConnectorBody,
    ConnectorId,
    DeclineBody,
    MatchId,
    PutBody,
    answer_ask,
    put_ask,
)
from matching.basis import DIRECTORY, with_room
from matching.criteria.company import Company
from matching.directory.inputs import PutConnector
from matching.directory.model import ConnectorAnswer
from matching.events import Nature
from matching.needs.inputs import AcceptMatch, DeclineMatch
from matching.needs.model import CompanyNeeds, MatchAnswer, Need
from matching.needs.table import NEEDS
from matching.search.connector import ConnectorStatus
from matching.store import directory
from matching.store.loads import read_loads

if TYPE_CHECKING:
    from common.process.context import Context

SirenPath = Annotated[Siren, Path(description="SIREN de l'entreprise")]
MatchPath = Annotated[MatchId, Path(description="identifiant de la proposition")]
ConnectorPath = Annotated[ConnectorId, Path(description="identifiant du connecteur")]
RegionQuery = Annotated[str | None, Query(pattern=r"^[0-9]{2}$", description="code INSEE de la région")]
Limit = Annotated[int, Query(ge=1, le=500)]


def routes(context: "Context") -> APIRouter:
    """The API of matching."""
    router = APIRouter(prefix="/v1")
    _directory(router, context)
    _needs(router, context)
    _answers(router, context)
    _aids(router, context)
    return router


def _directory(router: APIRouter, context: "Context") -> None:
    ruleset = settings.ruleset()

    @router.put("/connecteurs/{connector_id}", summary="Créer ou remplacer un connecteur")
    @told(ConnectorAnswer)
    async def put(request: Request, connector_id: ConnectorPath, body: PutBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        if body.id not in {None, connector_id}:
            detail = "L'identifiant du corps et celui de l'adresse diffèrent."
            raise Problem(wrong(detail, "id"))
        return await context.run(request, Ask(PutConnector(body.to_connector(connector_id)), connector_id))

    @router.post("/connecteurs:batch", summary="Créer ou remplacer des connecteurs (1 000 au plus)")
    @told(ConnectorAnswer)
    async def put_batch(  # pyright: ignore[reportUnusedFunction]
        request: Request, items: Annotated[Items, Depends(ItemsOf(ConnectorBody, put_ask))]
    ) -> Response:
        return await context.run_batch(request, items)

    @router.get("/connecteurs", summary="Annuaire des connecteurs")
    @shown
    async def list_all(  # pyright: ignore[reportUnusedFunction]
        *,
        region: RegionQuery = None,
        sujet: str | None = None,
        type: str | None = None,  # noqa: A002  the public name of the parameter
        status: ConnectorStatus = "active",
        after: str = "",
        limit: Limit = 100,
    ) -> shapes.ConnectorPage:
        _known("sujet", sujet, ruleset.subjects)
        _known("type", type, ruleset.types)
        async with context.reading() as connection:
            found = await directory.list_connectors(
                connection, region=region, subject=sujet, kind=type, status=status, after=after, limit=limit
            )
        lines = [views.connector_view(listed, ruleset) for listed in found]
        return {"items": lines, "next": lines[-1].id if len(lines) == limit else None}

    @router.get("/connecteurs/{connector_id}", summary="Un connecteur")
    @shown
    async def one(connector_id: ConnectorPath) -> shapes.ConnectorView:  # pyright: ignore[reportUnusedFunction]
        async with context.reading() as connection:
            listed = await directory.find_connector(connection, connector_id)
        if listed is None:
            raise Problem(_unknown_connector(connector_id))
        return views.connector_view(listed, ruleset)


def _needs(router: APIRouter, context: "Context") -> None:
    @router.get("/needs/{siren}", summary="Besoins d'une entreprise, propositions et aides")
    @shown
    async def read(siren: SirenPath) -> shapes.NeedsView:  # pyright: ignore[reportUnusedFunction]
        state = await _state(context, siren)
        ids = [match.connector_id for need in state.needs for match in need.matches]
        async with context.reading() as connection:
            connectors = await directory.find_connectors(connection, ids)
        return views.needs_view(state, connectors)

    @router.get("/needs/{siren}/explain", summary="Pourquoi ces connecteurs, pourquoi pas les autres")
    @shown
    async def explain(  # pyright: ignore[reportUnusedFunction]
        siren: SirenPath, need_id: str | None = None, connecteur: str | None = None
    ) -> shapes.Explanation:
        state = await _state(context, siren)
        need = _need(state, need_id)
        async with context.reading() as connection:
            loads = await read_loads(connection)
        basis = await context.view(DIRECTORY)
        now = clock.now()
        if state.company is None:
            raise Problem(_unknown_company(siren))
        profile = basis.profiler.profile(state.company, paris_day(now))
        offered = views.Offered(basis, with_room(loads, basis), siren, need, profile)
        view = views.explain_view(offered, now)
        if connecteur is not None:
            connector = basis.directory.connectors.get(connecteur)
            if connector is None:
                raise Problem(_unknown_connector(connecteur))
            view["connector"] = views.connector_explain_view(connector, offered)
        return view


def _answers(router: APIRouter, context: "Context") -> None:
    @router.post("/matches/{siren}/{match_id}:accept", summary="Un connecteur accepte une proposition")
    @told(MatchAnswer)
    async def accept(request: Request, siren: SirenPath, match_id: MatchPath) -> Response:  # pyright: ignore[reportUnusedFunction]
        return await context.run(request, Ask(AcceptMatch(match_id), siren))

    @router.post("/matches/{siren}/{match_id}:decline", summary="Un connecteur refuse une proposition")
    @told(MatchAnswer)
    async def decline(  # pyright: ignore[reportUnusedFunction]
        request: Request, siren: SirenPath, match_id: MatchPath, body: DeclineBody
    ) -> Response:
        return await context.run(request, Ask(DeclineMatch(match_id, body.reason), siren))

    @router.post("/matches:batch", summary="Réponses de connecteurs (1 000 au plus)")
    @told(MatchAnswer)
    async def answer_batch(  # pyright: ignore[reportUnusedFunction]
        request: Request, items: Annotated[Items, Depends(ItemsOf(AnswerBody, answer_ask))]
    ) -> Response:
        return await context.run_batch(request, items)


def _aids(router: APIRouter, context: "Context") -> None:
    ruleset = settings.ruleset()

    @router.get("/aides", summary="Aides, avec un verdict pour une entreprise connue ou décrite", responses={404: {}})
    @shown
    async def aids(  # pyright: ignore[reportUnusedFunction]
        *,
        siren: Siren | None = None,
        sujet: Annotated[Sequence[str], Query()] = (),
        nature: Nature | None = None,
        region: RegionQuery = None,
        commune: Annotated[Commune | None, Query()] = None,
        effectif: Annotated[str | None, Query(pattern=r"^(NN|[0-9]{2})$", description="tranche INSEE")] = None,
        naf: Annotated[str | None, Query(pattern=r"^[0-9]{2}\.[0-9]{2}[A-Z]$")] = None,
        forme: Annotated[str | None, Query(pattern=r"^[0-9]{4}$")] = None,
        creee_le: BirthDay | None = None,
        toutes: Annotated[bool, Query(description="avec les aides non éligibles ou terminées")] = False,
        offset: Annotated[int, Query(ge=0)] = 0,
        limit: Limit = 10,
    ) -> shapes.AidPage:
        for subject in sujet:
            _known("sujet", subject, ruleset.subjects)
        company = Company(commune or "", "", region or "", naf or "", "NAFRev2", forme or "", effectif or "", creee_le)
        if siren is not None:
            state = await _state(context, siren)
            company = state.company or company
            sujet = sujet or _need(state, None).subjects
        profile = settings.profiler().profile(company, paris_day(clock.now()))
        found = settings.catalogue().assess(profile, sujet)
        kept = [
            assessment
            for assessment in found
            if nature in {None, assessment.aid.nature}
            and (toutes or assessment.verdict not in {"non_eligible", "termine"})
        ]
        page = kept[offset : offset + limit]
        note = "Conditions indicatives : seul l'opérateur de chaque dispositif décide."
        return {"total": len(kept), "note": note, "items": [views.aid_view(assessment) for assessment in page]}


def _known(field: str, value: str | None, known: Mapping[str, str]) -> None:
    if value is not None and value not in known:
        detail = f"« {value} » n'est pas une valeur connue."
        raise Problem(Refusal("invalid", "parametre_inconnu", "Paramètre inconnu", detail, field, tuple(known)))


async def _state(context: "Context", siren: str) -> CompanyNeeds:
    state = await context.state(NEEDS, siren)
    if state is None:
        raise Problem(_unknown_company(siren))
    return state


def _need(state: CompanyNeeds, need_id: str | None) -> Need:
    found = [need for need in state.needs if need_id in {None, need.need_id}]
    if not found:
        detail = "Cette entreprise n'a pas de besoin ouvert sous cet identifiant."
        raise Problem(Refusal("unknown", "besoin_inconnu", "Besoin inconnu", detail, "need_id"))
    return found[-1]


def _unknown_company(siren: str) -> Refusal:
    detail = f"Aucun besoin n'est connu pour l'entreprise {siren} : a-t-elle terminé un diagnostic ?"
    return Refusal("unknown", "entreprise_inconnue", "Entreprise inconnue", detail, "siren")


def _unknown_connector(connector_id: str) -> Refusal:
    detail = f"Aucun connecteur ne porte l'identifiant {connector_id}."
    return Refusal("unknown", "connecteur_inconnu", "Connecteur inconnu", detail, "connecteur")
