"""The HTTP doors: contacts, unsubscription, history."""

from collections.abc import Mapping
from datetime import date
from html import escape
from typing import Annotated, Any, Final, Literal, TypedDict
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StrictBool

from common.core.commands import Ask
from common.declare.decision import Moment, Refusal
from common.http.application import ONE_CLICK
from common.http.bodies import Items, ItemsOf
from common.http.problems import Problem
from common.http.shapes import shown, told
from common.process.context import Context
from france.fields import Siren, SirenText, bare
from notifications import store
from notifications.contacts.inputs import EraseContact, SaveContact, Unsubscribe
from notifications.contacts.model import ContactAnswer
from notifications.mail.unsubscribe import PATH, UnsubscribeLinks
from notifications.messages.model import notification_id
from notifications.messages.notices import Category
from notifications.messages.table import BY_TEMPLATE

# --- what may come in ------------------------------------------------------------------------------------------------

_EMAIL_FAULTS: Final[Mapping[str, str]] = {
    "must have an @-sign": "il manque l’arobase (@)",
    "must be something before the @": "il manque le nom avant l’arobase",
    "must be something after the @": "il manque le domaine après l’arobase",
    "too long": "elle est trop longue",
    "special-use or reserved": "ce domaine est réservé et ne reçoit pas de courriel",
    "not valid. It should have a period": "le domaine doit contenir un point",
    "should have a period": "le domaine doit contenir un point",
    "two periods": "deux points se suivent",
    "start with a period": "une partie commence par un point",
    "end with a period": "une partie finit par un point",
    "Internationalized characters before the @-sign": "les lettres accentuées ne sont pas admises avant l’arobase",
    "contains invalid characters": "elle contient un caractère non admis",
}


def _checked_email(value: str) -> str:
    """The normalised address, its domain in ASCII as mail servers want it; no look-up is made."""
    try:
        valid = validate_email(value, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        text = str(error)
        fault = next(
            (french for english, french in _EMAIL_FAULTS.items() if english in text), "sa forme est incorrecte"
        )
        raise ValueError(f"adresse électronique non valide : {fault}") from None
    return valid.ascii_email or valid.normalized


def _checked_name(value: str) -> str:
    if not value.isprintable():
        raise ValueError("caractères de contrôle non admis")
    return value


EXAMPLE: Final[dict[str, JsonValue]] = {
    "email": "direction@menuiserie-exemple.fr",
    "name": "Direction",
    "muted": ["aides"],
}


class ContactBody(BaseModel):
    """Par qui une entreprise est jointe, et ce qu’elle veut recevoir."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, json_schema_extra={"examples": [EXAMPLE]})

    email: Annotated[str, Field(max_length=254), AfterValidator(_checked_email)]
    name: Annotated[str, Field(max_length=100), AfterValidator(_checked_name)] = ""
    language: Literal["fr"] = "fr"
    channels: Annotated[tuple[Literal["email"], ...], Field(max_length=1)] = ("email",)
    muted: Annotated[tuple[Category, ...], Field(max_length=5)] = ()
    subscribed: StrictBool | None = None

    def ask(self, siren: str) -> Ask:
        """What this body asks for."""
        muted = tuple(sorted(set(self.muted)))
        save = SaveContact(self.email, self.name, self.language, self.channels, muted, self.subscribed)
        return Ask(save, siren)


class ContactItem(ContactBody):
    """Un contact d’un lot."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**EXAMPLE, "siren": "732829320"}]})

    siren: Siren


def _valid_siren(value: str) -> str:
    try:
        return bare(value)
    except ValueError:
        detail = "un SIREN a 9 chiffres, le dernier est une clé de contrôle"
        raise Problem(Refusal("invalid", "siren_invalide", "SIREN invalide", detail, "siren")) from None


# --- what is read ----------------------------------------------------------------------------------------------------


class ContactView(TypedDict):
    """The contact of a company."""

    siren: str
    email: str
    name: str
    language: Literal["fr"]
    channels: list[Literal["email"]]
    muted: list[Category]
    unsubscribed_at: Moment | None
    created_at: Moment
    updated_at: Moment


class MessageView(TypedDict):
    """A message to a company, and what became of it."""

    notification_id: str
    template: str
    title: str
    status: Literal["pending", "sent", "failed", "no_contact", "dropped"]
    legal: bool
    deadline: date | None
    recorded_at: Moment
    settled_at: Moment | None
    reason: str
    cause: str


class HistoryView(TypedDict):
    """The messages of a company, the latest first."""

    siren: str
    notifications: list[MessageView]


# --- the doors -------------------------------------------------------------------------------------------------------


def routes(context: Context) -> APIRouter:
    """The HTTP API of the service."""
    router = APIRouter(prefix="/v1")
    _contact_doors(router, context)
    _history_door(router, context)
    _unsubscribe_doors(router, context)
    return router


def _contact_doors(router: APIRouter, context: Context) -> None:
    contacts = ItemsOf(ContactItem, lambda item: item.ask(item.siren))

    @router.put("/contacts/{siren}", summary="Enregistrer ou remplacer le contact d’une entreprise")
    @told(ContactAnswer)
    async def save_contact(siren: SirenText, body: ContactBody, request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        return await context.run(request, body.ask(_valid_siren(siren)))

    @router.post("/contacts:batch", summary="Enregistrer jusqu’à 1 000 contacts")
    @told(ContactAnswer)
    async def save_contacts(request: Request, items: Annotated[Items, Depends(contacts)]) -> Response:  # pyright: ignore[reportUnusedFunction]
        return await context.run_batch(request, items)

    @router.get("/contacts/{siren}", summary="Lire le contact d’une entreprise")
    @shown
    async def read_contact(siren: SirenText) -> ContactView:  # pyright: ignore[reportUnusedFunction]
        number = _valid_siren(siren)
        async with context.reading() as connection:
            row = await connection.fetchrow(store.CONTACT, number)
        if row is None:
            detail = "aucun contact n’est enregistré pour cette entreprise"
            raise Problem(Refusal("unknown", "contact_inconnu", "Contact inconnu", detail, "siren"))
        found: Any = {"siren": number, **dict(row)}
        return found

    @router.delete("/contacts/{siren}", summary="Effacer le contact d’une entreprise")
    @told(ContactAnswer)
    async def erase_contact(siren: SirenText, request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        return await context.run(request, Ask(EraseContact(), _valid_siren(siren)))


def _history_door(router: APIRouter, context: Context) -> None:
    @router.get("/notifications/{siren}", summary="Les messages d’une entreprise, du plus récent au plus ancien")
    @shown
    async def read_history(  # pyright: ignore[reportUnusedFunction]
        siren: SirenText, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> HistoryView:
        number = _valid_siren(siren)
        async with context.reading() as connection:
            rows = await connection.fetch(store.HISTORY, number, limit)
        return {"siren": number, "notifications": [_entry(dict(row)) for row in rows]}


def _entry(row: Mapping[str, Any]) -> MessageView:
    cause: UUID = row["cause"]
    template: str = row["template"]
    known = BY_TEMPLATE.get(template)
    return {
        "notification_id": str(notification_id(cause)),
        "template": template,
        "title": template if known is None else known[1].title,
        "status": row["status"],
        "legal": row["legal"],
        "deadline": row["deadline"],
        "recorded_at": row["recorded_at"],
        "settled_at": row["settled_at"],
        "reason": row["reason"],
        "cause": str(cause),
    }


def _unsubscribe_doors(router: APIRouter, context: Context) -> None:
    async def named(token: str) -> tuple[UUID, str | None]:
        async with context.reading() as connection:
            links = UnsubscribeLinks(await store.signing_keys(connection), "")
            ref = links.read(token)
            if ref is None:
                detail = "le lien est incomplet ou modifié : reprenez-le tel qu’il est dans le courriel"
                raise Problem(
                    Refusal(
                        "unreadable",
                        "lien_de_desabonnement_invalide",
                        "Lien de désabonnement invalide",
                        detail,
                        "token",
                    )
                )
            return ref, await store.siren_of(connection, ref)

    path = PATH.removeprefix("/v1")

    @router.get(path, summary="Page de désabonnement", response_class=HTMLResponse)
    async def ask(token: Annotated[str, Query(max_length=300)]) -> HTMLResponse:  # pyright: ignore[reportUnusedFunction]
        await named(token)
        return _page("Ne plus recevoir nos messages d’information", _FORM.format(action=f"?token={escape(token)}"))

    @router.post(path, summary="Désabonner en un clic (RFC 8058)", response_class=HTMLResponse, openapi_extra=ONE_CLICK)
    async def unsubscribe(token: Annotated[str, Query(max_length=300)]) -> HTMLResponse:  # pyright: ignore[reportUnusedFunction]
        ref, siren = await named(token)
        if siren is not None:
            await context.execute_all([Ask(Unsubscribe(str(ref)), siren)])
        return _page("C’est fait", _DONE)


_FORM: Final = """<p>Vous ne recevrez plus nos messages d’information (résultats, connecteurs, aides).
Les accusés de réception et les décisions vous parviendront toujours.</p>
<form method="post" action="{action}"><button type="submit">Confirmer</button></form>"""
_DONE: Final = """<p>Vous ne recevrez plus nos messages d’information. Les accusés de réception et les décisions vous
parviendront toujours.</p>"""


def _page(title: str, body: str) -> HTMLResponse:
    content = (
        f'<!DOCTYPE html>\n<html lang="fr"><head><meta charset="utf-8"><title>{title} – Croissance connectée</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"></head>\n'
        f"<body><main><h1>{title}</h1>\n{body}\n</main></body></html>\n"
    )
    headers = {"Content-Security-Policy": "default-src 'none'; form-action 'self'", "Referrer-Policy": "same-origin"}
    return HTMLResponse(content, headers=headers)
