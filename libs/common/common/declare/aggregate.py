"""Aggregates: the kinds of things that a service keeps, each with its table of rules."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec

from common.declare.decision import Decision
from common.declare.inputs import Command, Consumed, Deadline, FollowUp, Undecoded
from common.declare.message import Message
from common.declare.pool import Pools, Ref

State = TypeVar("State")
Given = TypeVar("Given", bound=Consumed | Command | Deadline | FollowUp | Undecoded)


class Nothing(msgspec.Struct, frozen=True, gc=False):
    """The state of an aggregate that remembers nothing of its keys: no row is read or written."""


NOTHING = Nothing()


def nothing(_: str) -> Nothing:
    """The initial state of a key of which nothing is remembered."""
    return NOTHING


@dataclass(frozen=True, slots=True)
class Foreign:
    """Topics that others write, one a writer: `<prefix>.<writer>.<suffix>`.

    Their records carry an id that is unique with their writer, no number: they are deduplicated by (writer, id).
    """

    prefix: str
    suffix: str

    def topic(self, writer: str) -> str:
        """The topic of a writer."""
        return f"{self.prefix}.{writer}.{self.suffix}"


Origin: TypeAlias = str | tuple[str, ...] | Foreign
"""Where a consumed input comes from: a producing service, several, or topics that others write."""


@dataclass(frozen=True, slots=True)
class Rule(Generic[State]):
    """One line of a table.

    Attributes:
        input: the class it decides on.
        decide: the rule, pure: (state, pools, message) → decision.
        origin: where a consumed input comes from; "" for all others.
        pools: the pools it needs, from (message, state); None: none.
    """

    input: type
    decide: Callable[[State, Pools, Message[Any]], Decision[State]]
    origin: Origin = ""
    pools: Callable[[Message[Any], State], Iterable[Ref]] | None = None


def on(
    kind: type[Given],
    rule: Callable[[State, Pools, Message[Given]], Decision[State]],
    *,
    of: Origin = "",
    pools: Callable[[Message[Given], State], Iterable[Ref]] | None = None,
) -> Rule[State]:
    """A line of a table: inputs of `kind` are decided by `rule`, which draws on `pools`; events come from `of`."""
    return Rule(kind, rule, of, pools)


@dataclass(frozen=True, slots=True)
class Aggregate(Generic[State]):
    """A kind of thing: its states are kept under (kind, key).

    Attributes:
        kind: name under which states are kept.
        state: class of a state; `Nothing` where nothing is remembered.
        initial: the state of a key never seen.
        rules: the table: what is consumed, commanded, due and followed up, each with its rule.
    """

    kind: str
    state: type[State]
    initial: Callable[[str], State]
    rules: tuple[Rule[State], ...]

    @property
    def kept(self) -> bool:
        """Whether anything is remembered."""
        return self.state is not Nothing
