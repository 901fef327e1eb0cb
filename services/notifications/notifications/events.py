"""What this service publishes on `croissance.notifications.v1`. No address, no name: contacts stay here."""

from typing import Annotated, Literal

from pydantic import Field

from common.declare.event import Event

Siren = Annotated[str, Field(pattern=r"^\d{9}$")]
Uuid = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Template = Annotated[
    str, Field(pattern=r"^[a-z_]+$", description="What the message is about, for example label_granted")
]


class NotificationSent(Event, frozen=True, kw_only=True):
    """The mail server took the message over.

    Attributes:
        siren: the company.
        notification_id: UUID of the message, derived from its cause.
        template: what the message is about.
        channel: how it was sent.
        cause: id of the event that led to it.
    """

    siren: Siren
    notification_id: Uuid
    template: Template
    channel: Literal["email"]
    cause: Uuid


class NotificationFailed(Event, frozen=True, kw_only=True):
    """The message will not be sent: refused for good, or refused for now too many times.

    Attributes:
        siren: the company.
        notification_id: UUID of the message, derived from its cause.
        template: what the message is about.
        channel: how it should have been sent.
        cause: id of the event that led to it.
        reason: SMTP status codes and our own words, never the server's text: it may hold the address.
    """

    siren: Siren
    notification_id: Uuid
    template: Template
    channel: Literal["email"]
    cause: Uuid
    reason: Annotated[str, Field(min_length=1, max_length=200)]
