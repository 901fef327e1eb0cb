"""The services' own doors as a client sees them: batches with an Idempotency-Key, sent again until answered."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from itertools import count
from typing import Any, Final, Generic, Self, TypeVar

import httpx
import msgspec
import stamina

PATIENCE: Final = 120.0
"""Seconds a request is tried again while a service, the broker or the database is away."""

TIMEOUT: Final = httpx.Timeout(30.0, connect=3.0)
PASSING: Final = frozenset({429, 500, 502, 503, 504})
"""Statuses that mean "nothing was recorded, try again"."""

Item = TypeVar("Item")


class UnavailableError(Exception):
    """A door did not answer, or said to try again."""


class RefusedError(Exception):
    """A door refused the request as a whole; the text is its problem, in French."""


class _Results(msgspec.Struct, Generic[Item]):
    results: list[Item]


class Doors:
    """HTTP clients of the services; a dead process is left for another, and addresses are looked up again.

    Attributes:
        retries: requests that had to be sent again so far.
    """

    def __init__(
        self,
        locate: Callable[[], Mapping[str, tuple[str, ...]]],
        patience: float = PATIENCE,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._locate = locate
        self._patience = patience
        self._urls = dict(locate())
        self._turn = count()
        self._client = httpx.AsyncClient(
            timeout=TIMEOUT, trust_env=False, limits=httpx.Limits(max_connections=64), transport=transport
        )
        self.retries = 0

    async def __aenter__(self) -> Self:
        """Ready."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close connections."""
        await self._client.aclose()

    def has(self, service: str) -> bool:
        """Whether this service has a door here."""
        return bool(self._urls.get(service))

    async def batch(self, service: str, path: str, body: bytes, kind: type[Item], *, brief: bool = False) -> list[Item]:
        """Post a batch and return the result of each item, in order; `brief` asks for the problems only.

        The Idempotency-Key derives from the body: the same batch sent again, by a retry or by a second run, is the
        same request and changes nothing.

        Raises:
            RefusedError: the batch as a whole is refused.
            UnavailableError: no answer within the patience.
        """
        key = sha256(f"{service}{path}".encode() + body).hexdigest()[:40]
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"croissance-{key}"}
        if brief:
            headers["Prefer"] = "return=minimal"
        content = await self._send("POST", service, path, headers, body)
        return msgspec.json.decode(content, type=_Results[kind]).results

    async def get(self, service: str, path: str) -> Any:
        """Read a door.

        Raises:
            RefusedError: it refuses, for example because it does not know (404).
            UnavailableError: no answer within the patience.
        """
        return msgspec.json.decode(await self._send("GET", service, path, {}, None))

    async def _send(
        self, method: str, service: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> bytes:
        attempts = stamina.retry_context(
            on=UnavailableError, attempts=None, timeout=self._patience, wait_initial=0.1, wait_max=2.0, wait_jitter=0.2
        )
        async for attempt in attempts:
            with attempt:
                if attempt.num > 1:
                    self.retries += 1
                    self._urls = dict(self._locate()) or self._urls
                return await self._once(method, service, path, headers, body)
        raise UnavailableError(service)

    async def _once(
        self, method: str, service: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> bytes:
        urls = self._urls.get(service)
        if not urls:
            raise UnavailableError(f"aucune adresse connue pour le service {service}")
        url = urls[next(self._turn) % len(urls)] + path
        try:
            response = await self._client.request(method, url, content=body, headers=headers)
        except httpx.TransportError as error:
            raise UnavailableError(f"{service}: {type(error).__name__}") from error
        if response.status_code in PASSING:
            raise UnavailableError(f"{service}: {response.status_code} {_problem(response)}")
        if response.status_code >= httpx.codes.BAD_REQUEST:
            raise RefusedError(f"{service} {path}: {response.status_code} {_problem(response)}")
        return response.content


def _problem(response: httpx.Response) -> str:
    """Title and detail of a problem."""
    try:
        body: dict[str, Any] = response.json()
        return f"{body['title']}: {body.get('detail', '')}"
    except (ValueError, KeyError, TypeError):
        return response.text[:200]
