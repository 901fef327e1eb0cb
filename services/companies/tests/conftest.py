"""Fixtures: a real PostgreSQL (the one of the settings, else one of our own)."""

from collections.abc import AsyncIterator

import pytest

from common.process.context import Context
from common.testing.database import service_context
from companies.app import APP


@pytest.fixture
async def context() -> AsyncIterator[Context]:
    """The service opened on a schema of its own, dropped afterwards; no broker is needed."""
    async with service_context(APP, pool_size=6) as opened:
        yield opened
