"""The jars of Apache Kafka: resolved once from pinned Maven coordinates, verified against `kafka.lock`, cached."""

import asyncio
import fcntl
import hashlib
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import resources
from pathlib import Path
from typing import IO

from jgo.env import EnvironmentBuilder, LinkStrategy
from jgo.maven import MavenContext
from platformdirs import user_cache_path

from embedded.progress import Say, counted

KAFKA_VERSION = "4.3.1"
BROKER = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"
LOGGING = ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.4")
"""The one jar that the broker's own dependencies lack: without it the broker logs nothing. It comes without its
dependencies, whose versions would replace the broker's."""

SCRATCH = "kafka-download-"
"""Prefix of unfinished downloads; whoever downloads next removes what an interruption left."""


class DownloadError(RuntimeError):
    """The jars could not be fetched."""


class ChecksumError(RuntimeError):
    """A downloaded jar is not the one this version was tested with."""


def cache_dir() -> Path:
    """Where jars are kept between installations: `CROISSANCE_CACHE`, or the user's cache."""
    chosen = os.environ.get("CROISSANCE_CACHE")  # noqa: TID251  the cache is the machine's, not a setting of a service
    return Path(chosen).absolute() if chosen else user_cache_path("croissance")


def locked() -> dict[str, str]:
    """The committed list: jar file name → SHA-256."""
    lines = (resources.files("embedded") / "kafka.lock").read_text("utf-8").splitlines()
    return {name: checksum for checksum, name in (line.split() for line in lines if line and not line.startswith("#"))}


def kafka_home() -> Path:
    """The folder of this version's jars; another list of jars is another folder."""
    digest = hashlib.sha256("".join(f"{name}{checksum}" for name, checksum in locked().items()).encode())
    return cache_dir() / f"kafka-{KAFKA_VERSION}-{digest.hexdigest()[:8]}"


def verify(folder: Path, expected: dict[str, str]) -> None:
    """Check that a folder holds exactly the expected jars.

    Raises:
        ChecksumError: names each jar that is missing, unexpected or different.
    """
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in folder.glob("*.jar")}
    faults = [f"{name} manque" for name in sorted(expected.keys() - found.keys())]
    faults += [f"{name} n'est pas attendu" for name in sorted(found.keys() - expected.keys())]
    faults += [
        f"{name} diffère (attendu {expected[name][:12]}…, reçu {found[name][:12]}…)"
        for name in sorted(found.keys() & expected.keys())
        if found[name] != expected[name]
    ]
    if faults:
        more = f"; et {len(faults) - 5} autres" if len(faults) > 5 else ""
        raise ChecksumError("fichiers de Kafka refusés, rien n'est gardé: " + "; ".join(faults[:5]) + more)


def fetch(scratch: Path) -> Path:
    """Resolve and download every jar below `scratch`; returns the folder that holds them side by side.

    Nothing outside `scratch` is read or written: a broken file in a shared Maven repository cannot come in.
    """
    logging.getLogger("jgo").setLevel(logging.ERROR)
    context = MavenContext(repo_cache=scratch / "m2")
    builder = EnvironmentBuilder(context=context, cache_dir=scratch / "jgo", link_strategy=LinkStrategy.HARD)
    folder = scratch / "home" / "jars"
    folder.mkdir(parents=True)
    group, name, number = LOGGING
    binding = context.project(group, name).at_version(number).artifact().resolve()
    for jar in (*builder.from_endpoint(BROKER).all_jars, binding):
        shutil.copyfile(jar, folder / jar.name)
    return folder


@asynccontextmanager
async def alone(folder: Path) -> AsyncGenerator[None]:
    """Hold the lock of the cache: one process downloads, the others wait for it."""
    with _lock_file(folder) as file:
        while not _taken(file):  # noqa: ASYNC110  another process holds it: no event to wait for
            await asyncio.sleep(0.2)
        yield


def _lock_file(folder: Path) -> IO[str]:
    folder.mkdir(parents=True, exist_ok=True)
    return (folder / "lock").open("w")


def _taken(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


async def ensure_jars(say: Say) -> Path:
    """The folder of this version, with its jars in `jars`; downloads them at the first call, needs no network after.

    Raises:
        DownloadError: they could not be fetched.
        ChecksumError: a downloaded jar differs from the committed list; nothing is kept.
    """
    home = kafka_home()
    if home.is_dir():
        return home
    async with alone(home.parent):
        if not home.is_dir():
            for leftover in home.parent.glob(f"{SCRATCH}*"):
                shutil.rmtree(leftover, ignore_errors=True)
            with tempfile.TemporaryDirectory(dir=home.parent, prefix=SCRATCH, ignore_cleanup_errors=True) as scratch:
                folder = await _fetch_watched(Path(scratch), say)
                verify(folder, locked())
                folder.parent.rename(home)
    return home


async def _fetch_watched(scratch: Path, say: Say) -> Path:
    """Fetch in a thread that never keeps the process from ending, and show how far it is."""
    total = len(locked())
    outcome: list[Path | Exception] = []

    def work() -> None:
        try:
            outcome.append(fetch(scratch))
        except Exception as error:  # noqa: BLE001  handed over to the caller below
            outcome.append(error)

    thread = threading.Thread(target=work, name="kafka-download", daemon=True)
    thread.start()
    with counted(say, f"Téléchargement d'Apache Kafka {KAFKA_VERSION} (une seule fois)", total) as show:
        while thread.is_alive():
            show(sum(1 for _ in (scratch / "m2").rglob("*.jar")))
            await asyncio.sleep(0.2)
        show(total)
    result = outcome[0]
    if isinstance(result, Exception):
        raise DownloadError(
            f"Apache Kafka ne peut pas être téléchargé ({type(result).__name__}: {result}). Vérifiez l'accès "
            f"au réseau, ou copiez {kafka_home()} d'une machine qui l'a."
        ) from result
    return result
