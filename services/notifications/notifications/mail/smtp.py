"""SMTP: connections kept open, letters handed over, answers without any address."""

import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

import aiosmtplib

from common.declare.errors import Misconfigured
from notifications.mail.letters import Letter

INTERRUPTED: Final = "connexion interrompue"
_CLOSING: Final = "421"


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail goes."""

    host: str
    port: int
    tls: bool
    start_tls: bool | None
    username: str | None
    password: str | None


def read_url(url: str) -> Server:
    """Read `smtp://[user:password@]host[:port]`: TLS when the server offers it, always with a user.

    `smtps://` is TLS from the start (port 465), `smtp+starttls://` insists on STARTTLS (port 587), `smtp+plain://`
    never encrypts.

    Raises:
        Misconfigured: the scheme is another one, the host is missing, or a password would travel unencrypted.
    """
    parts = urlsplit(url)
    known = {"smtp": (25, None), "smtp+plain": (25, False), "smtp+starttls": (587, True), "smtps": (465, False)}
    if parts.scheme not in known or not parts.hostname:
        raise Misconfigured(
            "CROISSANCE_SMTP__URL: expected smtp://, smtps://, smtp+starttls:// or smtp+plain:// and a host"
        )
    port, start_tls = known[parts.scheme]
    username = unquote(parts.username) if parts.username else None
    if username and parts.scheme == "smtp+plain":
        raise Misconfigured("CROISSANCE_SMTP__URL: a password over smtp+plain:// would travel unencrypted")
    if username and parts.scheme == "smtp":
        start_tls = True
    password = unquote(parts.password) if parts.password else None
    return Server(parts.hostname, parts.port or port, parts.scheme == "smtps", start_tls, username, password)


# --- sending ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said of one mail.

    Attributes:
        outcome: `sent`; `later` (4xx, or cut off while it was handed over); `refused` (5xx); `unreachable`: the server
            is away or wants none of our mail, which says nothing about this one.
        reason: status codes only; the server's text may hold the address.
    """

    outcome: Literal["sent", "later", "refused", "unreachable"]
    reason: str = ""


SENT: Final = Answer("sent")


@dataclass(slots=True)
class Mailer:
    """One SMTP connection, opened when needed and kept open."""

    server: Server
    sender: str
    timeout: float
    _client: aiosmtplib.SMTP | None = field(default=None)

    async def send(self, letter: Letter) -> Answer:
        """Hand over one mail. A connection that the server closed meanwhile is opened again once."""
        kept = self._client is not None
        answer = await self._try(letter)
        if kept and (answer.outcome == "unreachable" or answer.reason.startswith((INTERRUPTED, _CLOSING))):
            await self.close()
            return await self._try(letter)
        return answer

    async def close(self) -> None:
        """Say goodbye and close."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                await client.quit(timeout=2)
            client.close()

    async def _try(self, letter: Letter) -> Answer:
        try:
            client = await self._connected()
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ssl.SSLError) as error:
            await self.close()
            return Answer("unreachable", f"connexion impossible : {type(error).__name__}")
        try:
            await client.sendmail(self.sender, [letter.recipient], letter.content)
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _refusal(error.recipients[0])
        except aiosmtplib.SMTPSenderRefused as error:
            return Answer("unreachable", f"expéditeur refusé : {_refusal(error).reason}")
        except aiosmtplib.SMTPResponseException as error:
            return _refusal(error)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            await self.close()
            return Answer("later", f"{INTERRUPTED} : {type(error).__name__}")
        return SENT

    async def _connected(self) -> aiosmtplib.SMTP:
        client = self._client
        if client is not None and client.is_connected:
            return client
        server = self.server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls,
            start_tls=server.start_tls,
            username=server.username,
            password=server.password,
            timeout=self.timeout,
        )
        await client.connect()
        self._client = client
        return client


def _refusal(error: aiosmtplib.SMTPResponseException) -> Answer:
    """4xx: try later; 5xx: refused. Only codes are kept: `550 5.1.1`."""
    detail = error.message.split(maxsplit=1)[:1]
    enhanced = detail[0] if detail and _is_enhanced(detail[0]) else ""
    reason = f"{error.code} {enhanced}".strip()
    return Answer("later" if 400 <= error.code < 500 else "refused", reason)


def _is_enhanced(text: str) -> bool:
    """Whether this is an enhanced status code (RFC 3463): three numbers."""
    parts = text.split(".")
    return len(parts) == 3 and all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts)
