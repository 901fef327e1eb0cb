"""The only place that asks what time it is or draws an id; a test or a demo moves the clock."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import uuid_utils

_offset = timedelta(0)


def now() -> datetime:
    """The current instant, aware UTC, shifted by `shift`."""
    return datetime.now(UTC) + _offset


def shift(offset: timedelta) -> None:
    """Move this process's clock by `offset` from the real one."""
    global _offset  # noqa: PLW0603  one clock a process is the point
    _offset = offset


def new_id() -> UUID:
    """A UUIDv7: where a chain of events starts."""
    return UUID(int=uuid_utils.uuid7().int)


Clock = Callable[[], datetime]
