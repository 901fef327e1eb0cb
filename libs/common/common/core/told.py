"""Facts that are told already: how what is decided again is recognised in its own topic. Pure."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Protocol

IDENTITY = "ce_id"


class Fact(Protocol):
    """What tells a fact from others: an event to publish has it, and a record of Kafka."""

    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102
    @property
    def headers(self) -> Iterable[tuple[str, bytes | None]]: ...  # noqa: D102


def fact_id(fact: Fact) -> str:
    """The id of a fact: derived from its cause, so the same decision has it again; "" for one without."""
    found = next((value for name, value in fact.headers if name == IDENTITY), None)
    return (found or b"").decode(errors="replace")


def fact_mark(fact: Fact) -> bytes:
    """A fingerprint of what a fact says: its key and its data."""
    return sha256(b"%d %b%b" % (len(fact.key or b""), fact.key or b"", fact.value or b"")).digest()
