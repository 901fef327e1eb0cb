"""A real PostgreSQL for the tests of the store and of the doors: the one of the settings, else one of our own."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from common.core import clock
from common.process.context import Context
from common.process.main import doors_of
from common.testing.database import service_context
from labels.app import APP

from .builders import NOW, move_clock


@pytest.fixture
async def context() -> AsyncIterator[Context]:
    """The service opened on a schema of its own, dropped afterwards; no broker is needed. The clock says `NOW`."""
    move_clock(NOW)
    try:
        public_url = "https://croissance-connectee.example/"
        async with service_context(APP, pool_size=12, public_url=public_url) as opened:
            yield opened
    finally:
        clock.shift(timedelta(0))


@pytest.fixture
async def client(context: Context, held: Any) -> AsyncIterator[AsyncClient]:
    """An HTTP client of the service's own doors."""
    doors = doors_of(APP, context)
    transport, hooks = ASGITransport(doors, raise_app_exceptions=False), held(doors)
    headers = {"content-type": "application/json"}
    async with AsyncClient(
        transport=transport, base_url="http://127.0.0.1", headers=headers, event_hooks=hooks
    ) as http:
        yield http
