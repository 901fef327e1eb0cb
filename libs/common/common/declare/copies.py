"""Copies of another's data: the newest fact wins, not the newest message.

What a service keeps of another's data reaches it by more than one way: on the topic of its owner, and inside the events
of a third who keeps a copy too. Messages of two topics cross each other, so which was heard last, and when it was sent,
say nothing of the fact; its version does, and travels with every copy.
"""

from datetime import datetime
from typing import TypeVar

Version = TypeVar("Version", int, datetime)
"""A number that its owner raises with each change, or the instant of a fact that never changes."""


def supersedes(told: Version, known: Version | None, *, same: bool = True) -> bool:
    """Whether what is told replaces what is known.

    Args:
        told: the version of what is told.
        known: the version of what is known; None: nothing is.
        same: whether two of one version are one fact told twice. If they are not, the one told last is the newer one:
            the facts of a key come in the order in which their owner decided them. (So with what was published before
            it carried a version, where the first version stands for it.)
    """
    return known is None or told > known or (told == known and not same)
