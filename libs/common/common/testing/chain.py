"""Three small services that use every part of the core: the simulator's and the conformance suite's test pieces."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from common.decision import Decision, Rejection, Schedule
from common.event import Event
from common.message import Message
from common.service import Changes, Service


class Counted(Event, frozen=True):
    """A key was counted for the `n`-th time."""

    KEY: ClassVar[str] = "key"
    key: str
    n: int


class Granted(Event, frozen=True):
    """One unit of the shared budget went to a key; `left` is what remains."""

    KEY: ClassVar[str] = "key"
    key: str
    n: int
    left: int


class Reminded(Event, frozen=True):
    """A deadline of a key fell due."""

    KEY: ClassVar[str] = "key"
    key: str
    n: int


@dataclass(frozen=True, slots=True)
class Count:
    """Command: count once more."""

    token: str = ""


@dataclass(frozen=True, slots=True)
class Remind:
    """Deadline."""

    n: int


@dataclass(frozen=True, slots=True)
class Total:
    """State of the counter."""

    n: int = 0
    tokens: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """State of a reader: what it was told, in order."""

    counted: tuple[int, ...] = ()
    granted: tuple[int, ...] = ()


class NoShared:
    """A store without a shared aggregate."""

    async def load(self, connection: Any, messages: Sequence[Message[object]]) -> None:
        """Nothing to read."""

    async def save(self, connection: Any, changes: Changes[Any, None]) -> None:
        """Nothing to write."""


class MemoryBudget:
    """A shared budget in the memory database, locked like a row by the processor's order."""

    async def load(self, connection: Any, messages: Sequence[Message[object]]) -> int:  # noqa: ARG002
        """What is left."""
        await connection._lock("budget", [("budget", 0)])  # noqa: SLF001  the memory transaction is its friend
        return connection.database.shared.get("budget", 0)

    async def save(self, connection: Any, changes: Changes[Any, int]) -> None:
        """Write what is left."""
        connection.pending.append(lambda: connection.database.shared.update(budget=changes.after))


def decide_count(state: Total, shared: None, message: Message[object]) -> Decision[Total, None]:
    """Count commands; the same token twice changes nothing; remind after a minute."""
    match message.input:
        case Count(token):
            if token and token in state.tokens:
                return Decision(state, shared, answer={"n": state.n})
            if token == "refused":  # noqa: S105  a word, not a secret
                return Decision(state, shared, answer=Rejection(409, "refusé", "jeton refusé"))
            if token == "broken":  # noqa: S105
                raise ValueError("a rule that fails")
            after = Total(state.n + 1, (*state.tokens, token) if token else state.tokens)
            events = (Counted(message.key, after.n),)
            timers = (Schedule("remind", message.time + timedelta(minutes=1), Remind(after.n)),)
            return Decision(after, shared, events, deadlines=timers, answer={"n": after.n})
        case Remind(n):
            return Decision(state, shared, (Reminded(message.key, n),))
        case other:
            raise TypeError(other)


def decide_grant(state: Seen, shared: int, message: Message[object]) -> Decision[Seen, int]:
    """Every count takes one unit of the budget while some is left."""
    match message.input:
        case Counted(key, n):
            after = replace(state, counted=(*state.counted, n))
            if shared == 0:
                return Decision(after, shared)
            return Decision(after, shared - 1, (Granted(key, n, shared - 1),))
        case other:
            raise TypeError(other)


def decide_read(state: Seen, shared: None, message: Message[object]) -> Decision[Seen, None]:
    """Remember everything, in order."""
    match message.input:
        case Counted(_, n):
            return Decision(replace(state, counted=(*state.counted, n)), shared)
        case Granted(_, n):
            return Decision(replace(state, granted=(*state.granted, n)), shared)
        case other:
            raise TypeError(other)


def _total(_: str) -> Total:
    return Total()


def _seen(_: str) -> Seen:
    return Seen()


COUNTER: Service[Total, None] = Service(
    name="counter",
    title="Compteur d'essai",
    state=Total,
    initial=_total,
    decide=decide_count,
    store=NoShared(),
    migrations=Path(__file__).parent / "none",
    publishes=(Counted, Reminded),
    commands=(Count,),
    deadlines=(Remind,),
)
GRANTER: Service[Seen, int] = Service(
    name="granter",
    title="Budget d'essai",
    state=Seen,
    initial=_seen,
    decide=decide_grant,
    store=MemoryBudget(),
    migrations=Path(__file__).parent / "none",
    consumes={"counter": (Counted,)},
    publishes=(Granted,),
)
READER: Service[Seen, None] = Service(
    name="reader",
    title="Lecteur d'essai",
    state=Seen,
    initial=_seen,
    decide=decide_read,
    store=NoShared(),
    migrations=Path(__file__).parent / "none",
    consumes={"counter": (Counted,), "granter": (Granted,)},
)
