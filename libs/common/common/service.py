"""The declaration of a service: everything the core needs to run it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

from common.decision import Decision
from common.event import Event
from common.message import Message

if TYPE_CHECKING:
    from fastapi import APIRouter

    from common.postgres import Connection
    from common.runtime import Context

State = TypeVar("State")
Shared = TypeVar("Shared")

PARTITIONS = 12
"""Partitions of every topic, decided once: the same key has the same partition number everywhere."""


@dataclass(frozen=True, slots=True)
class Changes(Generic[State, Shared]):
    """What a batch changed, for `Store.save`.

    Attributes:
        states: key → new state, only those that changed. The core has saved them already; a service
            projects the columns its readers query (a public register, a directory) from here.
        before: the shared aggregate as loaded.
        after: the shared aggregate after the whole batch; `after is before` means unchanged.
        rows: every `Decision.rows` of the batch, in order.
    """

    states: Mapping[str, State]
    before: Shared
    after: Shared
    rows: Sequence[object]


class Store(Protocol[State, Shared]):
    """The SQL of a service beside its keyed states, which the core loads and saves itself."""

    async def load(self, connection: "Connection", messages: Sequence[Message[object]]) -> Shared:
        """Read, and lock when this batch may change it, the shared aggregate. Called before states are read."""
        ...

    async def save(self, connection: "Connection", changes: Changes[State, Shared]) -> None:
        """Write the shared aggregate and the rows, in the transaction of the batch. Raise `Conflict` to retry it."""
        ...


Decide: TypeAlias = Callable[[State, Shared, Message[object]], Decision[State, Shared]]
Routes: TypeAlias = Callable[["Context[Any, Any]"], "APIRouter"]
Loop: TypeAlias = Callable[["Context[Any, Any]"], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Generic[State, Shared]):
    """A service as data. Topics, schemas, ACLs, documents and the process itself are derived from it.

    Attributes:
        name: import name of the package, Postgres schema, last word of the consumer group and of the topic.
        title: one French line for people.
        consumes: producing service → the input dataclasses read from its topic; an input has the name of the event.
        publishes: the event classes of this service's topic.
        commands: inputs that come over HTTP.
        deadlines: inputs that come from timers.
        state: class of the keyed state.
        initial: the state of a key never seen.
        decide: the rules: pure, total over consumes + commands + deadlines.
        store: SQL of the shared aggregate and of the rows.
        migrations: folder of numbered `.sql` files of this service.
        routes: builds the HTTP API.
        loops: long-running side jobs (sending mail); each is restarted when it fails.
    """

    name: str
    title: str
    state: type[State]
    initial: Callable[[str], State]
    decide: Decide[State, Shared]
    store: Store[State, Shared]
    migrations: Path
    consumes: Mapping[str, tuple[type, ...]] = field(default_factory=dict[str, tuple[type, ...]])
    publishes: tuple[type[Event], ...] = ()
    commands: tuple[type, ...] = ()
    deadlines: tuple[type, ...] = ()
    routes: Routes | None = None
    loops: tuple[Loop, ...] = ()

    @property
    def topic(self) -> str:
        """The topic this service owns."""
        return topic_of(self.name)

    @property
    def dead_letter_topic(self) -> str:
        """Where records go that this service could not apply."""
        return f"croissance.{self.name}.dead-letter.v1"

    @property
    def group(self) -> str:
        """The consumer group of this service."""
        return f"croissance.{self.name}"


def topic_of(service: str) -> str:
    """The topic that a service owns."""
    return f"croissance.{service}.v1"
