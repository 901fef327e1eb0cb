"""What the toy services read of each other's events: the same names, the fields they need."""

from common.declare.inputs import Consumed


class Counted(Consumed, frozen=True):
    """A key was counted."""

    key: str
    n: int


class Granted(Consumed, frozen=True):
    """A key was granted a unit."""

    n: int
