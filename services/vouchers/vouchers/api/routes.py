"""The HTTP doors: apply for a chèque, decide on files, read files, envelopes and the ledger."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from common.core import clock
from common.declare.decision import Refusal
from common.http.bodies import Items, ItemsOf
from common.http.problems import Problem, wrong
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
from vouchers.eligibility.grant import plain
from vouchers.files.model import VoucherFile, answer_of, unknown_envelope, unknown_file
from vouchers.files.table import FILES
from vouchers.ledger.accounts import Balances
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


def shown_file(siren: SirenText, file: VoucherFile, position: int | None = None) -> dict[str, Any]:
    """A file as its company and its instructor read it; `position`: its rank on the waiting list now."""
    shown: dict[str, Any] = msgspec.to_builtins(answer_of(siren, file, position))
    shown["ceiling"] = file.ceiling
    shown["calculation"] = file.calculation or (plain(file.base_cents, file.rate_percent) if file.asked_cents else "")
    shown["submitted_at"] = file.submitted_at
    shown["granted_on"] = file.granted_on
    shown["lines"] = file.lines
    shown["declarations"] = file.declarations
    return shown


def shown_envelope(row: Mapping[str, Any]) -> dict[str, Any]:
    """An envelope to the cent, with the rules in force."""
    names = ("id", "programme", "title", "total_cents", "opens_on", "closes_on", "exhausted", "waiting")
    shown: dict[str, Any] = {name: row[name] for name in names}
    shown["accounts"] = {account: row[f"{account}_cents"] for account in Balances.__struct_fields__}
    shown["ledger"] = {"movements": row["movements"], "last_hash": row["chain"]}
    shown["rules"] = None if row["rules"] is None else msgspec.Raw(row["rules"].encode())
    return shown


def answered(body: object) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(body), media_type="application/json")


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
    async def apply(request: Request, body: ApplicationBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        return await context.run(request, to_application(body))

    @router.post("/vouchers:batch", summary="Déposer jusqu'à 1 000 dossiers")
    async def apply_batch(  # pyright: ignore[reportUnusedFunction]
        request: Request, items: Annotated[Items, Depends(ItemsOf(ApplicationBody, to_application))]
    ) -> Response:
        return await context.run_batch(request, items)

    @router.post("/vouchers/decisions:batch", summary="Décider jusqu'à 1 000 dossiers")
    async def decide_batch(  # pyright: ignore[reportUnusedFunction]
        request: Request, items: Annotated[Items, Depends(ItemsOf(DecisionItem, to_decision))]
    ) -> Response:
        return await context.run_batch(request, items)

    @router.post("/vouchers/{siren}/{voucher_id}:grant", summary="Accorder un dossier déposé")
    async def grant(request: Request, siren: SirenText, voucher_id: UUID, body: GrantBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        return await decision(request, item_of(siren, voucher_id, "grant", body))

    @router.post("/vouchers/{siren}/{voucher_id}:refuse", summary="Refuser un dossier, avec une raison")
    async def refuse(request: Request, siren: SirenText, voucher_id: UUID, body: RefusalBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        return await decision(request, item_of(siren, voucher_id, "refuse", body))

    @router.post("/vouchers/{siren}/{voucher_id}:withdraw", summary="Retirer un dossier ou renoncer au chèque")
    async def withdraw(request: Request, siren: SirenText, voucher_id: UUID, body: DecisionBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        return await decision(request, item_of(siren, voucher_id, "withdraw", body))


def _add_reads(router: APIRouter, context: Context) -> None:
    @router.get("/vouchers/{siren}", summary="Les dossiers d'une entreprise")
    async def files(siren: SirenText) -> Response:  # pyright: ignore[reportUnusedFunction]
        company = company_of(siren)
        state = await context.state(FILES, company)
        if state is None:
            detail = f"Rien n'est connu du SIREN {company}."
            raise Problem(Refusal("unknown", "entreprise_inconnue", "Entreprise inconnue", detail, "siren"))
        waiting = [file.id for file in state.files if file.status == "liste_attente"]
        async with context.reading() as connection:
            positions = await reads.positions_of(connection, waiting)
        shown = [shown_file(company, file, positions.get(file.id)) for file in state.files]
        return answered({"siren": company, "vouchers": shown})

    @router.get("/vouchers/{siren}/{voucher_id}", summary="Un dossier et son histoire")
    async def file(siren: SirenText, voucher_id: UUID) -> Response:  # pyright: ignore[reportUnusedFunction]
        company = company_of(siren)
        state = await context.state(FILES, company)
        for known in () if state is None else state.files:
            if known.id == str(voucher_id):
                async with context.reading() as connection:
                    history = await reads.read_history(connection, known.id)
                    positions = await reads.positions_of(connection, [known.id])
                return answered({**shown_file(company, known, positions.get(known.id)), "history": history})
        raise Problem(unknown_file(company, str(voucher_id)))

    @router.get("/envelopes", summary="Les enveloppes")
    async def envelopes() -> Response:  # pyright: ignore[reportUnusedFunction]
        async with context.reading() as connection:
            rows = await reads.read_envelopes(connection, None, clock.now())
        return answered({"envelopes": [shown_envelope(row) for row in rows]})

    @router.get("/envelopes/{envelope_id}", summary="Une enveloppe, au centime")
    async def envelope(envelope_id: EnvelopeId) -> Response:  # pyright: ignore[reportUnusedFunction]
        async with context.reading() as connection:
            rows = await reads.read_envelopes(connection, envelope_id, clock.now())
        if not rows:
            raise Problem(unknown_envelope(envelope_id))
        return answered(shown_envelope(rows[0]))

    @router.get("/envelopes/{envelope_id}/movements", summary="Le grand livre d'une enveloppe, dans l'ordre")
    async def movements(  # pyright: ignore[reportUnusedFunction]
        envelope_id: EnvelopeId,
        cursor: Annotated[int, Query(ge=0, le=2**53)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        async with context.reading() as connection:
            rows = await reads.read_movements(connection, envelope_id, cursor, limit)
        following = rows[-1]["number"] if len(rows) == limit else None
        return answered({"movements": rows, "next_cursor": following})
