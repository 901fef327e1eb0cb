"""What a rule can be about. The base class of an input says how it comes in; its class name says what it is.

A service fails to start if an input class of its package has no rule: nothing that is declared can be forgotten.
"""

from typing import TypeAlias

import msgspec


class Consumed(msgspec.Struct, frozen=True, gc=False):
    """An event of another service, as far as this one reads it: the class has the name of the event."""


class Command(msgspec.Struct, frozen=True, gc=False):
    """What somebody asks for over HTTP."""


class Deadline(msgspec.Struct, frozen=True, gc=False):
    """What falls due: set by `Schedule`, withdrawn by `Cancel`."""


class FollowUp(msgspec.Struct, frozen=True, gc=False):
    """What a decision asks of another key of the same service, see `decision.Follow`."""


class Undecoded(msgspec.Struct, frozen=True, gc=False):
    """A record of a topic that is consumed whole, whatever its type, untouched.

    Attributes:
        type: its `ce_type`, "" when it has none.
        value: the bytes of its data.
        headers: as they came.
    """

    type: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


Input: TypeAlias = Consumed | Command | Deadline | FollowUp | Undecoded
