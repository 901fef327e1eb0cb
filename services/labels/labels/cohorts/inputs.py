"""What comes to a programme year. Key of all: the year as text, "2026"."""

from common.declare.inputs import Command, Deadline, FollowUp


class SetCohortCap(Command, frozen=True):
    """An operator changes how many labels the year may grant."""

    cap: int


class PlacesOpen(Deadline, frozen=True):
    """Places open by themselves: the year begins, or its regional reserve is freed."""


class ServeWaitingList(FollowUp, frozen=True):
    """Places may be free: offer them to those whose turn it is, round by round.

    Attributes:
        offered: whom the rounds before have offered a place that they may not have answered yet.
    """

    offered: tuple[str, ...] = ()
