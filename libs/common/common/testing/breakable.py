"""Rules that fail: what a bad release does, until a good one mends it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Literal

import msgspec

from common.declare.decision import Decision, Schedule
from common.declare.inputs import Deadline
from common.declare.message import Message
from common.declare.pool import Pools
from common.declare.service import Service

Fault = Literal["raises", "unstorable", "endless", "rowless"]
"""A broken rule raises, sets a deadline that the database refuses, makes a state without JSON, or no rows."""

Faults = dict[object, Fault]
"""Which inputs meet a broken rule, by key, or by their `n` or `token`; empty when the release is mended."""

FAULTS: Final[tuple[Fault, ...]] = ("raises", "unstorable", "endless")


class Never(Deadline, frozen=True):
    """A deadline that no service declares."""


def breakable(service: Service, faults: Faults) -> Service:
    """The service with rules that fail as `faults` says at the time."""
    aggregates = tuple(
        replace(
            aggregate, rules=tuple(replace(rule, decide=_breakable(rule.decide, faults)) for rule in aggregate.rules)
        )
        for aggregate in service.aggregates
    )
    return replace(service, aggregates=aggregates)


def with_rule(service: Service, decide: Callable[[Any, Pools, Message[Any]], Decision[Any]]) -> Service:
    """The service with one rule for everything that comes in."""
    aggregates = tuple(
        replace(aggregate, rules=tuple(replace(rule, decide=decide) for rule in aggregate.rules))
        for aggregate in service.aggregates
    )
    return replace(service, aggregates=aggregates)


def _breakable(
    rule: Callable[[Any, Pools, Message[Any]], Decision[Any]], faults: Faults
) -> Callable[[Any, Pools, Message[Any]], Decision[Any]]:
    def decide(state: Any, pools: Pools, message: Message[Any]) -> Decision[Any]:
        if not faults:
            return rule(state, pools, message)
        item = message.input
        fault = faults.get(getattr(item, "token", None) or getattr(item, "n", None)) or faults.get(message.key)
        if fault == "raises":
            raise ValueError("a rule that fails")
        decision = rule(state, pools, message)
        if fault == "unstorable":
            bad = Schedule("a\0name", message.time, Never())
            return msgspec.structs.replace(decision, deadlines=(*decision.deadlines, bad))
        if fault == "endless":
            return msgspec.structs.replace(decision, state=float)
        if fault == "rowless":
            bad = Schedule("later", message.time, Never())
            return msgspec.structs.replace(decision, deadlines=(bad,), rows=None)
        return decision

    return decide
