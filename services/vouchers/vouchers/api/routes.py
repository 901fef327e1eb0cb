"""The HTTP doors: apply for a chèque, decide on files, read files, envelopes and the ledger."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from common.core import clock
from common.declare.decision import Refusal
from common.http.bodies import Items, ItemsOf
from common.http.problems import Problem, wrong
from common.http.shapes import shown, told
from common.process.context import Context
from france.fields import SirenText, bare
from vouchers.api.bodies import (
    ActorBody,
    ApplicationBody,
    DecisionBody,
    DecisionItem,
    GrantBody,
    RefusalBody,
    to_application,
    to_decision,
)
from vouchers.api.views import (
    EnvelopesView,
    EnvelopeView,
    FilesView,
    FileWithHistory,
    MovementsView,
    shown_envelope,
    shown_file,
    shown_movements,
    with_history,
)
from vouchers.files.model import VoucherAnswer, unknown_envelope, unknown_file
from vouchers.files.table import FILES
from vouchers.store import reads

EnvelopeId = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_./:-]+$", examples=["cheque-2026"])]


def company_of(siren: str) -> str:
    """The SIREN of a path, checked.

    Raises:
        Problem: it is not a SIREN.
    """
    try:
        return bare(siren)
    except ValueError as error:
        raise Problem(wrong(str(error), "siren")) from None


def routes(context: Context) -> APIRouter:
    """The doors of this service."""
    router = APIRouter(prefix="/v1")
    _add_commands(router, context)
    _add_reads(router, context)
    return router


def _add_commands(router: APIRouter, context: Context) -> None:
    async def decision(request: Request, item: DecisionItem) -> Response:
        ask = to_decision(item)
        if isinstance(ask, Refusal):
            raise Problem(ask)
        return await context.run(request, ask)

    def item_of(siren: str, voucher_id: UUID, action: str, body: ActorBody) -> DecisionItem:
        company = company_of(siren)
        return DecisionItem.model_validate(
            {"siren": company, "voucher_id": voucher_id, "action": action, **body.model_dump()}
        )

    @router.post("/vouchers", status_code=201, summary="Déposer un dossier complet")
    @told(VoucherAnswer)
    async def apply(request: Request, body: ApplicationBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        return await context.run(request, to_application(body))

    @router.post("/vouchers:batch", summary="Déposer jusqu'à 1 000 dossiers")
    @told(VoucherAnswer)
    async def apply_batch(  # pyright: ignore[reportUnusedFunction]
        request: Request, items: Annotated[Items, Depends(ItemsOf(ApplicationBody, to_application))]
    ) -> Response:
        return await context.run_batch(request, items)

    @router.post("/vouchers/decisions:batch", summary="Décider jusqu'à 1 000 dossiers")
    @told(VoucherAnswer)
    async def decide_batch(  # pyright: ignore[reportUnusedFunction]
        request: Request, items: Annotated[Items, Depends(ItemsOf(DecisionItem, to_decision))]
    ) -> Response:
        return await context.run_batch(request, items)

    @router.post("/vouchers/{siren}/{voucher_id}:grant", summary="Accorder un dossier déposé")
    @told(VoucherAnswer)
    async def grant(request: Request, siren: SirenText, voucher_id: UUID, body: GrantBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        return await decision(request, item_of(siren, voucher_id, "grant", body))

    @router.post("/vouchers/{siren}/{voucher_id}:refuse", summary="Refuser un dossier, avec une raison")
    @told(VoucherAnswer)
    async def refuse(request: Request, siren: SirenText, voucher_id: UUID, body: RefusalBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        return await decision(request, item_of(siren, voucher_id, "refuse", body))

    @router.post("/vouchers/{siren}/{voucher_id}:withdraw", summary="Retirer un dossier ou renoncer au chèque")
    @told(VoucherAnswer)
    async def withdraw(request: Request, siren: SirenText, voucher_id: UUID, body: DecisionBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        return await decision(request, item_of(siren, voucher_id, "withdraw", body))


def _add_reads(router: APIRouter, context: Context) -> None:
    @router.get("/vouchers/{siren}", summary="Les dossiers d'une entreprise")
    @shown
    async def files(siren: SirenText) -> FilesView:  # pyright: ignore[reportUnusedFunction]
        company = company_of(siren)
        state = await context.state(FILES, company)
        if state is None:
            detail = f"Rien n'est connu du SIREN {company}."
            raise Problem(Refusal("unknown", "entreprise_inconnue", "Entreprise inconnue", detail, "siren"))
        waiting = [file.id for file in state.files if file.status == "liste_attente"]
        async with context.reading() as connection:
            positions = await reads.positions_of(connection, waiting)
        return {
            "siren": company,
            "vouchers": [shown_file(company, file, positions.get(file.id)) for file in state.files],
        }

    @router.get("/vouchers/{siren}/{voucher_id}", summary="Un dossier et son histoire")
    @shown
    async def file(siren: SirenText, voucher_id: UUID) -> FileWithHistory:  # pyright: ignore[reportUnusedFunction]
        company = company_of(siren)
        state = await context.state(FILES, company)
        for known in () if state is None else state.files:
            if known.id == str(voucher_id):
                async with context.reading() as connection:
                    history = await reads.read_history(connection, known.id)
                    positions = await reads.positions_of(connection, [known.id])
                return with_history(shown_file(company, known, positions.get(known.id)), history)
        raise Problem(unknown_file(company, str(voucher_id)))

    @router.get("/envelopes", summary="Les enveloppes")
    @shown
    async def envelopes() -> EnvelopesView:  # pyright: ignore[reportUnusedFunction]
        async with context.reading() as connection:
            rows = await reads.read_envelopes(connection, None, clock.now())
        return {"envelopes": [shown_envelope(row) for row in rows]}

    @router.get("/envelopes/{envelope_id}", summary="Une enveloppe, au centime")
    @shown
    async def envelope(envelope_id: EnvelopeId) -> EnvelopeView:  # pyright: ignore[reportUnusedFunction]
        async with context.reading() as connection:
            rows = await reads.read_envelopes(connection, envelope_id, clock.now())
        if not rows:
            raise Problem(unknown_envelope(envelope_id))
        return shown_envelope(rows[0])

    @router.get("/envelopes/{envelope_id}/movements", summary="Le grand livre d'une enveloppe, dans l'ordre")
    @shown
    async def movements(  # pyright: ignore[reportUnusedFunction]
        envelope_id: EnvelopeId,
        cursor: Annotated[int, Query(ge=0, le=2**53)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> MovementsView:
        async with context.reading() as connection:
            rows = await reads.read_movements(connection, envelope_id, cursor, limit)
        return shown_movements(rows, limit)
