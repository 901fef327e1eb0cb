"""T0, T1, T2: which measurement a diagnosis is, by calendar months in Europe/Paris."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, NamedTuple

from diagnostic.diagnostics.model import Completed
from diagnostic.ruleset import RULESET
from diagnostic.terms import Stage
from france.days import add_months, last_day_within, paris_day

FIRST: Final[Stage] = "T0"
FREE: Final[Stage] = "libre"


class StageWindow(NamedTuple):
    """When a re-measurement counts, both days included."""

    stage: Stage
    opens: date
    closes: date


def windows(first: datetime) -> tuple[StageWindow, ...]:
    """The re-measurement windows after a first diagnosis."""
    day = paris_day(first)
    return tuple(
        StageWindow(window.id, add_months(day, window.from_months), add_months(day, window.to_months))
        for window in RULESET.stages.windows
    )


def stage_of(previous: Sequence[Completed], now: datetime) -> Stage:
    """The stage of a full diagnosis submitted now.

    Args:
        previous: those already submitted, oldest first.
        now: when this one is submitted.

    Returns:
        `T0` for the first; `T1` or `T2` for the first inside its window; `libre` otherwise.
    """
    if not previous:
        return FIRST
    day = paris_day(now)
    taken = {done.stage for done in previous}
    for stage, opens, closes in windows(previous[0].completed_at):
        if opens <= day <= closes and stage not in taken:
            return stage
    return FREE


def valid_until(completed_at: datetime) -> date:
    """Last Paris day on which a full diagnosis counts for the label and the chèque: it is less than 12 months old."""
    return last_day_within(paris_day(completed_at), RULESET.stages.valid_months)
