"""The jars of Apache Kafka: resolved once from pinned Maven coordinates, verified against `kafka.lock`, cached."""

import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import jgo
from platformdirs import user_cache_path

KAFKA_VERSION = "4.3.1"
COORDINATES = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"

Say = Callable[[str], None]


class ChecksumError(RuntimeError):
    """A downloaded jar is not the one this version was tested with."""


def cache_dir() -> Path:
    """Where jars are kept between installations: `CROISSANCE_CACHE`, or the user's cache."""
    chosen = os.environ.get("CROISSANCE_CACHE")  # noqa: TID251  the cache is the machine's, not a setting of a service
    return Path(chosen) if chosen else user_cache_path("croissance")


def locked() -> dict[str, str]:
    """The committed list: jar file name → SHA-256."""
    lines = (resources.files("embedded") / "kafka.lock").read_text("utf-8").splitlines()
    return {name: checksum for checksum, name in (line.split() for line in lines if line and not line.startswith("#"))}


def verify(folder: Path, expected: dict[str, str]) -> None:
    """Check that a folder holds exactly the expected jars.

    Raises:
        ChecksumError: names each jar that is missing, unexpected or different.
    """
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in folder.glob("*.jar")}
    faults = [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
    faults += [f"{name} is not expected" for name in sorted(found.keys() - expected.keys())]
    faults += [f"{name} differs" for name in sorted(found.keys() & expected.keys()) if found[name] != expected[name]]
    if faults:
        raise ChecksumError("jars of Kafka refused: " + "; ".join(faults[:5]))


def kafka_jars(say: Say) -> Path:
    """The folder with the jars of Kafka; downloads them at the first call, needs no network after.

    Raises:
        ChecksumError: a downloaded jar differs from the committed list; nothing is kept.
    """
    target = cache_dir() / f"kafka-{KAFKA_VERSION}"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    expected = locked()
    say(f"Téléchargement d'Apache Kafka {KAFKA_VERSION} ({len(expected)} fichiers, une seule fois)…")
    logging.getLogger("jgo").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="kafka-") as scratch:
        environment = jgo.build(COORDINATES, cache_dir=Path(scratch) / "jgo")
        folder = Path(scratch) / "jars"
        folder.mkdir()
        for jar in environment.all_jars:
            shutil.copyfile(jar, folder / Path(jar).name)
        verify(folder, expected)
        try:
            folder.rename(target)
        except OSError:
            if not target.is_dir():  # another process was first: its jars are as good as ours
                raise
    say("Apache Kafka est prêt.")
    return target
