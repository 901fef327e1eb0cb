"""The jars of the broker: only those this version was tested with, or none."""

import asyncio
import shutil
from functools import partial
from pathlib import Path

import pytest

from embedded import jars
from embedded.jars import ChecksumError, DownloadError, ensure_jars, locked, verify
from embedded.progress import quiet


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CROISSANCE_CACHE", str(tmp_path))
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def fill(content: bytes, scratch: Path) -> Path:
    folder = scratch / "home" / "jars"
    folder.mkdir(parents=True)
    for name in locked():
        (folder / name).write_bytes(content)
    return folder


def test_the_lock_names_the_broker_and_what_it_logs_with() -> None:
    lock = locked()
    assert f"kafka_2.13-{jars.KAFKA_VERSION}.jar" in lock
    assert f"kafka-clients-{jars.KAFKA_VERSION}.jar" in lock
    assert any(name.startswith("log4j-slf4j-impl") for name in lock)
    assert all(len(checksum) == 64 for checksum in lock.values())


def test_each_fault_is_named(tmp_path: Path) -> None:
    (tmp_path / "right.jar").write_bytes(b"")
    (tmp_path / "wrong.jar").write_bytes(b"x")
    (tmp_path / "stray.jar").write_bytes(b"x")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    with pytest.raises(ChecksumError) as caught:
        verify(tmp_path, {"right.jar": empty, "wrong.jar": empty, "lost.jar": empty})
    text = str(caught.value)
    assert "lost.jar manque" in text
    assert "stray.jar n'est pas attendu" in text
    assert "wrong.jar diffère (attendu e3b0c44298fc" in text
    assert "right.jar" not in text


def always_right(_folder: Path, _expected: dict[str, str]) -> None:
    """Stands in for the check of the sums."""


async def test_a_wrong_jar_is_refused_and_nothing_is_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jars, "fetch", partial(fill, b"not a jar"))
    with pytest.raises(ChecksumError, match="rien n'est gardé"):
        await ensure_jars(quiet)
    assert names(cache) == ["lock"]


async def test_without_network_the_error_says_what_to_do(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> Path:
        raise OSError("no route to host")

    monkeypatch.setattr(jars, "fetch", refuse)
    with pytest.raises(DownloadError, match=r"no route to host.*réseau"):
        await ensure_jars(quiet)
    assert names(cache) == ["lock"]


async def test_an_interrupted_download_leaves_no_half_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / f"{jars.SCRATCH}killed").mkdir()
    monkeypatch.setattr(jars, "verify", always_right)
    monkeypatch.setattr(jars, "fetch", partial(fill, b"jar"))
    both = await asyncio.gather(ensure_jars(quiet), ensure_jars(quiet))
    assert both[0] == both[1] == jars.kafka_home()
    assert len(list((both[0] / "jars").iterdir())) == len(locked())
    assert names(cache) == [both[0].name, "lock"]
    monkeypatch.delattr(jars, "fetch")  # cached jars need no network
    assert await ensure_jars(quiet) == both[0]
    shutil.rmtree(both[0])
