"""Pools: what many keys draw on (an envelope, the places of a cohort); views: indexes that a process holds.

A rule says which pools it needs; the core locks them after the states are read, sorted, carries them through the
decisions of a batch and saves them once. A rule that reads a pool that is not locked is decided again with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar, cast

from common.declare.errors import Conflict

Value = TypeVar("Value")


class Ref(NamedTuple):
    """One pool: its kind and its key; sorts in lock order."""

    pool: str
    key: str


class Draw(NamedTuple):
    """A pool as it stands after a decision."""

    ref: Ref
    value: Any


class PoolMissing(Conflict):
    """Rules read pools that their declaration did not foresee: the transaction is taken again with them."""

    def __init__(self, refs: frozenset[Ref]) -> None:
        super().__init__(f"pools not locked yet: {', '.join(f'{pool}/{key}' for pool, key in sorted(refs))}")
        self.refs = refs


@dataclass(frozen=True, slots=True)
class Pool(Generic[Value]):
    """A kind of pool.

    Attributes:
        name: kind under which values are kept.
        value: class of the value, for the document that the core keeps; None where a value is never a document: a pool
            with columns of its own has a `PoolTable` in the service's storage.
        initial: the value of a key never seen; for a pool that somebody must open first, one that says so (None).
    """

    name: str
    value: Any
    initial: Callable[[str], Value]

    def at(self, key: str) -> Ref:
        """The pool of a key, for a rule to name."""
        return Ref(self.name, key)

    def drawn(self, key: str, value: Value) -> Draw:
        """The pool of a key as a decision leaves it."""
        return Draw(Ref(self.name, key), value)


@dataclass(frozen=True, slots=True)
class View(Generic[Value]):
    """A read-only index held by the process and brought up to date before each batch.

    Attributes:
        name: under which the service's storage has its reader.
    """

    name: str


@dataclass(frozen=True, slots=True)
class Pools:
    """What a rule may read beside its state: the pools of the batch as they stand now, and the views."""

    held: Mapping[Ref, Any] = field(default_factory=dict[Ref, Any])
    views: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def get(self, pool: Pool[Value], key: str) -> Value:
        """The pool of a key.

        Raises:
            PoolMissing: it is not locked; the core takes the transaction again with it.
        """
        try:
            return cast("Value", self.held[Ref(pool.name, key)])
        except KeyError:
            raise PoolMissing(frozenset((Ref(pool.name, key),))) from None

    def view(self, view: View[Value]) -> Value:
        """The index of this name.

        Raises:
            KeyError: the service declares no such view.
        """
        return cast("Value", self.views[view.name])


NO_POOLS = Pools()
