"""The doors of a programme year."""

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from common.core.commands import Ask
from common.http.problems import Problem
from common.http.shapes import shown, told
from common.process.context import Context
from labels.api.bodies import CapBody
from labels.cohorts.cap import CohortAnswer, answer_of, unknown_year
from labels.cohorts.inputs import SetCohortCap
from labels.store import reads

Year = Annotated[int, Path(ge=2000, le=2999, examples=[2026])]


def add_doors(router: APIRouter, context: Context) -> None:
    """The places of a year, and its cap."""

    @router.get("/cohorts/{year:int}", summary="Les places d’une année, et les dossiers qui attendent")
    @shown
    async def cohort(year: Year) -> CohortAnswer:  # pyright: ignore[reportUnusedFunction]
        async with context.reading() as connection:
            found = await reads.read_cohort(connection, year)
            waiting = await reads.count_waiting(connection)
        if found is None:
            raise Problem(unknown_year(year))
        return answer_of(found, waiting)

    @router.put("/cohorts/{year:int}", summary="Changer le plafond d’une année ; la liste d’attente avance d’elle-même")
    @told(CohortAnswer)
    async def set_cap(request: Request, year: Year, body: CapBody) -> Response:  # pyright: ignore[reportUnusedFunction]
        return await context.run(request, Ask(SetCohortCap(body.cap), str(year)))
