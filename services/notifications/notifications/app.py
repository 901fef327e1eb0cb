"""The process of this service: its declaration with storage, doors, the sender and settings."""

from pathlib import Path
from typing import Final

from common.postgres.storage import Storage
from common.process.app import App
from notifications import store
from notifications.api import routes
from notifications.messages.model import PENDING
from notifications.sender import send_mails
from notifications.service import SERVICE
from notifications.settings import NotificationSettings

APP: Final = App(
    service=SERVICE,
    storage=Storage(
        migrations=Path(__file__).parent / "migrations",
        pools={PENDING.name: store.PendingMessages()},
        project=store.project,
        adopt=store.adopt,
    ),
    routes=routes,
    loops=(send_mails,),
    settings=NotificationSettings,
)
