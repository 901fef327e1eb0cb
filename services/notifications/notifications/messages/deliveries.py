"""The rule of deliveries: one mail left, or will not; one event per message it held, once."""

from collections.abc import Iterable
from uuid import UUID

from common.declare.aggregate import Nothing
from common.declare.decision import Decision
from common.declare.message import Message
from common.declare.pool import Draw, Pools, Ref
from notifications.events import NotificationFailed, NotificationSent
from notifications.messages.inputs import RecordDelivery
from notifications.messages.model import PENDING, DeliveryAnswer, Settled, notification_id, pending_key


def its_messages(message: Message[RecordDelivery], _: Nothing) -> Iterable[Ref]:
    """The messages that a delivery would settle."""
    return (PENDING.at(pending_key(message.key, cause)) for cause in message.input.causes)


def record(state: Nothing, pools: Pools, message: Message[RecordDelivery]) -> Decision[Nothing]:
    """Settle what still waits; a message recorded before is neither settled nor published again."""
    delivery = message.input
    settled = Settled(delivery.outcome, delivery.reason, message.time)
    events: list[NotificationSent | NotificationFailed] = []
    draws: list[Draw] = []
    for cause in dict.fromkeys(delivery.causes):
        key = pending_key(message.key, cause)
        template = pools.get(PENDING, key)
        if isinstance(template, str):
            events.append(_event(message.key, cause, template, delivery))
            draws.append(PENDING.drawn(key, settled))
    return Decision(state, events=tuple(events), draws=tuple(draws), answer=DeliveryAnswer(len(draws)))


def _event(siren: str, cause: str, template: str, delivery: RecordDelivery) -> NotificationSent | NotificationFailed:
    notification = str(notification_id(UUID(cause)))
    if delivery.outcome == "sent":
        return NotificationSent(
            siren=siren, notification_id=notification, template=template, channel="email", cause=cause
        )
    return NotificationFailed(
        siren=siren,
        notification_id=notification,
        template=template,
        channel="email",
        cause=cause,
        reason=delivery.reason or "échec sans précision",
    )
