"""What a rule answers: the next state, what the world is told, what the service keeps for itself."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from common.event import Event

State = TypeVar("State")
Shared = TypeVar("Shared")


class Schedule(msgspec.Struct, frozen=True):
    """Ask for `input` to be decided at `due` (aware UTC). Same (key, name) again: the newer replaces it."""

    name: str
    due: datetime
    input: object


class Cancel(msgspec.Struct, frozen=True, gc=False):
    """Withdraw the deadline of this name, if it still waits."""

    name: str


class Decision(msgspec.Struct, Generic[State, Shared], frozen=True):
    """The outcome of one input.

    Attributes:
        state: the next state of the key; the very same object means "unchanged" and writes nothing.
        shared: the next shared aggregate (envelope, cohort, loads); the same object means unchanged.
        events: published facts, in order. Refusals are events too.
        rows: facts the service keeps for itself (ledger movements, mails to send), given to `Store.save` in order.
        deadlines: timers to set or withdraw for this key.
        answer: what the caller of a command gets back; ignored for events and deadlines.
    """

    state: State
    shared: Shared
    events: tuple[Event, ...] = ()
    rows: tuple[object, ...] = ()
    deadlines: tuple[Schedule | Cancel, ...] = ()
    answer: object = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """Answer to a command that cannot be carried out; HTTP turns it into an RFC 9457 problem.

    Attributes:
        status: HTTP status: 404 unknown, 409 illegal now, 422 wrong content.
        title: short French sentence for people.
        detail: what exactly is wrong and what would be right, in French.
        field: JSON path of the offending field, or "".
        allowed: what would be allowed instead (states, codes), may be empty.
    """

    status: int
    title: str
    detail: str
    field: str = ""
    allowed: tuple[str, ...] = ()
