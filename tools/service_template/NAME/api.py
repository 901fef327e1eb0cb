"""The HTTP doors: each validates, then hands a command to the unit of work, or reads."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from common.core.commands import Ask
from common.http.problems import Problem, wrong
from common.http.shapes import shown, told
from common.process.context import Context
from france.siren import is_siren
from NAME import store
from NAME.AGGREGATE.inputs import Note
from NAME.AGGREGATE.model import NoteAnswer


class NoteBody(BaseModel):
    """Ce qu'une entreprise souhaite."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    siren: Annotated[str, Field(max_length=20, title="SIREN de l'entreprise")]
    wish: Annotated[str, Field(min_length=1, max_length=200, title="Souhait")]


def routes(context: Context) -> APIRouter:
    """The doors of the service."""
    router = APIRouter(prefix="/v1")

    @router.post("/NAME", status_code=201, summary="Noter un souhait")
    @told(NoteAnswer)
    async def note(request: Request, body: NoteBody) -> Response:
        if not is_siren(body.siren):
            raise Problem(wrong("un SIREN valide de neuf chiffres est attendu", "siren"))
        return await context.run(request, Ask(Note(body.wish), body.siren))

    @router.get("/NAME", summary="Compter les souhaits")
    @shown
    async def count() -> dict[str, int]:
        async with context.reading() as connection:
            return {"wishes": await store.count(connection)}

    _ = (note, count)
    return router
