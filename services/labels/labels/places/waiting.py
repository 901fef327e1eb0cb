"""The waiting list: its head, whose turn it is, when places next open by themselves."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec

from common.declare.pool import Pool, Ref
from france.days import paris_day, start_of_day
from labels.places.cohort import COHORTS, NOBODY
from labels.ruleset import Reserve

ROUND: Final = 500
"""Files that are offered a place at once: what one transaction of the core decides of them."""


NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of a list that nobody entered."""

TICK: Final = timedelta(microseconds=1)
"""The least that keeps two times apart."""


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """The head of the list, one for all years.

    Attributes:
        next_ticket: what the next file that waits gets.
        by_region: region → number of files that wait.
        last_at: the time given to the file that entered last (UTC).
    """

    next_ticket: int = 1
    by_region: Mapping[str, int] = msgspec.field(default_factory=lambda: NOBODY)
    last_at: datetime = NEVER

    @property
    def count(self) -> int:
        """Files that wait."""
        return sum(self.by_region.values())

    def next_time(self, instant: datetime) -> datetime:
        """The time of a file that enters at `instant`: never before that of a file ahead of it.

        Requests of several processes reach the list in another order than they came in, by milliseconds; the list and
        the times that people are shown must tell the same.
        """
        return max(instant, self.last_at + TICK)

    def entered(self, region: str, since: datetime) -> "Waiting":
        """The list with one file more at its end, which gets `next_ticket`; `since`: its `next_time`."""
        return Waiting(self.next_ticket + 1, self._moved(region, 1), since)

    def left(self, region: str) -> "Waiting":
        """The list with one file less."""
        return Waiting(self.next_ticket, self._moved(region, -1), self.last_at)

    def _moved(self, region: str, by: int) -> Mapping[str, int]:
        return {**self.by_region, region: self.by_region.get(region, 0) + by}


class Turn(msgspec.Struct, frozen=True, gc=False):
    """Whose turn it is: the companies whom the free places of a day's year serve, the first `ROUND` of them.

    Attributes:
        regions: SIREN → region, in the order of the list.
        drawn: whether some were served since it was read: it may be the turn of others by now.
    """

    regions: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    drawn: bool = False

    def without(self, siren: str) -> "Turn":
        """What is left when this company was served."""
        rest = dict(self.regions)
        del rest[siren]
        return Turn(rest, drawn=True)


class Queued(msgspec.Struct, frozen=True, gc=False):
    """A row for the store: this file entered the waiting list."""

    siren: str
    ticket: int
    region: str
    cohort_year: int
    since: datetime


class Unqueued(msgspec.Struct, frozen=True, gc=False):
    """A row for the store: this file left the waiting list."""

    siren: str


def empty_list(_: str) -> Waiting:
    """The waiting list before anybody waits."""
    return Waiting()


def nobodys_turn(_: str) -> Turn:
    """Nobody waits, or no place is free."""
    return Turn()


ALL: Final = "all"
"""The key of the one waiting list."""

WAITING: Final[Pool[Waiting]] = Pool("waiting", Waiting, empty_list)
"""The head of the waiting list. Its name sorts after that of the cohorts: whoever needs both locks it second."""

TURNS: Final[Pool[Turn]] = Pool("waiting_turns", Turn, nobodys_turn)
"""Whose turn it is on a day of Paris, its key. Its name sorts last: it is read under the locks of the other two."""


def places_at(instant: datetime) -> tuple[Ref, Ref]:
    """The pools that a file which asks for a place at `instant` draws on."""
    return (COHORTS.at(str(paris_day(instant).year)), WAITING.at(ALL))


def turn_at(instant: datetime) -> tuple[Ref, Ref, Ref]:
    """The pools of whoever serves the list at `instant`."""
    return (*places_at(instant), TURNS.at(paris_day(instant).isoformat()))


def next_opening(instant: datetime, reserve: Reserve) -> datetime:
    """When places next open by themselves, in UTC: a year begins, or the regional reserve is freed."""
    day = paris_day(instant)
    if reserve.percent and day.month < reserve.freed_from_month:
        return start_of_day(date(day.year, reserve.freed_from_month, 1))
    return start_of_day(date(day.year + 1, 1, 1))
