"""What the rules worked out and keep: a bounded memory, the same everywhere."""

from collections.abc import Hashable, MutableMapping
from typing import Final, TypeVar

LIMIT: Final = 10_000
"""Entries a memo keeps before it starts again: what comes from outside must not fill the memory."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


def kept(memo: MutableMapping[Key, Value], key: Key, value: Value) -> Value:
    """Remember a value; a memo that is full forgets everything first."""
    if len(memo) >= LIMIT:
        memo.clear()
    memo[key] = value
    return value
