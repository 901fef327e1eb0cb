"""What every company is matched against: an index that the process holds, and the loads that a batch carries on."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from common.declare.pool import Draw, Pool, Pools, Ref, View
from france.working_days import WorkingDays
from matching.aids.catalogue import Catalogue
from matching.criteria.profile import Profiler
from matching.explain.wording import Wording
from matching.ruleset import Ruleset
from matching.search.index import Directory
from matching.search.loads import NONE, Loads, load_at, reaching, with_moves
from matching.search.searcher import Searcher


@dataclass(frozen=True, slots=True)
class Basis:
    """What no decision changes.

    Attributes:
        ruleset: the rule set.
        profiler: makes profiles of companies.
        catalogue: aids and resources.
        calendar: working days.
        wording: sentences of the explanations.
        directory: connecteurs, indexed.
        searcher: searches the directory.
    """

    ruleset: Ruleset
    profiler: Profiler
    catalogue: Catalogue
    calendar: WorkingDays
    wording: Wording
    directory: Directory
    searcher: Searcher


def _none(_: str) -> Loads:
    return NONE


DIRECTORY: Final[View[Basis]] = View("directory")
"""The directory as an index, with what goes with it."""

ALL: Final = "all"
"""The one key of `LOADS`."""

LOADS: Final[Pool[Loads]] = Pool("loads", Loads, _none)
"""Open offers + matches accepted in the last `capacity_days`, by number of the connecteur.

Carried through a batch and never locked: what counts is the conditional update when the batch is saved, which the rows
`LoadsMoved` ask for.
"""

_REF: Final = LOADS.at(ALL)
_NAMED: Final = (_REF,)


def every_load(_message: object, _state: object) -> tuple[Ref, ...]:
    """What a rule names that reads or moves loads."""
    return _NAMED


def loads_of(pools: Pools, basis: Basis) -> Loads:
    """The loads as they stand in a batch."""
    return with_room(pools.get(LOADS, ALL), basis)


def with_room(loads: Loads, basis: Basis) -> Loads:
    """The loads with room for every connecteur of the directory: a line may have come since they were read."""
    return reaching(loads, len(basis.directory.numbers))


def load_of(loads: Loads, basis: Basis, connector_id: str) -> int:
    """The load of one connecteur of the directory."""
    return load_at(loads, basis.directory.numbers[connector_id])


def moved_loads(loads: Loads, basis: Basis, connector_ids: Iterable[str], by: int) -> Loads:
    """The loads with those of these connecteurs moved; never below zero."""
    numbers = basis.directory.numbers
    return with_moves(loads, [(numbers[connector_id], by) for connector_id in connector_ids])


def drawn(loads: Loads) -> tuple[Draw, ...]:
    """The loads as a decision leaves them."""
    return (Draw(_REF, loads),)
