"""Backups of the embedded database: a base backup, and from then on every finished segment of its write-ahead log.

A data directory keeps them in `backups`: a folder per base backup, named by its time in UTC, and `wal`. What is there
can be restored to the end of a backup or to any later moment up to the last segment kept.
"""

import fcntl
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from embedded.errand import run_once
from embedded.postgres import BIN, NOBODY
from embedded.state import lock_of

FOLDER, WAL = "backups", "wal"
_STAMP: Final = "%Y-%m-%dT%H-%M-%SZ"
_RECOVERY: Final = ("restore_command", "recovery_target", "hot_standby")
"""Settings of an earlier restore, which a backup made since has with it."""


class BackupError(RuntimeError):
    """A backup could not be made or restored; the text says why."""


def backups(data: Path) -> list[str]:
    """The names of the base backups of a data directory, oldest first."""
    folder = data / FOLDER
    return sorted(each.name for each in folder.glob("*Z") if (each / "backup_label").exists())


async def back_up(data: Path, dsn: str) -> Path:
    """Copy the running database, beside its work; from now on its log is kept too. Returns the folder of the copy.

    What a backup that was killed has left goes.

    Raises:
        BackupError: the copy could not be made, or another one is being made; nothing of it is left.
    """
    (data / FOLDER / WAL).mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / FOLDER / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BackupError("une sauvegarde est en cours") from None
        for left in (data / FOLDER).glob("*.new"):
            shutil.rmtree(left, ignore_errors=True)
        return await _copied(data, dsn)


async def _copied(data: Path, dsn: str) -> Path:
    """The copy of the running database, which has its name once it is whole; raises as `back_up` does."""
    at = datetime.now(UTC)  # noqa: TID251  the time of the machine names it
    while (made := data / FOLDER / at.strftime(_STAMP)).exists():  # two within one second
        at += timedelta(seconds=1)
    scratch = made.with_suffix(".new")
    where = urlsplit(dsn)
    options = ("-h", where.hostname or "", "-p", str(where.port), "-U", where.username or "", "-w")
    secret = {"PGPASSWORD": unquote(where.password or "")}
    environment: Mapping[str, str] = os.environ | secret  # noqa: TID251  the tool inherits the user's environment
    tool = str(BIN / "pg_basebackup")
    code, told = await run_once(tool, *options, "-D", str(scratch), "-X", "stream", "-c", "fast", env=environment)
    if code != 0:
        shutil.rmtree(scratch, ignore_errors=True)
        raise BackupError(f"la sauvegarde a échoué : {told.strip()}")
    scratch.rename(made)
    return made


def restore(data: Path, name: str = "", to: str = "") -> Path:
    """Put a backup in the place of the database; the next start takes the log after it. The former files are kept.

    Args:
        data: the data directory, on which nothing may run.
        name: of the base backup; the last one when empty.
        to: "backup" for the end of that backup, a moment with its time zone, or "" for all of the log that is kept.

    Returns:
        Where the former files of the database are now.

    Raises:
        BusyError: a system runs there.
        BackupError: there is no such backup.
    """
    data, lock = lock_of(data)
    try:
        known = backups(data)
        if not known or (name and name not in known):
            raise BackupError(f"pas de sauvegarde {name or 'du tout'} dans {data / FOLDER}")
        place = data / "postgres" / "data"
        scratch, former = place.with_suffix(".new"), place.with_suffix(f".{datetime.now(UTC):{_STAMP}}")  # noqa: TID251
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(data / FOLDER / (name or known[-1]), scratch)
        _ask_for_recovery(scratch, data / FOLDER / WAL, to)
        _give(scratch)
        if place.exists():
            place.rename(former)
        scratch.rename(place)
        return former
    finally:
        lock.close()


def _ask_for_recovery(place: Path, wal: Path, to: str) -> None:
    """Tell the next start from where the log comes and where to stop."""
    asked = place / "postgresql.auto.conf"
    kept = [line for line in asked.read_text("utf-8").splitlines() if not line.startswith(_RECOVERY)]
    target = {"backup": "recovery_target = 'immediate'", "": ""}.get(to, f"recovery_target_time = '{to}'")
    lines = (*kept, f'restore_command = \'cp "{wal}/%f" "%p"\'', target, "recovery_target_action = 'promote'")
    asked.write_text("\n".join((*lines, "hot_standby = off", "")), "utf-8")
    (place / "recovery.signal").touch()


def _give(place: Path) -> None:
    """PostgreSQL wants its files to be its own."""
    place.chmod(0o700)
    if os.geteuid() == 0:
        for each in (place, *place.rglob("*")):
            os.chown(each, NOBODY, NOBODY, follow_symlinks=False)
