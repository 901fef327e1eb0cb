"""A real PostgreSQL for the tests of the store and of the doors: the one of the settings, else one of our own."""

from collections.abc import AsyncIterator

import pytest

from common.runtime import Context
from common.testing.database import service_context
from diagnostic.model import DiagnosticFile
from diagnostic.service import SERVICE
from diagnostic.settings import DiagnosticSettings


@pytest.fixture
async def context() -> AsyncIterator[Context[DiagnosticFile, None]]:
    """The service opened on a schema of its own, dropped afterwards; no broker is needed."""
    async with service_context(SERVICE, DiagnosticSettings) as opened:
        yield opened
