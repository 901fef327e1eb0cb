"""Mails as bytes: headers, a text and an HTML part, a deterministic Message-ID.

Written by hand because every mail has the same shape: `email.message.EmailMessage` takes about 4 ms of CPU to fold the
same headers. The tests read every letter back with the standard library.
"""

from base64 import b64encode, encodebytes
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime, quote, unquote
from functools import lru_cache
from typing import Final, NamedTuple
from uuid import UUID

from email_validator import EmailNotValidError, validate_email

from notifications.mail.rendering import Rendered

ENCODED_BYTES: Final = 42
"""Bytes of text in one encoded word: it stays under 75 characters, and its line under 78 with the header's name."""


class Person(NamedTuple):
    """A name, which may be "", and an address in ASCII."""

    name: str
    address: str


def read_person(text: str) -> Person:
    """Read `address` or `Name <address>`, as people write it: the name may hold commas, quoted or not.

    Raises:
        ValueError: there is no address that mail could be sent from or to.
    """
    text = " ".join(text.split())
    name, address = "", text
    if text.endswith(">"):
        name, _, address = text[:-1].rpartition("<")
        name = name.strip()
        if len(name) > 1 and name[0] == name[-1] == '"':
            name = unquote(name)
    try:
        valid = validate_email(address, check_deliverability=False, allow_smtputf8=False, globally_deliverable=False)
    except EmailNotValidError:
        raise ValueError("expected an address, or a name and an <address>") from None
    if not name.isprintable():
        raise ValueError("the name holds control characters")
    return Person(name, valid.ascii_email or valid.normalized)


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail ready for SMTP.

    Attributes:
        recipient: envelope address.
        content: headers and body, ASCII, lines ended by CRLF.
    """

    recipient: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What every mail of this platform carries.

    Attributes:
        sender: `Name <address>`; its address is the envelope sender, its domain that of the Message-ID.
        reply_to: address for answers, or "".
        address: the envelope sender.
        headers: the header lines that never change.

    Raises:
        ValueError: `sender` or `reply_to` holds no address.
    """

    sender: str
    reply_to: str = ""
    address: str = field(init=False)
    headers: str = field(init=False)

    def __post_init__(self) -> None:
        name, address = read_person(self.sender)
        lines = [f"From: {_person(name, address)}"]
        if self.reply_to:
            lines.append(f"Reply-To: {_person(*read_person(self.reply_to))}")
        lines += ["Auto-Submitted: auto-generated", "Content-Language: fr", "MIME-Version: 1.0"]
        object.__setattr__(self, "address", address)
        object.__setattr__(self, "headers", "\r\n".join(lines))

    @property
    def domain(self) -> str:
        """The domain of the sender."""
        return self.address.rpartition("@")[2]

    def message_id(self, mail_id: UUID) -> str:
        """The Message-ID of a mail: the same each time it is sent, so a resend after a crash is recognisable."""
        return f"<{mail_id.hex}@{self.domain}>"

    def write(
        self, mail_id: UUID, to: tuple[str, str], rendered: Rendered, at: datetime, unsubscribe_url: str
    ) -> Letter:
        """Put a rendered mail into an envelope.

        Args:
            mail_id: id of the mail.
            to: name (may be "") and address.
            rendered: what it says.
            at: its date, aware.
            unsubscribe_url: one-click address (RFC 8058), or "" for a legal act.
        """
        boundary = f"=_{mail_id.hex}"
        lines = [
            self.headers,
            f"To: {_person(*to)}",
            f"Subject: {_encoded(rendered.subject)}",
            f"Date: {format_datetime(at)}",
            f"Message-ID: {self.message_id(mail_id)}",
        ]
        if unsubscribe_url:
            lines += [
                f"List-Unsubscribe: <{unsubscribe_url}>",
                "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
            ]
        lines += [
            f'Content-Type: multipart/alternative; boundary="{boundary}"',
            "",
            f"--{boundary}",
            _part("plain", rendered.text),
            f"--{boundary}",
            _part("html", rendered.html),
            f"--{boundary}--",
            "",
        ]
        return Letter(to[1], "\r\n".join(lines).encode("ascii"))


def _part(subtype: str, text: str) -> str:
    """One body: its headers and its text in base64."""
    body = encodebytes(text.encode()).decode("ascii").replace("\n", "\r\n")
    return f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: base64\r\n\r\n{body}'


def _person(name: str, address: str) -> str:
    """A name, quoted or encoded as needed, and an address. Line breaks become spaces: they cannot add headers."""
    name = " ".join(name.split())
    if not name:
        return _one_line(address)
    shown = f'"{quote(name)}"' if name.isascii() and "=?" not in name else _encoded(name)
    return f"{shown} <{_one_line(address)}>"


def _one_line(address: str) -> str:
    return "".join(address.split())


@lru_cache(maxsize=4096)
def _encoded(text: str) -> str:
    """A header value; where it is not ASCII, encoded words (RFC 2047), one a line."""
    text = " ".join(text.split())
    if text.isascii() and "=?" not in text:
        return text
    chunks = [b""]
    for character in text:
        encoded = character.encode()
        if len(chunks[-1]) + len(encoded) > ENCODED_BYTES:
            chunks.append(b"")
        chunks[-1] += encoded
    return "\r\n ".join(f"=?utf-8?b?{b64encode(chunk).decode('ascii')}?=" for chunk in chunks)
