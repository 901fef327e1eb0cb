"""The state of a key."""

import msgspec


class Entry(msgspec.Struct, frozen=True, gc=False):
    """What is known of one company; `region` is None until the register has told of it."""

    siren: str
    region: str | None = None
    wishes: tuple[str, ...] = ()


class NoteAnswer(msgspec.Struct, frozen=True, gc=False):
    """What the caller of `Note` gets back."""

    siren: str
    wishes: tuple[str, ...]


class Wish(msgspec.Struct, frozen=True, gc=False):
    """A row of the table of wishes."""

    siren: str
    wish: str
