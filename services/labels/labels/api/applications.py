"""The doors of an application."""

import msgspec
from fastapi import APIRouter, Request, Response

from common.declare.decision import Refusal
from common.http.bodies import parse_batch
from common.http.problems import Problem
from common.process.context import Context
from labels.api.bodies import ApplicationBody, to_ask
from labels.api.identifiers import checked_siren
from labels.applications.answers import answer_of
from labels.applications.refusals import unknown_application
from labels.applications.table import APPLICATIONS
from labels.store import reads


def add_doors(router: APIRouter, context: Context) -> None:
    """File applications, see where they stand."""

    @router.post("/applications", status_code=201)
    async def apply(request: Request, body: ApplicationBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        """File an application: granted, put on the waiting list, or refused with every reason."""
        ask = to_ask(body)
        if isinstance(ask, Refusal):
            raise Problem(ask)
        return await context.run(request, ask, status=201)

    @router.post("/applications:batch")
    async def apply_many(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """File up to 1,000 applications; each is decided by itself, in the order given."""
        items = await parse_batch(await request.body(), ApplicationBody, to_ask)
        return await context.run_batch(request, items)

    @router.get("/applications/{siren}")
    async def application(siren: str) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Where the application of a company stands."""
        number = checked_siren(siren)
        file = await context.state(APPLICATIONS, number)
        if file is None or file.application is None:
            raise Problem(unknown_application(number))
        position: int | None = None
        if file.application.status == "liste_attente":
            async with context.reading() as connection:
                position = await reads.position_of(connection, file.application.ticket)
        body = msgspec.json.encode(answer_of(file, file.application, position))
        return Response(body, media_type="application/json")
