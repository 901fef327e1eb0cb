"""A real PostgreSQL for the tests of the store and of the doors: the one of the settings, else one of our own."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from httpx import ASGITransport, AsyncClient

from common import clock
from common.http import build_app
from common.runtime import Context
from common.testing.database import service_context
from labels.model import LabelFile, Programme
from labels.service import SERVICE

from .builders import NOW, move_clock


@pytest.fixture
async def context() -> AsyncIterator[Context[LabelFile, Programme]]:
    """The service opened on a schema of its own, dropped afterwards; no broker is needed. The clock says `NOW`."""
    move_clock(NOW)
    try:
        public_url = "https://croissance-connectee.example/"
        async with service_context(SERVICE, pool_size=12, public_url=public_url) as opened:
            yield opened
    finally:
        clock.shift(timedelta(0))


async def _ready() -> list[str]:
    return []


@pytest.fixture
async def client(context: Context[LabelFile, Programme]) -> AsyncIterator[AsyncClient]:
    """An HTTP client of the service's own doors."""
    assert SERVICE.routes is not None
    app = build_app(context, SERVICE.routes(context), _ready)
    async with AsyncClient(transport=ASGITransport(app, raise_app_exceptions=False), base_url="http://labels") as http:
        yield http
