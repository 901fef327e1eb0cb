"""The world of these tests."""

from collections.abc import AsyncIterator

import pytest

from .world import World, opened


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Two services on the real broker and database."""
    async with opened() as made:
        yield made
