"""What the rules of contacts leave behind: rows and answers. Nothing is remembered in a state."""

from datetime import datetime
from typing import Final, Literal, NamedTuple
from uuid import UUID

import msgspec

REFERENCE_ID: Final = 1000
"""Index of the reference of a contact among the ids that derive from the command that saved it, see `derive_id`."""


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


class ContactAnswer(msgspec.Struct, frozen=True, gc=False):
    """Answer to the commands on a contact. Answers are kept for idempotency: no personal data."""

    siren: str
    contact: Literal["recorded", "erased", "unsubscribed"]
