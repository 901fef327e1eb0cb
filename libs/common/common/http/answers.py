"""The answers of commands as HTTP bodies."""

import re
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final

import msgspec
from fastapi import Request
from fastapi.responses import Response

from common.core.commands import Ask
from common.declare.decision import Refusal
from common.http.problems import PROBLEM, problem_body, status_of

Render = Callable[[Sequence[object]], tuple[int, bytes]]

_encode = msgspec.json.encode
_TAG: Final = re.compile(r'[ \t,]*(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(?=,|$)')
"""An entity tag of a list (RFC 9110, 8.8.3); what it says is the same, weak or not."""


def rendered(status: int, body: bytes) -> Response:
    """An answer that is encoded already."""
    return Response(body, status, media_type=PROBLEM if status >= HTTPStatus.BAD_REQUEST else "application/json")


def declared_status(request: Request) -> int:
    """The status with which the door of a request says that it was done: its `status_code`."""
    return request.scope["route"].status_code or HTTPStatus.OK


def is_known(request: Request, tag: str) -> bool:
    """Whether the client has what carries this tag (RFC 9110, `If-None-Match`: a list, weak ones too, or `*`)."""
    said = ",".join(request.headers.getlist("if-none-match")).strip()
    if said == "*":
        return True
    place, wanted = 0, tag.removeprefix("W/").strip('"')
    while found := _TAG.match(said, place):
        if found[1] == wanted:
            return True
        place = found.end()
    return False


def render_one(status: int) -> Render:
    """Turns the single answer of a command into status and body."""

    def render(answers: Sequence[object]) -> tuple[int, bytes]:
        (answer,) = answers
        if isinstance(answer, Refusal):
            return status_of(answer), _encode(problem_body(answer))
        return status, _encode(answer)

    return render


def wants_little(request: Request) -> bool:
    """Whether the caller asks for no more than whether it was done (RFC 7240, `Prefer: return=minimal`)."""
    preferences = ",".join(request.headers.getlist("prefer")).lower().split(",")
    return any(preference.partition(";")[0].replace(" ", "") == "return=minimal" for preference in preferences)


def render_batch(items: Sequence[Ask | Refusal], *, brief: bool = False) -> Render:
    """Turns the answers of a batch into one body, in the order of the request.

    An accepted item has the answer that it would have had alone, or `{}` where the caller wants it `brief`; a refused
    one has its problem, with its `status`.
    """

    def render(answers: Sequence[object]) -> tuple[int, bytes]:
        if len(answers) == 1 and isinstance(answers[0], Refusal) and answers[0].field == "Idempotency-Key":
            return status_of(answers[0]), _encode(problem_body(answers[0]))
        decided = iter(answers)
        results = [item if isinstance(item, Refusal) else next(decided) for item in items]
        bodies = [
            problem_body(result) if isinstance(result, Refusal) else {} if brief else result or {} for result in results
        ]
        rejected = sum(isinstance(result, Refusal) for result in results)
        return HTTPStatus.OK, _encode({"accepted": len(bodies) - rejected, "rejected": rejected, "results": bodies})

    return render
