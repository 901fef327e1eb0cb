"""What the doors and loops of a service work with."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final, TypeVar

from fastapi import Request as HttpRequest
from fastapi.responses import Response
from opentelemetry.trace import Tracer

from common.core.codec import Codec
from common.core.commands import Ask, Identity, body_hash, to_message
from common.core.deciding import Created, Failure
from common.core.grouping import GroupCommit
from common.core.guard import Guard
from common.core.relay import Relay
from common.core.requests import Request, apply_commands
from common.core.unit_of_work import Begin
from common.declare.aggregate import Aggregate
from common.declare.decision import Refusal
from common.declare.pool import View
from common.declare.service import Service
from common.http.answers import Render, declared_status, render_batch, render_one, rendered, wants_little
from common.http.problems import problem
from common.http.texts import one_line
from common.postgres.connections import Connection, ConnectionPool
from common.postgres.storage import Storage
from common.process import tracing
from common.process.health import Progress
from common.process.settings import Settings
from common.process.telemetry import Log, Metrics

State = TypeVar("State")
Value = TypeVar("Value")

_STATE: Final = "select doc from states where kind = $1 and key = $2"

WRONG_KEY: Final = Refusal(
    "invalid",
    "en_tete_invalide",
    "En-tête invalide",
    "au plus 200 caractères, sans caractère de contrôle",
    "Idempotency-Key",
)


@dataclass(slots=True)
class Context:
    """What a service's doors and loops work with."""

    codec: Codec
    storage: Storage
    settings: Settings
    pool: ConnectionPool
    begin: Begin
    relay: Relay
    log: Log
    metrics: Metrics
    tracer: Tracer
    progress: Progress
    guard: Guard = field(default_factory=Guard)
    due: asyncio.Event = field(default_factory=asyncio.Event)
    requests: GroupCommit = field(init=False)

    def __post_init__(self) -> None:
        """Open where requests are handed in."""
        self.requests = GroupCommit(self.codec, self.begin, on_failure=self.log_failure, on_commit=self.committed)

    @property
    def service(self) -> Service:
        """The declaration of the service."""
        return self.codec.service

    def reading(self) -> AbstractAsyncContextManager[Connection]:
        """A connection for reads; nothing written on it is part of a unit of work."""
        return self.pool.acquire()

    async def state(self, aggregate: Aggregate[State], key: str) -> State | None:
        """The state of a key as last committed, or None."""
        doc = await self.pool.fetchval(_STATE, aggregate.kind, key)
        return None if doc is None else self.codec.decode_state[aggregate.kind](doc)

    async def view(self, view: View[Value]) -> Value:
        """An index that the rules read, as the database has it now."""
        async with self.reading() as connection:
            return await self.storage.views[view.name].read(connection)

    def committed(self, follow_ups: int, created: Sequence[Created] = ()) -> None:
        """A transaction ended: let the relay look, and the timers where other keys have something to decide.

        `created`: the events of sampled chains.
        """
        tracing.created_spans(self.tracer, created)
        self.relay.wake.set()
        if follow_ups:
            self.due.set()

    async def execute_all(self, asks: Sequence[Ask]) -> list[object]:
        """Carry out commands in one transaction; one answer each, in order.

        Raises:
            Transient: nothing was written; try again.
        """
        messages = [to_message(ask, index, "", ask.traceparent) for index, ask in enumerate(asks)]
        decided = await apply_commands(self.codec, self.begin, messages)
        for failure in decided.failures:
            self.log_failure(failure)
        self.metrics.add("commands", len(asks))
        self.committed(decided.follow_ups, decided.created)
        return decided.answers

    async def run(self, request: HttpRequest, ask: Ask) -> Response:
        """Carry out the command of a request; `Idempotency-Key` is honoured. A refusal answers a problem."""
        return await self._run(request, [ask], render_one(declared_status(request)))

    async def run_batch(self, request: HttpRequest, items: Sequence[Ask | Refusal]) -> Response:
        """Carry out the commands of a `:batch` request in one transaction; each item is accepted or refused alone.

        `Prefer: return=minimal` leaves out what accepted items would answer.
        """
        brief = wants_little(request)
        asks = [item for item in items if isinstance(item, Ask)]
        response = await self._run(request, asks, render_batch(items, brief=brief))
        if brief:
            response.headers["Preference-Applied"] = "return=minimal"
        return response

    async def _run(
        self,
        request: HttpRequest,
        asks: Sequence[Ask],
        render: Render,
    ) -> Response:
        path: str = request.scope["path"]
        identity = Identity(self.service.name, request.method, path, request.headers.get("idempotency-key", ""))
        if len(identity.key) > 200 or not one_line(identity.key):
            return problem(WRONG_KEY)
        name, digest = "", b""
        if identity.key:
            name = identity.name
            digest = body_hash(request.method, f"{path}?{request.url.query}", await request.body())
        route: str = getattr(request.scope.get("route"), "path", "")
        parent, settings = request.headers.get("traceparent", ""), self.settings.telemetry
        with tracing.started_chain(self.tracer, settings, request.method, route, parent) as traceparent:
            messages = [to_message(ask, index, name, traceparent) for index, ask in enumerate(asks)]
            status, body = await self.requests.hand_in(Request(messages, render, identity.stored, digest))
        self.metrics.add("commands", len(asks))
        return rendered(status, body)

    def log_failure(self, failure: Failure) -> None:
        """Tell operators of a rule that raised."""
        message, error = failure
        self.log.error("rule failed", key=message.key, id=str(message.id), exc_info=error)
