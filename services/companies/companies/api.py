"""The HTTP doors: register companies, read them, list them by region and class, check an identifier."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypedDict

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from msgspec.structs import asdict
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from common.core import clock
from common.core.commands import Ask
from common.declare.decision import Moment, Refusal
from common.http.bodies import Items, ItemsOf
from common.http.fields import AnyDay, Instant
from common.http.problems import Problem
from common.http.shapes import shown, told
from common.process.context import Context
from companies import store
from companies.events import Company
from companies.register.facts import Unusable, observation_of
from companies.register.inputs import Accounts, Source
from companies.register.model import CompanyState, Registered
from companies.register.profile import merged, snapshot
from companies.register.sme import sentences
from companies.register.table import REGISTER
from companies.ruleset import SmeCategory
from france.fields import (
    CATEGORY,
    COMMUNE,
    DEPARTEMENT,
    HEADCOUNT,
    LEGAL_FORM,
    NAF,
    NOMENCLATURE,
    POSTAL_CODE,
    SIRET,
    SirenText,
)
from france.geography import REGIONS, region_of
from france.naf import section
from france.siren import check_siren, check_siret, clean, vat_number

_CLASSES: Final = ("micro", "petite", "moyenne", "hors_pme", "inconnu")
_REGIONS: Final = (*REGIONS, "")
_SIREN_DIGITS: Final = 9

Short = Annotated[str, Field(max_length=20)]
Whole = Annotated[int, Field(strict=True)]
Number = Annotated[float, Field(strict=True)]


EXAMPLE: Final[dict[str, Any]] = {
    "siret": "73282932000074",
    "name": "Menuiserie Exemple",
    "naf": "43.32A",
    "legal_form": "5710",
    "headcount_code": "11",
    "commune": "69123",
    "created_on": "2012-04-02",
    "observed_at": "2026-11-23T09:00:00Z",
    "figures": {"headcount": 12.5, "turnover_cents": 145_000_000, "balance_sheet_cents": 60_000_000},
}


class AccountsBody(BaseModel):
    """Chiffres déclarés du dernier exercice clos, groupe compris."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    headcount: Annotated[Number | None, Field(ge=0, le=10_000_000, title="Effectif (unités de travail annuel)")] = None
    turnover_cents: Annotated[Whole | None, Field(ge=0, le=10**15, title="Chiffre d'affaires (centimes)")] = None
    balance_sheet_cents: Annotated[Whole | None, Field(ge=0, le=10**15, title="Total du bilan (centimes)")] = None
    public_share_percent: Annotated[Number | None, Field(ge=0, le=100, title="Part publique (%)")] = None


class CompanyBody(BaseModel):
    """Ce qu'une source dit d'une entreprise."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"examples": [EXAMPLE]})

    siret: Annotated[str, Field(max_length=40, title="SIRET du siège", json_schema_extra=SIRET)]
    siren: Annotated[str, Field(max_length=40, title="SIREN, s'il est donné: celui du SIRET")] = ""
    name: Annotated[str | None, Field(max_length=300, title="Raison sociale ou nom commercial")] = None
    naf: Annotated[Short, Field(title="Activité principale (62.01Z)", json_schema_extra=NAF)] = ""
    naf_nomenclature: Annotated[
        Short, Field(title="NAFRev2 ou NAF2025; sinon, celle du code", json_schema_extra=NOMENCLATURE)
    ] = ""
    legal_form: Annotated[Short, Field(title="Catégorie juridique Insee", json_schema_extra=LEGAL_FORM)] = ""
    headcount_code: Annotated[Short, Field(title="Tranche d'effectif Insee", json_schema_extra=HEADCOUNT)] = ""
    insee_category: Annotated[
        Short, Field(title="Catégorie d'entreprise Insee: PME, ETI, GE", json_schema_extra=CATEGORY)
    ] = ""
    commune: Annotated[Short, Field(title="Commune du siège (code Insee)", json_schema_extra=COMMUNE)] = ""
    postal_code: Annotated[
        Short, Field(title="Code postal, si la commune est inconnue", json_schema_extra=POSTAL_CODE)
    ] = ""
    departement: Annotated[
        Short, Field(title="Département, si la commune est inconnue", json_schema_extra=DEPARTEMENT)
    ] = ""
    created_on: Annotated[AnyDay | None, Field(title="Date de création")] = None
    active: Annotated[StrictBool, Field(title="En activité")] = True
    diffusible: Annotated[StrictBool, Field(title="Diffusion autorisée")] = True
    source: Annotated[Source, Field(title="Origine de l'information")] = "declaratif"
    observed_at: Annotated[Instant | None, Field(title="Date de l'observation; maintenant si absente")] = None
    figures: Annotated[AccountsBody | None, Field(title="Chiffres déclarés")] = None


class IdentifierBody(BaseModel):
    """Un SIREN ou un SIRET à vérifier."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"identifier": "732 829 320 00074"}]}
    )

    identifier: Annotated[str, Field(max_length=40, title="SIREN ou SIRET, blancs et ponctuation admis")]


def to_ask(body: CompanyBody, now: datetime) -> Ask | Refusal:
    """What a body asks for, or the refusal that names the field."""
    accounts = body.figures
    try:
        command = observation_of(
            siren=body.siren or None,
            siret=body.siret,
            name=body.name or "",
            naf=body.naf,
            nomenclature=body.naf_nomenclature,
            legal_form=body.legal_form,
            headcount_code=body.headcount_code,
            insee_category=body.insee_category,
            commune=body.commune,
            postal_code=body.postal_code,
            departement=body.departement,
            created_on=body.created_on,
            active=body.active,
            diffusible=body.diffusible,
            source=body.source,
            observed_at=body.observed_at or now,
            now=now,
            accounts=None
            if accounts is None
            else Accounts(
                accounts.headcount, accounts.turnover_cents, accounts.balance_sheet_cents, accounts.public_share_percent
            ),
        )
    except Unusable as fault:
        return Refusal(
            "invalid", "entreprise_refusee", "Entreprise refusée", f"{fault.field}: {fault.reason}", fault.field
        )
    return Ask(command, command.siren, region_of(command.departement))


class SourceView(TypedDict):
    """Where what is known comes from."""

    source: Source
    observed_at: Moment


class CompanyView(Company, frozen=True, kw_only=True):
    """A registered company as the reading doors show it: the published profile, and what it is drawn from."""

    siren: str
    naf_section: str
    vat_number: str
    sme_reasons: tuple[str, ...]
    sme_ruleset: str
    diffusible: bool
    version: int
    sources: list[SourceView]


class CompanyPage(TypedDict):
    """A page of the register; `next_cursor` continues."""

    items: list[CompanyView]
    next_cursor: str | None


class ValidIdentifier(TypedDict):
    """A SIREN or SIRET that is valid, in its normal form."""

    valid: Literal[True]
    kind: Literal["siren", "siret"]
    value: str
    siren: str
    vat_number: str


class WrongIdentifier(TypedDict):
    """Why a number is no SIREN and no SIRET."""

    valid: Literal[False]
    kind: Literal["siren", "siret"]
    reason: str


def company_view(state: CompanyState) -> CompanyView:
    """A registered company as the reading doors show it."""
    facts = merged(state.register, state.declared)
    company = snapshot(state)
    return CompanyView(
        **asdict(company),
        siren=state.siren,
        naf_section=section(company.naf_nomenclature, company.naf),
        vat_number=vat_number(state.siren),
        sme_reasons=sentences(state.sme_codes),
        sme_ruleset=state.ruleset_version,
        diffusible=facts.diffusible,
        version=state.version,
        sources=[
            {"source": known.source, "observed_at": known.observed_at}
            for known in (state.register, state.declared)
            if known is not None
        ],
    )


def check_identifier(raw: str) -> ValidIdentifier | WrongIdentifier:
    """Whether a SIREN or SIRET is valid, with its normal form, or the reason why not."""
    digits = clean(raw)
    kind: Literal["siren", "siret"] = "siren" if len(digits) <= _SIREN_DIGITS else "siret"
    value, reason = check_siren(digits) if kind == "siren" else check_siret(digits)
    if reason:
        return {"valid": False, "kind": kind, "reason": reason}
    siren = value[:_SIREN_DIGITS]
    return {"valid": True, "kind": kind, "value": value, "siren": siren, "vat_number": vat_number(siren)}


def routes(context: Context) -> APIRouter:
    """The doors of the service."""
    companies_of = ItemsOf(CompanyBody, lambda body: to_ask(body, clock.now()))
    decode = context.codec.decode_state[REGISTER.kind]
    router = APIRouter(tags=["entreprises"])

    @router.post("/v1/companies", summary="Inscrire une entreprise, ou dire ce qui a changé")
    @told(Registered)
    async def register(request: Request, body: CompanyBody) -> Response:
        ask = to_ask(body, clock.now())
        if isinstance(ask, Refusal):
            raise Problem(ask)
        return await context.run(request, ask)

    @router.post("/v1/companies:batch", summary="Inscrire jusqu'à 1 000 entreprises")
    @told(Registered)
    async def register_batch(request: Request, items: Annotated[Items, Depends(companies_of)]) -> Response:
        return await context.run_batch(request, items)

    @router.post("/v1/companies:check", summary="Vérifier un SIREN ou un SIRET")
    @shown
    async def check(body: IdentifierBody) -> ValidIdentifier | WrongIdentifier:
        return check_identifier(body.identifier)

    @router.get("/v1/companies", summary="Lister le registre, par région et par classe")
    @shown
    async def companies(
        region: Annotated[str | None, Query(description="code Insee de la région")] = None,
        sme_category: Annotated[SmeCategory | None, Query(description="classe")] = None,
        cursor: Annotated[str, Query(pattern=r"^([0-9]{9})?$", description="`next_cursor` de la page précédente")] = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> CompanyPage:
        if region is not None and region not in _REGIONS:
            raise Problem(
                Refusal(
                    "invalid", "region_inconnue", "Région inconnue", "code Insee de région attendu", "region", REGIONS
                )
            )
        regions = _REGIONS if region is None else (region,)
        classes = _CLASSES if sme_category is None else (sme_category,)
        async with context.reading() as connection:
            found = await store.page(connection, regions, classes, cursor, limit)
        items = [company_view(decode(doc)) for _, doc in found]
        return {"items": items, "next_cursor": found[-1][0] if len(found) == limit else None}

    @router.get("/v1/companies/{siren}", summary="Lire une entreprise")
    @shown
    async def company(siren: SirenText) -> CompanyView:
        value, reason = check_siren(siren)
        if reason:
            raise Problem(Refusal("invalid", "siren_invalide", "SIREN invalide", reason, "siren"))
        state = await context.state(REGISTER, value)
        if state is None or (state.register is None and state.declared is None):
            raise Problem(
                Refusal(
                    "unknown",
                    "entreprise_inconnue",
                    "Entreprise inconnue",
                    f"aucune entreprise {value} au registre",
                    "siren",
                )
            )
        return company_view(state)

    _ = (register, register_batch, check, companies, company)
    return router
