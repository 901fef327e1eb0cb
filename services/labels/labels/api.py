"""The HTTP doors: applications (one or many), the charter, the cohorts, the public register."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, model_validator

from common import clock
from common.commands import Command
from common.decision import Rejection
from common.http import Problem, parse_batch
from common.runtime import Context
from labels import store
from labels.inputs import ApplyForLabel, Engagement, OfferPlace, SetCohortCap
from labels.model import CohortAnswer, LabelFile, Programme
from labels.rules.answers import answer_of, verification_path
from labels.rules.calendar import programme_year
from labels.rules.identifiers import valid_proof, valid_siren
from labels.rules.rejections import unknown_application, unknown_year
from labels.settings import charters, rulesets

LABELS_PER_PAGE: Final = 200
RELEASED_AT_ONCE: Final = 1000
_NAF: Final = r"^\d{2}(\.\d{1,2}[A-Z]?)?$"


Siren = Annotated[StrictStr, AfterValidator(valid_siren)]
Proof = Annotated[StrictStr, Field(min_length=1, max_length=500), AfterValidator(valid_proof)]


Year = Annotated[int, Path(ge=2000, le=2999)]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EngagementBody(_Body):
    """One commitment of the charter."""

    number: Annotated[StrictInt, Field(ge=1)]
    engaged: StrictBool
    proofs: Annotated[tuple[Proof, ...], Field(max_length=10)] = ()


class SignatureBody(_Body):
    """Signature by the legal representative: that it took place and when, no name."""

    signed: StrictBool
    signed_on: date | None = None

    @model_validator(mode="after")
    def _dated(self) -> "SignatureBody":
        if self.signed and self.signed_on is None:
            raise ValueError("signed_on : indiquez le jour de la signature")
        return self


class DeclarationsBody(_Body):
    """What the company declares on its honour."""

    no_insolvency: StrictBool
    no_clawback_debt: StrictBool


class ApplicationBody(_Body):
    """An application; a commitment that is left out counts as not taken."""

    siren: Siren
    charter_version: Annotated[StrictStr, Field(min_length=1, max_length=20)]
    signature: SignatureBody
    commitments: Annotated[tuple[EngagementBody, ...], Field(max_length=100)]
    declarations: DeclarationsBody


class CapBody(_Body):
    """The new cap of a cohort."""

    cap: Annotated[StrictInt, Field(ge=0, le=10_000_000)]


def to_command(body: ApplicationBody) -> Command | Rejection:
    """The command of an application, or why its content fits no charter."""
    charter = charters().get(body.charter_version)
    if charter is None:
        detail = f"La version {body.charter_version} de la charte n'existe pas."
        return Rejection(422, "Charte inconnue", detail, "charter_version", tuple(sorted(charters())))
    given = {item.number: item for item in body.commitments}
    numbers = range(1, len(charter.commitments) + 1)
    for index, item in enumerate(body.commitments):
        if item.number not in numbers:
            detail = f"La charte {charter.version} n'a pas d'engagement n° {item.number}."
            allowed = tuple(str(number) for number in numbers)
            return Rejection(422, "Engagement inconnu", detail, f"commitments[{index}].number", allowed)
        if given[item.number] is not item:
            detail = f"L'engagement n° {item.number} est donné plusieurs fois."
            return Rejection(422, "Engagement en double", detail, f"commitments[{index}].number")
    engagements = tuple(
        [
            Engagement(number, engaged=False, proofs=())
            if (item := given.get(number)) is None
            else Engagement(number, item.engaged, item.proofs)
            for number in numbers
        ]
    )
    content = ApplyForLabel(
        charter_version=body.charter_version,
        engagements=engagements,
        signed=body.signature.signed,
        signed_on=body.signature.signed_on,
        no_insolvency=body.declarations.no_insolvency,
        no_clawback_debt=body.declarations.no_clawback_debt,
    )
    return Command(content, body.siren)


# --- the register as JSON --------------------------------------------------------------------------------------------


def public_fields(row: store.PublicLabel, public_url: str, now: datetime) -> dict[str, Any]:
    """A row of the register as anybody may see it; a label past its term shows as expired at once."""
    return {
        **row._asdict(),
        "status": "expire" if row.status == "actif" and row.expires_at <= now else row.status,
        "verification_url": public_url.rstrip("/") + verification_path(str(row.label_id)),
    }


def to_cursor(row: store.PublicLabel) -> str:
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
        raise Problem(Rejection(422, "Curseur invalide", detail, "cursor")) from None


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def _checked_siren(text: str) -> str:
    try:
        return valid_siren(text)
    except ValueError as error:
        raise Problem(Rejection(422, "Contenu invalide", str(error), "siren")) from None


# --- the doors -------------------------------------------------------------------------------------------------------


def routes(context: Context[LabelFile, Programme]) -> APIRouter:
    """The API of the service."""
    router = APIRouter(prefix="/v1")
    _application_doors(router, context)
    _cohort_doors(router, context)
    _public_doors(router, context)
    return router


def _application_doors(router: APIRouter, context: Context[LabelFile, Programme]) -> None:
    @router.post("/applications", status_code=201)
    async def apply(request: Request, body: ApplicationBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        """File an application: granted, put on the waiting list, or refused with every reason."""
        command = to_command(body)
        if isinstance(command, Rejection):
            raise Problem(command)
        return await context.run(request, command, status=201)

    @router.post("/applications:batch")
    async def apply_many(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """File up to 1,000 applications; each is decided by itself, in the order given."""
        items = parse_batch(await request.body(), ApplicationBody, to_command)
        return await context.run_batch(request, items)

    @router.get("/applications/{siren}")
    async def application(siren: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Where the application of a company stands."""
        number = _checked_siren(siren)
        file = await context.state(number)
        if file is None or file.application is None:
            raise Problem(unknown_application(number))
        position: int | None = None
        if file.application.status == "liste_attente":
            async with context.reading() as connection:
                position = await store.position_of(connection, file.application.ticket)
        return _json(answer_of(file, file.application, position))


def _cohort_doors(router: APIRouter, context: Context[LabelFile, Programme]) -> None:
    async def found(year: int) -> CohortAnswer:
        async with context.reading() as connection:
            cohort = await store.read_cohort(connection, year)
            waiting = await store.count_waiting(connection)
        if cohort is None:
            raise Problem(unknown_year(Programme(rulesets()), year))
        return CohortAnswer(cohort.year, cohort.cap, cohort.granted, cohort.free, waiting)

    @router.get("/cohorts/{year:int}")
    async def cohort(year: Year) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Places of a programme year, and files that wait."""
        return _json(await found(year))

    @router.put("/cohorts/{year:int}")
    async def set_cap(request: Request, year: Year, body: CapBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Change the cap of a programme year; then `:release` serves the waiting list."""
        return await context.run(request, Command(SetCohortCap(year, body.cap), f"cohorte-{year}"))

    @router.post("/cohorts/{year:int}:release")
    async def release(request: Request, year: Year) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Give the free places of the current year to the first of the waiting list, up to 1,000 at once."""
        now = clock.now()
        if year != programme_year(now):
            detail = f"Les places libres s'attribuent dans la cohorte de l'année en cours, {programme_year(now)}."
            raise Problem(Rejection(409, "Cohorte fermée", detail, "year", (str(programme_year(now)),)))
        turn: Sequence[str] = ()
        async with context.reading() as connection:
            current = await store.read_cohort(connection, year)
            if current is not None:
                turn = await store.whose_turn(connection, Programme(rulesets()), current, now)
        return await context.run_batch(request, [Command(OfferPlace(), siren) for siren in turn[:RELEASED_AT_ONCE]])


def _public_doors(router: APIRouter, context: Context[LabelFile, Programme]) -> None:
    public_url = context.settings.public_url
    programme = Programme(rulesets())  # read where the doors are built: a wrong ruleset stops the start

    @router.get("/charter")
    async def charter(version: str | None = None) -> Response:  # pyright: ignore[reportUnusedFunction]
        """The charter in force, or the one of a version."""
        found = charters().get(version or programme.ruleset_at(clock.now()).charter.version)
        if found is None:
            detail = f"La version {version} de la charte n'existe pas."
            raise Problem(Rejection(404, "Charte inconnue", detail, "version", tuple(sorted(charters()))))
        return _json(found)

    @router.get("/labels")
    async def register(  # pyright: ignore[reportUnusedFunction]
        region: Annotated[str | None, Query(pattern=r"^\d{2}$")] = None,
        naf: Annotated[str | None, Query(pattern=_NAF)] = None,
        siren: str | None = None,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        limit: Annotated[int, Query(ge=1, le=LABELS_PER_PAGE)] = 50,
    ) -> Response:
        """The public register, the newest labels first; `next` continues."""
        filters = store.Filters(region, naf, None if siren is None else _checked_siren(siren))
        after = None if cursor is None else from_cursor(cursor)
        async with context.reading() as connection:
            rows = await store.read_register(connection, filters, after, limit + 1)
        now = clock.now()
        more = to_cursor(rows[limit - 1]) if len(rows) > limit else None
        return _json({"items": [public_fields(row, public_url, now) for row in rows[:limit]], "next": more})

    @router.get("/labels/{label_id}")
    async def verify(label_id: UUID) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Check a label: its public fields, and whether it is valid now."""
        async with context.reading() as connection:
            row = await store.read_label(connection, label_id)
        if row is None:
            detail = "Ce label n'a jamais été attribué : vérifiez l'adresse affichée par l'entreprise."
            raise Problem(Rejection(404, "Label inconnu", detail, "label_id"))
        fields = public_fields(row, public_url, clock.now())
        return _json({**fields, "valid": fields["status"] == "actif"})
