"""What the rules of messages leave behind: rows, what waits, answers. Nothing is remembered of a company.

A message is unique by (company, cause) in its table, and the core applies each event once, so no list of what was told
is kept.
"""

from datetime import date, datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID

import msgspec

from common.declare.event import derive_id
from common.declare.pool import Pool
from notifications.messages.inputs import Fact

NOTIFICATION_ID: Final = 1000
"""Index of the id of a message among those that derive from its cause: clear of events, see `derive_id`."""


def notification_id(cause: UUID) -> UUID:
    """The id of the message that `cause` led to."""
    return derive_id(cause, NOTIFICATION_ID)


class MessageToSend(NamedTuple):
    """A row: a message that waits; `fact` is encoded by the store; `shared`: its words go to many others.

    `traceparent`: the trace that its mail goes on with, if it is sampled.
    """

    siren: str
    cause: UUID
    template: str
    legal: bool
    fact: Fact
    deadline: date | None
    region: str
    shared: bool
    traceparent: str | None = None


# --- what waits ------------------------------------------------------------------------------------------------------


class Settled(msgspec.Struct, frozen=True, gc=False):
    """The end of a message: `sent`, or `failed` with the reason."""

    status: Literal["sent", "failed"]
    reason: str
    at: datetime


def unknown(_: str) -> None:
    """What is known of a message that does not wait."""


PENDING: Final[Pool[str | Settled | None]] = Pool("messages_to_send", str | Settled | None, unknown)
"""The messages that deliveries settle, under `pending_key`, locked so that no mail is recorded twice: the template of
one that waits, how it ended once this batch settled it, None for one that is unknown or was settled before."""


def pending_key(siren: str, cause: str) -> str:
    """The key of a message in `PENDING`."""
    return f"{siren}/{cause}"


# --- answers ---------------------------------------------------------------------------------------------------------


class DeliveryAnswer(msgspec.Struct, frozen=True, gc=False):
    """How many messages this record settled; those settled before do not count."""

    settled: int
