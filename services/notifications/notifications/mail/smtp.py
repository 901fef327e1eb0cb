"""SMTP: connections kept open, letters handed over, answers without any address."""

import re
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

import aiosmtplib

from notifications.mail.letters import Letter

INTERRUPTED: Final = "connexion interrompue"
_CLOSING: Final = "421"
_TOO_LARGE: Final = "552"
_TOO_LARGE_SAID: Final = ("5.2.3", "5.3.4")
_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_LITERAL: Final = re.compile(r"\[(\d{1,3}(\.\d{1,3}){3}|IPv6:[0-9A-Fa-f:.]{2,45})\]")


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
        ValueError: another scheme, no host, no such port, something behind it, a password without a user, or one that
            would travel unencrypted. The text never holds the password.
    """
    try:
        parts = urlsplit(url)
        chosen = parts.port
    except ValueError:
        raise ValueError("the port is a number from 1 to 65535, the host a name or an address") from None
    known = {"smtp": (25, None), "smtp+plain": (25, False), "smtp+starttls": (587, True), "smtps": (465, False)}
    if parts.scheme not in known or not parts.hostname:
        raise ValueError("expected smtp://, smtps://, smtp+starttls:// or smtp+plain:// and a host")
    if chosen == 0:
        raise ValueError("the port is a number from 1 to 65535")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("nothing comes after the port: a # / or ? of a password is written %23 %2F %3F")
    if bool(parts.username) != bool(parts.password):
        raise ValueError("a user and a password come together")
    port, start_tls = known[parts.scheme]
    username = unquote(parts.username) if parts.username else None
    if username and parts.scheme == "smtp+plain":
        raise ValueError("a password over smtp+plain:// would travel unencrypted")
    if username and parts.scheme == "smtp":
        start_tls = True
    password = unquote(parts.password) if parts.password else None
    return Server(parts.hostname, chosen or port, parts.scheme == "smtps", start_tls, username, password)


def is_greeting(name: str) -> bool:
    """Whether a server may be greeted by this name: a domain name or an address in brackets (RFC 5321, 4.1.1.1)."""
    return len(name) <= 255 and bool(_NAME.fullmatch(name) or _LITERAL.fullmatch(name))


def greeting(chosen: str, domain: str) -> str:
    """The name to greet servers by: the one chosen, else that of this machine where it is a full one, else `domain`.

    Nothing is looked up: a resolver that is away must not hold the mails.
    """
    name = chosen or socket.gethostname()
    return name if chosen or ("." in name and is_greeting(name)) else domain


# --- sending ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said of one mail.

    Attributes:
        outcome: `sent`; `later` (4xx, or cut off while it was handed over); `refused` (5xx); `unreachable`: the server
            is away, which says nothing about this mail; `sender_refused`: it may be this mail, or all of ours.
        reason: status codes only; the server's text may hold the address.
    """

    outcome: Literal["sent", "later", "refused", "unreachable", "sender_refused"]
    reason: str = ""


SENT: Final = Answer("sent")


@dataclass(slots=True)
class Mailer:
    """One SMTP connection, opened when needed and kept open."""

    server: Server
    sender: str
    timeout: float
    greeting: str
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
        return await self._hand_over(client, letter)

    async def _hand_over(self, client: aiosmtplib.SMTP, letter: Letter) -> Answer:
        try:
            await client.sendmail(self.sender, [letter.recipient], letter.content)
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _refusal(error.recipients[0])
        except aiosmtplib.SMTPSenderRefused as error:
            return _sender_refused(_refusal(error))
        except aiosmtplib.SMTPResponseException as error:
            return _refusal(error)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            await self.close()
            return Answer("later", f"{INTERRUPTED} : {type(error).__name__}")
        except ValueError:  # what the library does not let out: it is this mail's fault
            return Answer("refused", "adresse ou contenu que SMTP n’admet pas")
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
            local_hostname=self.greeting,
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


def _sender_refused(refusal: Answer) -> Answer:
    """`MAIL FROM` refused: the size announced with it is the mail's; the rest may be said of all that we send."""
    if refusal.reason.startswith(_TOO_LARGE) or refusal.reason.endswith(_TOO_LARGE_SAID):
        return Answer("refused", f"message trop volumineux : {refusal.reason}")
    return Answer("sender_refused", f"expéditeur refusé : {refusal.reason}")


def _is_enhanced(text: str) -> bool:
    """Whether this is an enhanced status code (RFC 3463): three numbers."""
    parts = text.split(".")
    return len(parts) == 3 and all(part.isascii() and part.isdigit() and len(part) <= 3 for part in parts)
