"""Problems: every refusal as RFC 9457 says, in French, with a `type` that programs can rely on."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi.responses import Response

from common.declare.decision import Refusal, RefusalKind
from common.http.texts import printable

PROBLEM: Final = "application/problem+json"

STATUS: Final[Mapping[RefusalKind, HTTPStatus]] = {
    "unreadable": HTTPStatus.BAD_REQUEST,
    "unknown": HTTPStatus.NOT_FOUND,
    "wrong_method": HTTPStatus.METHOD_NOT_ALLOWED,
    "illegal": HTTPStatus.CONFLICT,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "internal": HTTPStatus.INTERNAL_SERVER_ERROR,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The status of a refusal."""

TYPE: Final = "tag:croissanceconnectee.fr,2026:"
"""Prefix of a problem's `type` (a tag URI, RFC 4151); the refusal's code follows."""


class Problem(Exception):
    """Raised by a door to answer a problem."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.title)
        self.refusal = refusal


def status_of(refusal: Refusal) -> int:
    """The HTTP status of a refusal."""
    return STATUS[refusal.kind].value


def problem_body(refusal: Refusal) -> dict[str, Any]:
    """An RFC 9457 problem: `field` names what is wrong, `allowed` what would be right.

    It can be encoded whatever the caller sent: what is no text of it is shown as an escape.
    """
    body: dict[str, Any] = {
        "type": TYPE + refusal.code,
        "title": refusal.title,
        "status": status_of(refusal),
        "detail": printable(refusal.detail),
    }
    if refusal.field:
        body["field"] = printable(refusal.field)
    if refusal.allowed:
        body["allowed"] = refusal.allowed
    return body


def problem(refusal: Refusal) -> Response:
    """The HTTP answer of a refusal."""
    return Response(msgspec.json.encode(problem_body(refusal)), status_of(refusal), media_type=PROBLEM)
