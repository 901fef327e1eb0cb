"""Problems: every refusal as RFC 9457 says, in French, with a `type` that programs can rely on."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
from fastapi.responses import Response

from common.declare.decision import Refusal, RefusalKind
from common.http.texts import Fault, path_of, printable

PROBLEM: Final = "application/problem+json"

STATUS: Final[Mapping[RefusalKind, HTTPStatus]] = {
    "unreadable": HTTPStatus.BAD_REQUEST,
    "unknown": HTTPStatus.NOT_FOUND,
    "wrong_method": HTTPStatus.METHOD_NOT_ALLOWED,
    "too_slow": HTTPStatus.REQUEST_TIMEOUT,
    "illegal": HTTPStatus.CONFLICT,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unsupported": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "misdirected": HTTPStatus.MISDIRECTED_REQUEST,
    "foreign": HTTPStatus.FORBIDDEN,
    "head_too_large": HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "invalid": HTTPStatus.UNPROCESSABLE_ENTITY,
    "internal": HTTPStatus.INTERNAL_SERVER_ERROR,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The status of a refusal."""

RETRY_AFTER: Final = "1"
"""Seconds after which what is unavailable is worth another try."""

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


def problem_bytes(refusal: Refusal) -> bytes:
    """The body of a refusal as it is sent."""
    return msgspec.json.encode(problem_body(refusal))


def problem(refusal: Refusal, headers: Mapping[str, str] | None = None) -> Response:
    """The HTTP answer of a refusal; one that says to try again says when."""
    said = dict(headers or {})
    if refusal.kind == "unavailable":
        said.setdefault("Retry-After", RETRY_AFTER)
    return Response(problem_bytes(refusal), status_of(refusal), said, PROBLEM)


def wrong(detail: str, field: str = "") -> Refusal:
    """The refusal of a content: what is wrong with it and what would be right, in French, and where."""
    return Refusal("invalid", "contenu_invalide", "Contenu invalide", detail, field)


def unstorable(fault: Fault) -> Refusal:
    """The refusal of what nothing can keep, or nobody may send."""
    field = path_of(fault.place)
    return wrong(f"{field or 'corps'}: {fault.reason}", field)
