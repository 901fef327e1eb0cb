"""Fixtures: the sample data beside the repository, a real PostgreSQL (the one of the settings, else one of our own)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.process.context import Context
from common.testing.database import service_context
from companies.app import APP


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real sample records that lives beside the repository."""
    folder = Path(__file__).parents[3].parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the sample records (../shared/data) are not beside this repository")
    return folder


@pytest.fixture
async def context() -> AsyncIterator[Context]:
    """The service opened on a schema of its own, dropped afterwards; no broker is needed."""
    async with service_context(APP, pool_size=6) as opened:
        yield opened
