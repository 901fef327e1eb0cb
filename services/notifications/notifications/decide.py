"""The rules of the service, pure: one fact → one message to send; one delivery → one event per message."""

from typing import Any, TypeAlias
from uuid import UUID

from common.decision import Decision
from common.event import derive_id
from common.message import Message
from notifications import inputs
from notifications.events import NotificationFailed, NotificationSent
from notifications.model import (
    NOTIFICATION_ID,
    Awaiting,
    CompanyNotices,
    ContactAnswer,
    ContactErased,
    ContactSaved,
    ContactUnsubscribed,
    DeliveryAnswer,
    MessageToSend,
    Settled,
)
from notifications.rules.notices import NOTICES, deadline_of

Outcome: TypeAlias = Decision[CompanyNotices, Awaiting]


def decide(state: CompanyNotices, shared: Awaiting, message: Message[Any]) -> Outcome:
    """What is kept and published about a fact, a command or the outcome of a mail. The state never changes."""
    fact: object = message.input
    notice = NOTICES.get(type(fact))
    if notice is not None:
        deadline = deadline_of(notice, fact) if notice.deadline else None
        row = MessageToSend(
            message.key, message.id, notice.template, notice.legal, fact, deadline, message.region, notice.shared
        )
        return Decision(state, shared, rows=(row,))
    match fact:
        case inputs.RecordDelivery() as delivery:
            return _record(state, shared, message, delivery)
        case inputs.SaveContact() as contact:
            return _save_contact(state, shared, message, contact)
        case inputs.EraseContact():
            row = ContactErased(message.key, message.time)
            return Decision(state, shared, rows=(row,), answer=ContactAnswer(message.key, "erased"))
        case inputs.Unsubscribe() as wish:
            row = ContactUnsubscribed(message.key, UUID(wish.ref), message.time)
            return Decision(state, shared, rows=(row,), answer=ContactAnswer(message.key, "unsubscribed"))
        case other:
            raise TypeError(f"notifications cannot decide {type(other).__name__}")


def notification_id(cause: UUID) -> UUID:
    """The id of the message that `cause` led to."""
    return derive_id(cause, NOTIFICATION_ID)


def _save_contact(
    state: CompanyNotices, shared: Awaiting, message: Message[Any], contact: inputs.SaveContact
) -> Outcome:
    row = ContactSaved(
        message.key,
        derive_id(message.id, NOTIFICATION_ID),
        contact.email,
        contact.name,
        contact.language,
        contact.channels,
        contact.muted,
        contact.subscribed,
        message.time,
    )
    return Decision(state, shared, rows=(row,), answer=ContactAnswer(message.key, "recorded"))


def _record(state: CompanyNotices, shared: Awaiting, message: Message[Any], delivery: inputs.RecordDelivery) -> Outcome:
    """Settle what still waits; a message recorded before is neither settled nor published again."""
    templates = shared.templates
    fresh = [cause for cause in dict.fromkeys(delivery.causes) if cause in templates]
    if not fresh:
        return Decision(state, shared, answer=DeliveryAnswer(0))
    events: list[NotificationSent | NotificationFailed] = []
    rows: list[Settled] = []
    for cause in fresh:
        uuid = UUID(cause)
        notification = str(notification_id(uuid))
        if delivery.outcome == "sent":
            events.append(NotificationSent(message.key, notification, templates[cause], "email", cause))
        else:
            reason = delivery.reason or "échec sans précision"
            events.append(NotificationFailed(message.key, notification, templates[cause], "email", cause, reason))
        rows.append(Settled(message.key, uuid, delivery.outcome, delivery.reason, message.time))
    left = Awaiting({cause: template for cause, template in templates.items() if cause not in fresh})
    return Decision(state, left, tuple(events), tuple(rows), answer=DeliveryAnswer(len(fresh)))
