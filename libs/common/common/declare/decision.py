"""What a rule answers: the next state, what the world is told, what the service keeps for itself."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Generic, Literal, TypeAlias, TypeVar

import msgspec

from common.declare.event import Event, PassedOn
from common.declare.inputs import Deadline, FollowUp
from common.declare.pool import Draw

State = TypeVar("State")

Moment: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
"""An instant as an answer has it: aware, so that the schema of the answer says `date-time`."""


class Schedule(msgspec.Struct, frozen=True):
    """Ask for `input` to be decided at `due` (aware UTC). Same (key, name) again: the newer replaces it."""

    name: str
    due: datetime
    input: Deadline | FollowUp


class Cancel(msgspec.Struct, frozen=True, gc=False):
    """Withdraw the deadline of this name, if it still waits."""

    name: str


class Follow(msgspec.Struct, frozen=True):
    """Ask another key of the same service to decide `input`, exactly once, soon after this decision is committed.

    Attributes:
        key: the entity that decides.
        input: what it decides on.
        region: INSEE code that its events carry unless they know better, or "".
    """

    key: str
    input: FollowUp
    region: str = ""


class Decision(msgspec.Struct, Generic[State], frozen=True):
    """The outcome of one input.

    Attributes:
        state: the next state of the key; the very same object means "unchanged" and writes nothing.
        events: published facts, in order. Refusals are events too.
        draws: the pools that this decision leaves otherwise than it found them.
        rows: facts the service keeps for itself (ledger movements, mails to send), given to its storage in order.
        deadlines: timers to set or withdraw for this key.
        follow_ups: what other keys of this service shall decide.
        answer: what the caller of a command gets back; ignored for everything else.
    """

    state: State
    events: tuple[Event | PassedOn, ...] = ()
    draws: tuple[Draw, ...] = ()
    rows: tuple[object, ...] = ()
    deadlines: tuple[Schedule | Cancel, ...] = ()
    follow_ups: tuple[Follow, ...] = ()
    answer: object = None


RefusalKind: TypeAlias = Literal[
    "unreadable",  # the request cannot be read at all
    "unknown",  # what it is about does not exist
    "wrong_method",  # the door exists, not for this method
    "too_slow",  # it did not arrive in time
    "illegal",  # not possible as things stand now
    "too_large",  # more than a door takes
    "head_too_large",  # more than a server reads before the content
    "unsupported",  # written in a form that the door does not read
    "misdirected",  # meant for another host
    "foreign",  # sent by a page of somebody else
    "invalid",  # the content is wrong
    "internal",  # our fault
    "unavailable",  # try again
]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answer to a command that cannot be carried out; HTTP turns it into an RFC 9457 problem.

    Attributes:
        kind: what sort of refusal; HTTP gives it a status.
        code: stable name for programs, lower-case words joined by `_`; HTTP makes the problem's `type` of it.
        title: short French sentence for people, the same for every refusal of this code.
        detail: what exactly is wrong and what would be right, in French.
        field: JSON path of the offending field, or "".
        allowed: what would be allowed instead (states, codes), may be empty.
    """

    kind: RefusalKind
    code: str
    title: str
    detail: str
    field: str = ""
    allowed: tuple[str, ...] = ()
