"""What every company is matched against, carried through the decisions of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

from immutables import Map

from matching.model import LoadsMoved
from matching.rules.aids import Catalogue
from matching.rules.calendar import WorkingDays
from matching.rules.directory import Directory
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
        loads: connecteur → open offers + matches accepted in the last `capacity_days`; absent means 0.
    """

    figures: Figures
    profiler: Profiler
    catalogue: Catalogue
    directory: Directory
    calendar: WorkingDays
    wording: Wording
    loads: Map[str, int]


def with_loads(shared: Shared, rows: Sequence[object]) -> Shared:
    """The shared aggregate with the loads these rows move; never below zero."""
    loads = shared.loads
    for row in rows:
        if isinstance(row, LoadsMoved):
            for connector_id in row.connector_ids:
                loads = loads.set(connector_id, max(0, loads.get(connector_id, 0) + row.by))
    if loads is shared.loads:
        return shared
    return Shared(
        shared.figures, shared.profiler, shared.catalogue, shared.directory, shared.calendar, shared.wording, loads
    )
