"""Three small services that use every part of the core: the simulator's and the conformance suite's test pieces."""

from datetime import timedelta
from typing import ClassVar, Final

import msgspec
from msgspec.structs import replace

from common.declare.aggregate import Aggregate, on
from common.declare.decision import Decision, Follow, Refusal, Schedule
from common.declare.event import Event
from common.declare.inputs import Command, Deadline, FollowUp
from common.declare.message import Message
from common.declare.pool import Pool, Pools, Ref
from common.declare.service import Service
from common.testing import views


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


class Count(Command, frozen=True):
    """Count once more."""

    token: str = ""


class Remind(Deadline, frozen=True):
    """A minute has passed."""

    n: int


class Tell(FollowUp, frozen=True):
    """Another key counted to ten."""

    n: int


class Total(msgspec.Struct, frozen=True):
    """State of the counter."""

    n: int = 0
    tokens: tuple[str, ...] = ()
    told: tuple[int, ...] = ()


class Seen(msgspec.Struct, frozen=True):
    """State of a reader: what it was told, in order."""

    counted: tuple[int, ...] = ()
    granted: tuple[int, ...] = ()


BUDGET: Final[Pool[int]] = Pool("budget", int, lambda _: 0)
NEIGHBOUR = "neighbour"
"""The key that hears of every tenth count."""


def count(state: Total, _: Pools, message: Message[Count]) -> Decision[Total]:
    """Count commands; the same token twice changes nothing; remind after a minute; tell a neighbour of every tenth."""
    token = message.input.token
    if token and token in state.tokens:
        return Decision(state, answer={"n": state.n})
    if token == "refused":  # noqa: S105  a word, not a secret
        return Decision(state, answer=Refusal("illegal", "refuse", "refusé", "jeton refusé"))
    if token == "broken":  # noqa: S105
        raise ValueError("a rule that fails")
    after = replace(state, n=state.n + 1, tokens=(*state.tokens, token) if token else state.tokens)
    timers = (Schedule("remind", message.time + timedelta(minutes=1), Remind(after.n)),)
    follow = (Follow(NEIGHBOUR, Tell(after.n)),) if after.n % 10 == 0 else ()
    events = (Counted(message.key, after.n),)
    return Decision(after, events, deadlines=timers, follow_ups=follow, answer={"n": after.n})


def remind(state: Total, _: Pools, message: Message[Remind]) -> Decision[Total]:
    """Say that a minute has passed."""
    return Decision(state, (Reminded(message.key, message.input.n),))


def tell(state: Total, _: Pools, message: Message[Tell]) -> Decision[Total]:
    """Remember what a neighbour counted to."""
    return Decision(replace(state, told=(*state.told, message.input.n)))


def grant(state: Seen, pools: Pools, message: Message[views.Counted]) -> Decision[Seen]:
    """Every count takes one unit of the budget while some is left."""
    key, n = message.input.key, message.input.n
    after, left = replace(state, counted=(*state.counted, n)), pools.get(BUDGET, "all")
    if left == 0:
        return Decision(after)
    return Decision(after, (Granted(key, n, left - 1),), (BUDGET.drawn("all", left - 1),))


def the_budget(_: Message[views.Counted], __: Seen) -> tuple[Ref, ...]:
    """Every grant draws on the one budget."""
    return (BUDGET.at("all"),)


def read_count(state: Seen, _: Pools, message: Message[views.Counted]) -> Decision[Seen]:
    """Remember a count."""
    return Decision(replace(state, counted=(*state.counted, message.input.n)))


def read_grant(state: Seen, _: Pools, message: Message[views.Granted]) -> Decision[Seen]:
    """Remember a grant."""
    return Decision(replace(state, granted=(*state.granted, message.input.n)))


def _total(_: str) -> Total:
    return Total()


def _seen(_: str) -> Seen:
    return Seen()


TOTALS = Aggregate("totals", Total, _total, (on(Count, count), on(Remind, remind), on(Tell, tell)))
GRANTS = Aggregate("grants", Seen, _seen, (on(views.Counted, grant, of="counter", pools=the_budget),))
READINGS = Aggregate(
    "readings", Seen, _seen, (on(views.Counted, read_count, of="counter"), on(views.Granted, read_grant, of="granter"))
)

COUNTER = Service(name="counter", title="Compteur d'essai", aggregates=(TOTALS,), publishes=(Counted, Reminded))
GRANTER = Service(name="granter", title="Budget d'essai", aggregates=(GRANTS,), publishes=(Granted,), pools=(BUDGET,))
READER = Service(name="reader", title="Lecteur d'essai", aggregates=(READINGS,))
