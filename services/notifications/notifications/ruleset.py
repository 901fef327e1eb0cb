"""The figures that decide when waiting messages leave; `settings.py` reads them."""

from dataclasses import dataclass
from datetime import time, timedelta


@dataclass(frozen=True, slots=True)
class Ruleset:
    """The configurable figures.

    Attributes:
        gather: how long the first ordinary message of a wave waits for the others.
        per_week: most ordinary mails per company in any 7 days; 0: no limit.
        quiet: Paris times between which no ordinary mail leaves, or None.
        lease: how long a claimed mail belongs to the sender that claimed it.
    """

    gather: timedelta
    per_week: int
    quiet: tuple[time, time] | None
    lease: timedelta
