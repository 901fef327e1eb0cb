"""What the rules of this service work on: almost nothing is remembered per company.

A message is unique by (company, cause) in its table, and the core applies each event once, so no list of what was told
is kept. Contacts and preferences are personal data: they live in the table `contacts` alone, where they are erased.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID

import msgspec

NOTIFICATION_ID: Final = 1000
"""Index from which the ids inside payloads derive; see `common.event.derive_id`."""


class CompanyNotices(msgspec.Struct, frozen=True, gc=False):
    """Keyed state of a company: empty, so no row of it is ever written."""


NOTHING: Final = CompanyNotices()


class Awaiting(msgspec.Struct, frozen=True, gc=False):
    """Shared by a batch of deliveries: those of its messages that are not settled yet, locked.

    Attributes:
        templates: cause → template.
    """

    templates: Mapping[str, str]


NONE_AWAITED: Final = Awaiting({})


# --- rows for the store ----------------------------------------------------------------------------------------------


class MessageToSend(NamedTuple):
    """A message that waits; `fact` is the input it tells of, encoded by the store; `shared`: with many others."""

    siren: str
    cause: UUID
    template: str
    legal: bool
    fact: object
    deadline: date | None
    region: str
    shared: bool


class ContactSaved(NamedTuple):
    """A contact to insert or replace; `ref` names it in links and changes with the address."""

    siren: str
    ref: UUID
    email: str
    name: str
    language: str
    channels: tuple[str, ...]
    muted: tuple[str, ...]
    subscribed: bool | None
    at: datetime


class ContactErased(NamedTuple):
    """A contact to forget."""

    siren: str
    at: datetime


class ContactUnsubscribed(NamedTuple):
    """A contact that wants no ordinary message any more."""

    siren: str
    ref: UUID
    at: datetime


class Settled(NamedTuple):
    """The end of a message: `sent`, or `failed` with the reason."""

    siren: str
    cause: UUID
    status: Literal["sent", "failed"]
    reason: str
    at: datetime


# --- answers ---------------------------------------------------------------------------------------------------------


class ContactAnswer(msgspec.Struct, frozen=True, gc=False):
    """Answer to the commands on a contact. Answers are kept for idempotency: no personal data."""

    siren: str
    contact: Literal["recorded", "erased", "unsubscribed"]


class DeliveryAnswer(msgspec.Struct, frozen=True, gc=False):
    """How many messages this record settled; those settled before do not count."""

    settled: int
