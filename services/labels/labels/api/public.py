"""What anybody may read: the charter, the register, one label."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, date, datetime
from typing import Annotated, Final, TypedDict
from uuid import UUID

from fastapi import APIRouter, Query

from common.core import clock
from common.declare.decision import Moment, Refusal
from common.http.problems import Problem
from common.http.shapes import shown
from common.process.context import Context
from france.days import last_day
from france.fields import SirenText
from labels.api.identifiers import checked_siren
from labels.applications.answers import verification_path
from labels.applications.model import LabelStatus
from labels.ruleset import CHARTERS, Charter, ruleset_at
from labels.store import reads

LABELS_PER_PAGE: Final = 200
_NAF: Final = r"^[0-9]{2}(\.[0-9]{1,2}[A-Z]?)?$"


class LabelView(TypedDict):
    """A label as anybody may see it."""

    label_id: UUID
    siren: str
    name: str | None
    region: str
    naf: str
    granted_at: Moment
    expires_at: Moment
    status: LabelStatus
    valid_until: date
    verification_url: str


class CheckedLabel(LabelView):
    """A label that somebody verifies."""

    valid: bool


class LabelPage(TypedDict):
    """A page of the register; `next` continues."""

    items: list[LabelView]
    next: str | None


def public_fields(row: reads.PublicLabel, public_url: str, now: datetime) -> LabelView:
    """A row of the register as anybody may see it; a label past its term shows as expired at once."""
    return {
        "label_id": row.label_id,
        "siren": row.siren,
        "name": row.name,
        "region": row.region,
        "naf": row.naf,
        "granted_at": row.granted_at,
        "expires_at": row.expires_at,
        "status": "expire" if row.status == "actif" and row.expires_at <= now else row.status,
        "valid_until": last_day(row.expires_at),
        "verification_url": public_url.rstrip("/") + verification_path(str(row.label_id)),
    }


def to_cursor(row: reads.PublicLabel) -> str:
    """The cursor that continues after a row."""
    return urlsafe_b64encode(f"{row.granted_at.isoformat()}/{row.label_id}".encode()).decode().rstrip("=")


def from_cursor(cursor: str) -> tuple[datetime, UUID]:
    """The row that a cursor names.

    Raises:
        Problem: it is not one of ours.
    """
    try:
        instant, _, label_id = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition("/")
        return datetime.fromisoformat(instant).astimezone(UTC), UUID(label_id)
    except (ValueError, OverflowError):
        detail = "Reprenez la valeur `next` de la page précédente, sans la changer."
        raise Problem(Refusal("invalid", "curseur_invalide", "Curseur invalide", detail, "cursor")) from None


def add_doors(router: APIRouter, context: Context) -> None:
    """The charter, the register, one label."""
    public_url = context.settings.public_url

    @router.get("/charter", summary="La charte en vigueur, ou d’une version", responses={404: {}})
    @shown
    async def charter(version: str | None = None) -> Charter:  # pyright: ignore[reportUnusedFunction]
        found = CHARTERS.get(version or ruleset_at(clock.now()).charter.version)
        if found is None:
            detail, allowed = f"La version {version} de la charte n'existe pas.", tuple(sorted(CHARTERS))
            raise Problem(Refusal("unknown", "charte_inconnue", "Charte inconnue", detail, "version", allowed))
        return found

    @router.get("/labels", summary="Le registre public, les plus récents d’abord ; `next` continue")
    @shown
    async def register(  # pyright: ignore[reportUnusedFunction]
        region: Annotated[str | None, Query(pattern=r"^[0-9]{2}$")] = None,
        naf: Annotated[str | None, Query(pattern=_NAF)] = None,
        siren: SirenText | None = None,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=LABELS_PER_PAGE)] = 50,
    ) -> LabelPage:
        filters = reads.Filters(region, naf, None if siren is None else checked_siren(siren))
        after = None if cursor is None else from_cursor(cursor)
        async with context.reading() as connection:
            rows = await reads.read_register(connection, filters, after, limit + 1)
        now = clock.now()
        more = to_cursor(rows[limit - 1]) if len(rows) > limit else None
        return {"items": [public_fields(row, public_url, now) for row in rows[:limit]], "next": more}

    @router.get("/labels/{label_id}", summary="Vérifier un label : ce qu’il a de public, s’il est valable")
    @shown
    async def verify(label_id: UUID) -> CheckedLabel:  # pyright: ignore[reportUnusedFunction]
        async with context.reading() as connection:
            row = await reads.read_label(connection, label_id)
        if row is None:
            detail = "Ce label n'a jamais été attribué : vérifiez l'adresse affichée par l'entreprise."
            raise Problem(Refusal("unknown", "label_inconnu", "Label inconnu", detail, "label_id"))
        fields = public_fields(row, public_url, clock.now())
        return {**fields, "valid": fields["status"] == "actif"}
