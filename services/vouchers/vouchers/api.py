"""The HTTP doors: apply for a chèque, decide on files, read files, envelopes and the ledger."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool
from stdnum.fr import siren as siren_numbers

from common.core import clock
from common.core.commands import Ask
from common.declare.decision import Refusal
from common.http.bodies import parse_batch
from common.http.problems import Problem, wrong
from common.process.context import Context
from france.siren import is_siren
from vouchers.eligibility.facts import Declarations, Line
from vouchers.eligibility.grant import plain
from vouchers.files.inputs import ApplyForVoucher, GrantVoucher, RefuseVoucher, WithdrawVoucher
from vouchers.files.model import VoucherFile, answer_of, unknown_envelope, unknown_file
from vouchers.files.table import FILES
from vouchers.ledger.accounts import Balances
from vouchers.store import reads

MAX_CENTS = 1_000_000_000
"""Largest amount the doors take, in euro cents: 10 million euros, far above any spend of an SME on a chèque."""


def _siren(value: str) -> str:
    number = value if value.isascii() and value.isdigit() else siren_numbers.compact(value)
    if not is_siren(number):
        raise ValueError("SIREN invalide: neuf chiffres, le dernier est une clé de contrôle")
    return number


def _day(value: object) -> date:
    if isinstance(value, str) and len(value) == len("2026-11-23"):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError("date attendue: AAAA-MM-JJ")


Siren = Annotated[str, Field(max_length=20), AfterValidator(_siren)]
Code = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_./:-]+$")]
Amount = Annotated[int, Field(strict=True, gt=0, le=MAX_CENTS)]
Declared = Annotated[int, Field(strict=True, ge=0, le=MAX_CENTS)]
EnvelopeId = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_./:-]+$")]
Text = Annotated[str, Field(max_length=1000, pattern=r"^[^\x00]*$")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LineBody(_Body):
    """One line of spend, before VAT, in euro cents."""

    category: Code
    supplier_siren: Siren
    amount_cents: Amount
    measure_id: Code
    ordered_on: Annotated[date, BeforeValidator(_day)] | None = None


class DeclarationsBody(_Body):
    """What the legal representative declares on honour; amounts in euro cents."""

    taxes_up_to_date: StrictBool
    social_up_to_date: StrictBool
    no_recovery_order: StrictBool
    de_minimis_declared_cents: Declared
    other_public_aid_cents: Declared = 0


class ApplicationBody(_Body):
    """A complete file."""

    siren: Siren
    envelope_id: Code
    lines: Annotated[list[LineBody], Field(min_length=1, max_length=50)]
    declarations: DeclarationsBody


class ActorBody(_Body):
    """Who decides: the identifier of the instructor or of the company's account, no name."""

    actor: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]


class DecisionBody(ActorBody):
    """A decision that needs no reason."""

    reason: Text = ""


class GrantBody(DecisionBody):
    """A grant; without an amount, all that is reserved and still possible."""

    amount_cents: Amount | None = None


class RefusalBody(ActorBody):
    """A refusal; the reason is a French sentence for the company."""

    reason: Annotated[Text, Field(min_length=1)]


class DecisionItem(GrantBody):
    """One decision of a batch."""

    siren: Siren
    voucher_id: UUID
    action: Literal["grant", "refuse", "withdraw"]


def to_application(body: ApplicationBody) -> Ask:
    """The command of an application."""
    lines = tuple(
        Line(line.category, line.supplier_siren, line.amount_cents, line.measure_id, line.ordered_on)
        for line in body.lines
    )
    said = body.declarations
    declarations = Declarations(
        said.taxes_up_to_date,
        said.social_up_to_date,
        said.no_recovery_order,
        said.de_minimis_declared_cents,
        said.other_public_aid_cents,
    )
    return Ask(ApplyForVoucher(body.envelope_id, lines, declarations), body.siren)


def to_decision(item: DecisionItem) -> Ask | Refusal:
    """The command of a decision, or what is wrong with it."""
    voucher_id = str(item.voucher_id)
    if item.action == "grant":
        return Ask(GrantVoucher(voucher_id, item.actor, item.reason, item.amount_cents), item.siren)
    if item.amount_cents is not None:
        return wrong("un montant ne va qu'avec « grant »", "amount_cents")
    if item.action == "withdraw":
        return Ask(WithdrawVoucher(voucher_id, item.actor, item.reason), item.siren)
    if not item.reason:
        return wrong("un refus est motivé", "reason")
    return Ask(RefuseVoucher(voucher_id, item.actor, item.reason), item.siren)


def company_of(siren: str) -> str:
    """The SIREN of a path, checked.

    Raises:
        Problem: it is not a SIREN.
    """
    try:
        return _siren(siren)
    except ValueError as error:
        raise Problem(wrong(str(error), "siren")) from None


def shown_file(siren: str, file: VoucherFile, position: int | None = None) -> dict[str, Any]:
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
        return await context.run(request, to_application(body), status=201)

    @router.post("/vouchers:batch", summary="Déposer jusqu'à 1 000 dossiers")
    async def apply_batch(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        items = await parse_batch(await request.body(), ApplicationBody, to_application)
        return await context.run_batch(request, items)

    @router.post("/vouchers/decisions:batch", summary="Décider jusqu'à 1 000 dossiers")
    async def decide_batch(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        items = await parse_batch(await request.body(), DecisionItem, to_decision)
        return await context.run_batch(request, items)

    @router.post("/vouchers/{siren}/{voucher_id}:grant", summary="Accorder un dossier déposé")
    async def grant(request: Request, siren: str, voucher_id: UUID, body: GrantBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        return await decision(request, item_of(siren, voucher_id, "grant", body))

    @router.post("/vouchers/{siren}/{voucher_id}:refuse", summary="Refuser un dossier, avec une raison")
    async def refuse(request: Request, siren: str, voucher_id: UUID, body: RefusalBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        return await decision(request, item_of(siren, voucher_id, "refuse", body))

    @router.post("/vouchers/{siren}/{voucher_id}:withdraw", summary="Retirer un dossier ou renoncer au chèque")
    async def withdraw(request: Request, siren: str, voucher_id: UUID, body: DecisionBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        return await decision(request, item_of(siren, voucher_id, "withdraw", body))


def _add_reads(router: APIRouter, context: Context) -> None:
    @router.get("/vouchers/{siren}", summary="Les dossiers d'une entreprise")
    async def files(siren: str) -> Response:  # pyright: ignore[reportUnusedFunction]
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
    async def file(siren: str, voucher_id: UUID) -> Response:  # pyright: ignore[reportUnusedFunction]
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
