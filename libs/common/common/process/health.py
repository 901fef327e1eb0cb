"""Health is progress: a process that has work and does not move is not live, whatever it answers to a ping."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from common.core.inbox import TopicPartition

REREAD_AFTER = 5.0
"""Seconds a number is missing before its partition is read again: from the position, and if that is in vain from the
beginning of the log, where it stands if the log was lost and sent again while this process was away."""

LOOK_LATE = 5.0
"""Seconds between two looks of the watchdog beyond which it was kept from looking."""

BUSY_SHARE = 0.5
"""Share of the time that a process must have computed to count as busy."""

BUSY_PATIENCE = 5
"""How many times longer a process that computes all along may take for a batch."""

UNPUBLISHED_AFTER = 30.0
"""Seconds events wait for the broker, with none published, after which a process says so."""

REREAD_EVERY = 60.0
"""Seconds between later attempts, from the beginning."""


@dataclass(slots=True)
class Gap:
    """A partition that waits for a missing number.

    Attributes:
        missing: the number.
        since: when it was first missed.
        rereads: how often the partition was read again for it.
        reread_at: when it will be next.
    """

    missing: int
    since: float
    rereads: int = 0
    reread_at: float = 0.0


class CutShort(NamedTuple):
    """A partition whose log ends before what was read of it: the broker lost records that it had acknowledged."""

    end: int
    read: int
    since: float


@dataclass(slots=True)
class Progress:
    """What the watchdog and the probes look at. Times are seconds of the event loop's clock.

    Attributes:
        stuck_after: seconds with work waiting and nothing applied after which the process is stuck.
        moved_at: when a batch was last applied, later by the time that is not held against the process.
        looked_at: when the watchdog last looked.
        computed: seconds of CPU the process had used then.
        started: it belongs to its consumer group.
        stopping: it was asked to stop.
        failing: why the last batch failed, "" when it did not or when nothing waits any more of what failed.
        failed: the partitions of that batch.
        gaps: partitions that wait for a missing number.
        cut_short: partitions whose log lost its end.
        unpublished_since: since when events wait and none is published; None: none waits, or some are.
        published: how many were published when that was last looked at.
        held: since when a partition is held by a transaction that its writer has not ended.
        missing_topics: topics that the broker does not have → why they cannot be made again, or "".
    """

    stuck_after: float
    moved_at: float = 0.0
    looked_at: float = 0.0
    computed: float = 0.0
    started: bool = False
    stopping: bool = False
    failing: str = ""
    failed: frozenset[TopicPartition] = frozenset()
    unpublished_since: float | None = None
    published: int | None = None
    gaps: dict[TopicPartition, Gap] = field(default_factory=dict[TopicPartition, Gap])
    cut_short: dict[TopicPartition, CutShort] = field(default_factory=dict[TopicPartition, CutShort])
    held: dict[TopicPartition, float] = field(default_factory=dict[TopicPartition, float])
    missing_topics: dict[str, str] = field(default_factory=dict[str, str])

    def moved(self, now: float) -> None:
        """A batch was applied, or consuming began: a backlog found at the start is no sign of being stuck."""
        self.moved_at = now
        self.failing = ""

    def note_work(self, lag: int, now: float, *, may_write: bool) -> None:
        """Who has nothing to do, or may not write for now, is not stuck: a restart would mend nothing."""
        if lag == 0 or not may_write:
            self.moved_at = now

    def note_failure(self, reason: str, partitions: frozenset[TopicPartition]) -> None:
        """A batch of these partitions failed and comes again, here or where they go."""
        self.failing, self.failed = reason, partitions

    def note_lags(self, assigned: frozenset[TopicPartition], lags: Mapping[TopicPartition, int]) -> None:
        """Forget a failure once another process has its partitions, or nothing of them waits: it was applied after all.

        `lags` has the partitions whose end is known; one that the broker does not tell of may still wait.
        """
        self.failed = frozenset(where for where in self.failed & assigned if lags.get(where, 1) > 0)
        if not self.failed:
            self.failing = ""

    def note_gaps(self, seen: Mapping[TopicPartition, int], healed: set[TopicPartition], now: float) -> None:
        """Remember since when a partition waits for a missing number; forget those that went on."""
        for where in healed:
            self.gaps.pop(where, None)
        for where, missing in seen.items():
            known = self.gaps.get(where)
            if known is None or known.missing != missing:
                self.gaps[where] = Gap(missing, now, reread_at=now + REREAD_AFTER)

    def note_assigned(self, assigned: frozenset[TopicPartition]) -> None:
        """Forget what was wrong with partitions that another process has now."""
        self.gaps = {where: gap for where, gap in self.gaps.items() if where in assigned}

    def note_ends(self, short: Mapping[TopicPartition, tuple[int, int]], now: float) -> None:
        """Remember since when a log ends (first offset) before what was read of it (second); forget the others."""
        since = {where: cut.since for where, cut in self.cut_short.items()}
        self.cut_short = {where: CutShort(*span, since.get(where, now)) for where, span in short.items()}

    def note_unpublished(self, waiting: int, published: int, now: float) -> None:
        """Remember since when events of the service wait and none of them is published, whichever process does it."""
        if not waiting or self.published not in (None, published):
            self.unpublished_since = None
        elif self.unpublished_since is None:
            self.unpublished_since = now
        self.published = published

    def note_held(self, held: Collection[TopicPartition], now: float) -> None:
        """Remember since when an open transaction holds a partition; forget the others."""
        self.held = {where: self.held.get(where, now) for where in held}

    def rereads(self, now: float) -> dict[TopicPartition, bool]:
        """The partitions to read again now for a missing number; True: from the beginning of the log."""
        due: dict[TopicPartition, bool] = {}
        for where, gap in self.gaps.items():
            if now >= gap.reread_at:
                due[where] = gap.rereads > 0
                gap.reread_at = now + (REREAD_EVERY if gap.rereads else REREAD_AFTER)
                gap.rereads += 1
        return due

    def look(self, now: float, computed: float) -> None:
        """A look of the watchdog, at the seconds of CPU this process has `computed`.

        Time in which nobody could look (a frozen machine, a loop that was busy) is no time in which work stood still;
        of time in which the process computed all along, only a part is.
        """
        passed = now - self.looked_at
        if self.looked_at:
            slept = max(0.0, passed - LOOK_LATE)
            busy = passed - slept if computed - self.computed > passed * BUSY_SHARE else 0.0
            self.moved_at += slept + busy * (1 - 1 / BUSY_PATIENCE)
        self.looked_at, self.computed = now, computed

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
            f"sequence gap: {where.topic}/{where.partition} waits for {gap.missing}"
            for where, gap in sorted(self.gaps.items())
            if now - gap.since > gap_after
        ]
        found += [
            f"records lost: {where.topic}/{where.partition} ends at offset {cut.end}, {cut.read} were read"
            for where, cut in sorted(self.cut_short.items())
            if now - cut.since > gap_after
        ]
        found += [
            f"open transaction: {where.topic}/{where.partition} waits until its writer or the broker ends it"
            for where, since in sorted(self.held.items())
            if now - since > gap_after
        ]
        found += [
            f"topic missing: {topic}{f' (it cannot be made again: {why})' if why else ''}"
            for topic, why in sorted(self.missing_topics.items())
        ]
        return found

    def unpublished(self, now: float) -> float:
        """Seconds for which events of the service wait while none goes out; 0 when none waits, or some go out."""
        return 0.0 if self.unpublished_since is None else now - self.unpublished_since

    def remarks(self, now: float) -> list[str]:
        """What is wrong but keeps nobody from the doors: commands are committed, their events wait in the outbox."""
        waited = self.unpublished(now)
        return [] if waited <= UNPUBLISHED_AFTER else [f"broker: events wait and none is published for {waited:.0f} s"]
