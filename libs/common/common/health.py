"""Health is progress: a process that has work and does not move is not live, whatever it answers to a ping."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from common.inbox import TopicPartition


@dataclass(slots=True)
class Progress:
    """What the watchdog and the probes look at. Times are seconds of the event loop's clock.

    Attributes:
        stuck_after: seconds with work waiting and nothing applied after which the process is stuck.
    """

    stuck_after: float
    moved_at: float = 0.0
    started: bool = False
    stopping: bool = False
    failing: str = ""
    gaps: dict[TopicPartition, tuple[int, float]] = field(default_factory=dict[TopicPartition, tuple[int, float]])

    def moved(self, now: float) -> None:
        """A batch was applied, or consuming began: a backlog found at the start is no sign of being stuck."""
        self.moved_at = now
        self.failing = ""

    def note_gaps(self, seen: Mapping[TopicPartition, int], healed: set[TopicPartition], now: float) -> None:
        """Remember since when a partition waits for a missing number; forget those that went on."""
        for where in healed:
            self.gaps.pop(where, None)
        for where, missing in seen.items():
            known = self.gaps.get(where)
            if known is None or known[0] != missing:
                self.gaps[where] = (missing, now)

    def stuck(self, lag: int, now: float) -> bool:
        """Work waits and nothing moved for too long."""
        return self.started and not self.stopping and lag > 0 and now - self.moved_at > self.stuck_after

    def problems(self, now: float, gap_after: float = 5.0) -> list[str]:
        """Why the process is not ready, in plain words; empty when it is."""
        found: list[str] = []
        if not self.started:
            found.append("starting")
        if self.stopping:
            found.append("stopping")
        if self.failing:
            found.append(self.failing)
        found += [
            f"sequence gap: {where.topic}/{where.partition} waits for {missing}"
            for where, (missing, since) in sorted(self.gaps.items())
            if now - since > gap_after
        ]
        return found
