"""Given, when, then for rules: the decision that the table of a service takes on one input."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from common.core.codec import partition_of
from common.declare.aggregate import Rule
from common.declare.decision import Decision
from common.declare.message import Message
from common.declare.pool import Draw, Pools, Ref
from common.declare.service import Service

FIRST = UUID(int=1)
"""The id of a message where a test names none."""


def rule_of(service: Service, item: object) -> Rule[Any]:
    """The rule that the tables of a service give an input.

    Raises:
        LookupError: none does.
    """
    for rule in service.rules:
        if rule.input is type(item):
            return rule
    raise LookupError(f"{service.name} has no rule for {type(item).__name__}")


def message_of(item: Any, key: str, at: datetime, *, id: UUID = FIRST, region: str = "") -> Message[Any]:  # noqa: A002  its name in `Message`
    """An input as a message of a chain that starts with it."""
    return Message(item, key, partition_of(key), id, at, id, region)


def decided(
    service: Service,
    state: Any,
    message: Message[Any],
    pools: Mapping[Ref, Any] | None = None,
    views: Mapping[str, Any] | None = None,
) -> Decision[Any]:
    """What the rule of `message` decides; only the pools that it says it needs can be read, as in the core.

    Raises:
        PoolMissing: the rule reads a pool that it did not name.
        KeyError: it names a pool that is not given.
    """
    rule = rule_of(service, message.input)
    named = () if rule.pools is None else rule.pools(message, state)
    given = pools or {}
    return rule.decide(state, Pools({ref: given[ref] for ref in named}, views or {}), message)


def after(pools: Mapping[Ref, Any], draws: tuple[Draw, ...]) -> dict[Ref, Any]:
    """The pools as a decision leaves them."""
    return {**pools, **{draw.ref: draw.value for draw in draws}}
