"""What anybody may read: the charter, the register, one label."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Response

from common.core import clock
from common.declare.decision import Refusal
from common.http.problems import Problem
from common.process.context import Context
from france.days import last_day
from france.fields import SirenText
from labels.api.identifiers import checked_siren
from labels.applications.answers import verification_path
from labels.ruleset import CHARTERS, ruleset_at
from labels.store import reads

LABELS_PER_PAGE: Final = 200
_NAF: Final = r"^[0-9]{2}(\.[0-9]{1,2}[A-Z]?)?$"


def public_fields(row: reads.PublicLabel, public_url: str, now: datetime) -> dict[str, Any]:
    """A row of the register as anybody may see it; a label past its term shows as expired at once."""
    return {
        **row._asdict(),
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


def _json(body: object) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json")


def add_doors(router: APIRouter, context: Context) -> None:
    """The charter, the register, one label."""
    public_url = context.settings.public_url

    @router.get("/charter", summary="La charte en vigueur, ou d’une version", responses={404: {}})
    async def charter(version: str | None = None) -> Response:  # pyright: ignore[reportUnusedFunction]
        found = CHARTERS.get(version or ruleset_at(clock.now()).charter.version)
        if found is None:
            detail, allowed = f"La version {version} de la charte n'existe pas.", tuple(sorted(CHARTERS))
            raise Problem(Refusal("unknown", "charte_inconnue", "Charte inconnue", detail, "version", allowed))
        return _json(found)

    @router.get("/labels", summary="Le registre public, les plus récents d’abord ; `next` continue")
    async def register(  # pyright: ignore[reportUnusedFunction]
        region: Annotated[str | None, Query(pattern=r"^[0-9]{2}$")] = None,
        naf: Annotated[str | None, Query(pattern=_NAF)] = None,
        siren: SirenText | None = None,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=LABELS_PER_PAGE)] = 50,
    ) -> Response:
        filters = reads.Filters(region, naf, None if siren is None else checked_siren(siren))
        after = None if cursor is None else from_cursor(cursor)
        async with context.reading() as connection:
            rows = await reads.read_register(connection, filters, after, limit + 1)
        now = clock.now()
        more = to_cursor(rows[limit - 1]) if len(rows) > limit else None
        return _json({"items": [public_fields(row, public_url, now) for row in rows[:limit]], "next": more})

    @router.get("/labels/{label_id}", summary="Vérifier un label : ce qu’il a de public, s’il est valable")
    async def verify(label_id: UUID) -> Response:  # pyright: ignore[reportUnusedFunction]
        async with context.reading() as connection:
            row = await reads.read_label(connection, label_id)
        if row is None:
            detail = "Ce label n'a jamais été attribué : vérifiez l'adresse affichée par l'entreprise."
            raise Problem(Refusal("unknown", "label_inconnu", "Label inconnu", detail, "label_id"))
        fields = public_fields(row, public_url, clock.now())
        return _json({**fields, "valid": fields["status"] == "actif"})
