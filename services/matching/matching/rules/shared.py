"""What every company is matched against, carried through the decisions of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

from matching.model import LoadsMoved
from matching.rules.aids import Catalogue
from matching.rules.calendar import WorkingDays
from matching.rules.directory import Directory, Loads
from matching.rules.explain import Wording
from matching.rules.figures import Figures
from matching.rules.profile import Profiler


@dataclass(frozen=True, slots=True)
class Shared:
    """The shared aggregate: rules and directory, which no decision changes, and the loads, which decisions move.

    Attributes:
        figures: the rule set.
        profiler: makes profiles of companies.
        catalogue: aids and resources.
        directory: connecteurs, indexed.
        calendar: working days.
        wording: sentences of the explanations.
        loads: open offers + matches accepted in the last `capacity_days`, by number of the connecteur.
    """

    figures: Figures
    profiler: Profiler
    catalogue: Catalogue
    directory: Directory
    calendar: WorkingDays
    wording: Wording
    loads: Loads


def load_of(shared: Shared, connector_id: str) -> int:
    """The load of one connecteur of the directory."""
    return shared.loads[shared.directory.numbers[connector_id]]


def with_loads(shared: Shared, rows: Sequence[object]) -> Shared:
    """The shared aggregate with the loads these rows move; never below zero."""
    moves = [row for row in rows if isinstance(row, LoadsMoved)]
    if not moves:
        return shared
    loads, numbers = shared.loads[:], shared.directory.numbers
    for row in moves:
        for connector_id in row.connector_ids:
            number = numbers[connector_id]
            loads[number] = max(0, loads[number] + row.by)
    return Shared(
        shared.figures, shared.profiler, shared.catalogue, shared.directory, shared.calendar, shared.wording, loads
    )
