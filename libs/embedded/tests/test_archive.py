"""The classes kept for the JVM: made once by a real broker, given up for good where that fails."""

from pathlib import Path

import pytest

from embedded import kafka
from embedded.archive import ensure_archive
from embedded.jars import ensure_jars
from embedded.progress import quiet

pytestmark = pytest.mark.stack


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    """The jars of Kafka in a place of their own, without an archive."""
    home = tmp_path / "kafka"
    home.mkdir()
    (home / "jars").symlink_to(await ensure_jars(quiet) / "jars")
    return home


async def test_the_archive_is_made_once_and_used(home: Path) -> None:
    said: list[str] = []

    await ensure_archive(home, said.append)
    made = kafka.archive(home).stat()
    await ensure_archive(home, said.append)

    assert len(said) == 1, said
    assert made.st_size > 2**20
    assert kafka.archive(home).stat() == made
    command = await kafka.prepare(home, home.parent / "data", 1, 2)  # formats with the archive
    assert f"-XX:AOTCache={kafka.archive(home)}" in command
    assert not kafka.archive(home).with_suffix(".abandoned").exists()


async def test_where_it_cannot_be_made_it_is_given_up_and_said(tmp_path: Path) -> None:
    said: list[str] = []
    home = tmp_path / "kafka"
    (home / "jars").mkdir(parents=True)

    await ensure_archive(home, said.append)
    await ensure_archive(home, said.append)

    assert len(said) == 2, "said once that it is tried, once that it failed"
    assert "les démarrages seront plus lents" in said[1]
    assert not kafka.archive(home).exists()
