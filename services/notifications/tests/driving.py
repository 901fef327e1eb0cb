"""What tests of the sender, of the doors and of the store do: facts happen, contacts are saved, time passes."""

from typing import Any
from uuid import UUID

import msgspec

from common.core import clock
from common.core.commands import Ask
from common.core.requests import apply_commands
from common.declare.inputs import Command
from common.process.context import Context
from common.testing.database import published
from common.testing.rules import message_of
from notifications import store
from notifications.contacts.inputs import SaveContact
from notifications.mail.letters import Letterhead
from notifications.mail.unsubscribe import UnsubscribeLinks
from notifications.sender import Sender
from notifications.settings import MailSettings

from .samples import SIREN, fact

OTHER = "552100554"
EMAIL = "camille@exemple.fr"
BASE = "https://croissance-connectee.example"


def contact(email: str = EMAIL, **changes: Any) -> SaveContact:
    fields: dict[str, Any] = {
        "email": email, "name": "Camille Martin", "language": "fr", "channels": ("email",), "muted": (),
        "subscribed": None,
    }  # fmt: skip
    return SaveContact(**(fields | changes))


async def run(context: Context, *inputs: Command, siren: str = SIREN) -> None:
    await context.execute_all([Ask(item, siren, "84") for item in inputs])


async def happen(context: Context, *templates: str, siren: str = SIREN) -> list[UUID]:
    """Events of these kinds arrive in one batch; returns their ids."""
    now = clock.now()
    messages = [message_of(fact(each), siren, now, id=clock.new_id(), region="84") for each in templates]
    applied = await apply_commands(context.codec, context.begin, messages)
    assert not applied.failures
    return [message.id for message in messages]


async def sender_of(context: Context, settings: MailSettings) -> Sender:
    async with context.reading() as connection:
        keys = await store.signing_keys(connection)
    letterhead = Letterhead(settings.sender, settings.reply_to)
    return Sender(context, settings, letterhead, settings.site(BASE), UnsubscribeLinks(keys, BASE))


async def statuses(context: Context, siren: str = SIREN) -> dict[str, str]:
    rows = await context.pool.fetch("select template, status from messages_to_send where siren = $1", siren)
    return {row["template"]: row["status"] for row in rows}


async def told(context: Context) -> list[tuple[str, dict[str, Any]]]:
    return [(event.type, msgspec.json.decode(event.value)) for event in await published(context.pool)]


async def make_due(context: Context) -> None:
    """Time passes: whatever waits for a moment has reached it."""
    await context.pool.execute("update messages_to_send set ready_at = ready_at - interval '10 days'")
