"""What is asked about contacts."""

from typing import Literal

from common.declare.inputs import Command


class SaveContact(Command, frozen=True):
    """Record, or replace, whom a company is reached by.

    Attributes:
        email: normalised address.
        name: how to greet the person, may be "".
        language: language of the messages.
        channels: channels accepted for ordinary messages; empty: legal acts only.
        muted: categories of ordinary messages not wanted.
        subscribed: True lifts an unsubscription, False makes one, None leaves it as it is.
    """

    email: str
    name: str
    language: Literal["fr"]
    channels: tuple[Literal["email"], ...]
    muted: tuple[str, ...]
    subscribed: bool | None


class EraseContact(Command, frozen=True):
    """Forget whom a company is reached by; the history stays, without identity."""


class Unsubscribe(Command, frozen=True):
    """Stop ordinary messages to the contact that `ref` names; legal acts go on."""

    ref: str
