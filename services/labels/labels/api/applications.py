"""The doors of an application."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from common.declare.decision import Refusal
from common.http.bodies import Items, ItemsOf
from common.http.problems import Problem
from common.http.shapes import shown, told
from common.process.context import Context
from france.fields import SirenText
from labels.api.bodies import ApplicationBody, to_ask
from labels.api.identifiers import checked_siren
from labels.applications.answers import answer_of
from labels.applications.model import ApplicationAnswer
from labels.applications.refusals import unknown_application
from labels.applications.table import APPLICATIONS
from labels.store import reads


def add_doors(router: APIRouter, context: Context) -> None:
    """File applications, see where they stand."""

    @router.post(
        "/applications", status_code=201, summary="Déposer une candidature : label, liste d’attente, ou refus motivé"
    )
    @told(ApplicationAnswer)
    async def apply(request: Request, body: ApplicationBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        ask = to_ask(body)
        if isinstance(ask, Refusal):
            raise Problem(ask)
        return await context.run(request, ask)

    @router.post("/applications:batch", summary="Déposer jusqu’à 1 000 candidatures, décidées dans l’ordre donné")
    @told(ApplicationAnswer)
    async def apply_many(  # pyright: ignore[reportUnusedFunction]
        request: Request, items: Annotated[Items, Depends(ItemsOf(ApplicationBody, to_ask))]
    ) -> Response:
        return await context.run_batch(request, items)

    @router.get("/applications/{siren}", summary="Où en est la candidature d’une entreprise")
    @shown
    async def application(siren: SirenText) -> ApplicationAnswer:  # pyright: ignore[reportUnusedFunction]
        number = checked_siren(siren)
        file = await context.state(APPLICATIONS, number)
        if file is None or file.application is None:
            raise Problem(unknown_application(number))
        position: int | None = None
        if file.application.status == "liste_attente":
            async with context.reading() as connection:
                position = await reads.position_of(connection, file.application.ticket)
        return answer_of(file, file.application, position)
