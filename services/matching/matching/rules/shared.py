"""What every company is matched against, carried through the decisions of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from france.working_days import WorkingDays
from matching.model import LoadsMoved
from matching.rules.aids import Catalogue
from matching.rules.directory import Directory
from matching.rules.explain import Wording
from matching.rules.figures import Figures
from matching.rules.loads import Loads, load_at, with_moves
from matching.rules.profile import Profiler
from matching.rules.search import Searcher


@dataclass(frozen=True, slots=True)
class Basis:
    """What no decision changes.

    Attributes:
        figures: the rule set.
        profiler: makes profiles of companies.
        catalogue: aids and resources.
        calendar: working days.
        wording: sentences of the explanations.
        directory: connecteurs, indexed.
        searcher: searches the directory.
    """

    figures: Figures
    profiler: Profiler
    catalogue: Catalogue
    calendar: WorkingDays
    wording: Wording
    directory: Directory
    searcher: Searcher


class Shared(msgspec.Struct, frozen=True, gc=False):
    """The shared aggregate.

    Attributes:
        basis: rules and directory.
        loads: open offers + matches accepted in the last `capacity_days`, by number of the connecteur.
    """

    basis: Basis
    loads: Loads


def load_of(shared: Shared, connector_id: str) -> int:
    """The load of one connecteur of the directory."""
    return load_at(shared.loads, shared.basis.directory.numbers[connector_id])


def with_loads(shared: Shared, rows: Sequence[object]) -> Shared:
    """The shared aggregate with the loads these rows move; never below zero."""
    numbers = shared.basis.directory.numbers
    moves: list[tuple[int, int]] = []
    for row in rows:
        if isinstance(row, LoadsMoved):
            by = row.by
            moves += [(numbers[connector_id], by) for connector_id in row.connector_ids]
    return Shared(shared.basis, with_moves(shared.loads, moves)) if moves else shared
