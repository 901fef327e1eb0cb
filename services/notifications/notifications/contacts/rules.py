"""The rules of contacts: each command leaves one row."""

from uuid import UUID

from common.declare.aggregate import Nothing
from common.declare.decision import Decision
from common.declare.event import derive_id
from common.declare.message import Message
from common.declare.pool import Pools
from notifications.contacts.inputs import EraseContact, SaveContact, Unsubscribe
from notifications.contacts.model import (
    REFERENCE_ID,
    ContactAnswer,
    ContactErased,
    ContactSaved,
    ContactUnsubscribed,
)


def save(state: Nothing, _: Pools, message: Message[SaveContact]) -> Decision[Nothing]:
    """Record, or replace, a contact."""
    contact = message.input
    row = ContactSaved(
        message.key,
        derive_id(message.id, REFERENCE_ID),
        contact.email,
        contact.name,
        contact.language,
        contact.channels,
        contact.muted,
        contact.subscribed,
        message.time,
    )
    return Decision(state, rows=(row,), answer=ContactAnswer(message.key, "recorded"))


def erase(state: Nothing, _: Pools, message: Message[EraseContact]) -> Decision[Nothing]:
    """Forget a contact, whether there is one or not."""
    row = ContactErased(message.key, message.time)
    return Decision(state, rows=(row,), answer=ContactAnswer(message.key, "erased"))


def unsubscribe(state: Nothing, _: Pools, message: Message[Unsubscribe]) -> Decision[Nothing]:
    """Stop ordinary messages to a contact, if it is still the one that the link named."""
    row = ContactUnsubscribed(message.key, UUID(message.input.ref), message.time)
    return Decision(state, rows=(row,), answer=ContactAnswer(message.key, "unsubscribed"))
