"""What this service keeps, draws on and publishes. Start reading here, then the tables of its aggregates."""

from typing import Final

from common.declare.service import Service
from notifications.contacts.table import CONTACTS
from notifications.events import NotificationFailed, NotificationSent
from notifications.messages.model import PENDING
from notifications.messages.table import MESSAGES

SERVICE: Final = Service(
    name="notifications",
    title="Contacts et messages aux entreprises",
    aggregates=(CONTACTS, MESSAGES),
    publishes=(NotificationSent, NotificationFailed),
    pools=(PENDING,),
)
