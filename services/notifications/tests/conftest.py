"""A real PostgreSQL (the one of the settings, else one of our own) and a real SMTP server that can refuse."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP
from pydantic import SecretStr

from common.process.context import Context
from common.testing.database import service_context
from notifications.app import APP
from notifications.sender import Sender
from notifications.settings import MailSettings, SmtpSettings

from .driving import sender_of


@dataclass
class Inbox:
    """What the SMTP server received, and what it answers.

    Attributes:
        port: where it listens.
        mails: accepted mails, in order.
        replies: address → answers to give to its next recipients, first to last.
        closing: addresses at whose message the connection is cut once, after it was accepted.
        connections: how often a client said hello.
        refuses_us: answer 530 to every sender.
        senders: answers to give to the next senders, first to last.
        most_bytes: a mail announced larger than that is refused when it is announced.
    """

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list[EmailMessage])
    replies: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    closing: set[str] = field(default_factory=set[str])
    connections: int = 0
    refuses_us: bool = False
    senders: list[str] = field(default_factory=list[str])
    most_bytes: int = 0

    async def handle_EHLO(  # noqa: N802  the server's name for it
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.refuses_us:
            return "530 5.7.0 authentication required"
        announced = [int(option.partition("=")[2]) for option in options if option.upper().startswith("SIZE=")]
        if self.most_bytes and announced[0] > self.most_bytes:
            return "552 5.3.4 message too big"
        if self.senders:
            return self.senders.pop(0)
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.replies.get(address):
            return self.replies[address].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        parsed = BytesParser(policy=default).parsebytes(envelope.content)
        assert isinstance(parsed, EmailMessage)
        self.mails.append(parsed)
        if envelope.rcpt_tos[0] in self.closing:
            self.closing.discard(envelope.rcpt_tos[0])
            server.transport.abort()
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        """The mails to an address."""
        return [mail for mail in self.mails if address in str(mail["To"])]


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    """A real SMTP server on a free port."""
    box = Inbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, hostname="inbox"), "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    yield box
    server.close()
    await server.wait_closed()


@pytest.fixture
def mail_settings() -> MailSettings:
    """The settings of the sender; a test module overrides what it needs."""
    return MailSettings(gather_seconds=0, connections=2, timeout_seconds=5)


@pytest.fixture
async def context(inbox: Inbox, mail_settings: MailSettings) -> AsyncIterator[Context]:
    """The service opened on a schema of its own, dropped afterwards; no broker is needed."""
    settings = {
        "smtp": SmtpSettings(url=SecretStr(f"smtp://127.0.0.1:{inbox.port}")),
        "public_url": "https://croissance-connectee.example",
        "notifications": mail_settings,
    }
    async with service_context(APP, pool_size=6, **settings) as opened:
        yield opened


@pytest.fixture
async def sender(context: Context, mail_settings: MailSettings) -> AsyncIterator[Sender]:
    """A sender whose connections are closed afterwards."""
    made = await sender_of(context, mail_settings)
    yield made
    await made.close()
