"""Migrations: numbered SQL files, forward only, each once; and the rows that a service locks."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from common.declare.errors import Misconfigured
from common.declare.service import PARTITIONS
from common.postgres.connections import Connection

MESSAGING: Final = Path(__file__).parent / "sql"
_LOCK: Final = "select pg_advisory_lock(hashtext($1))"
_UNLOCK: Final = "select pg_advisory_unlock(hashtext($1))"
_APPLIED_TABLE: Final = """create table if not exists migrations
    (name text primary key, checksum text not null, applied_at timestamptz not null default now())"""
_APPLIED: Final = "select name, checksum from migrations"
_KEPT: Final = "select to_regclass('migrations') is not null"
_RECORD: Final = "insert into migrations (name, checksum) values ($1, $2)"


async def migrate(connection: Connection, schema: str, *folders: Path) -> list[str]:
    """Bring a schema up to date: the core's files, then those of `folders`, in order of name; returns those applied.

    Each file runs once, in a transaction of its own, under a lock that lets one process migrate at a time.

    Raises:
        Misconfigured: a file that was applied has changed since.
    """
    done: list[str] = []
    await connection.execute(_LOCK, f"migrate {schema}")
    try:
        await connection.execute(f'create schema if not exists "{schema}"')
        await connection.execute(f'set search_path to "{schema}"')
        await connection.execute(_APPLIED_TABLE)
        applied = {row["name"]: row["checksum"] for row in await connection.fetch(_APPLIED)}
        for name, file in _files(folders):
            checksum = _checksum(file)
            if name not in applied:
                async with connection.transaction():
                    await connection.execute(file.read_text("utf-8"))
                    await connection.execute(_RECORD, name, checksum)
                done.append(name)
            elif applied[name] != checksum:
                raise Misconfigured(f"{schema}: migration {name} was applied and has changed since")
    finally:
        await connection.execute(_UNLOCK, f"migrate {schema}")
    return done


async def not_applied(connection: Connection, *folders: Path) -> list[str]:
    """The migrations of the core and of `folders` that the schema of the search path does not have, by name.

    Those that it has and this version does not know are of a newer one: they only add, so both work side by side.
    """
    if not await connection.fetchval(_KEPT):
        return [name for name, _ in _files(folders)]
    applied = {row["name"]: row["checksum"] for row in await connection.fetch(_APPLIED)}
    missing: list[str] = []
    for name, file in _files(folders):
        if name not in applied:
            missing.append(name)
        elif applied[name] != _checksum(file):
            missing.append(f"{name} (applied with another content)")
    return missing


def _files(folders: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Name and file of every migration, in the order in which they are applied."""
    for origin, folder in (("common", MESSAGING), *(("service", folder) for folder in folders)):
        for file in sorted(folder.glob("*.sql")):
            yield f"{origin}/{file.name}", file


def _checksum(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


_ADD_HEADS: Final = """insert into outbox_heads (topic, partition)
    select t, p from unnest($1::text[]) t, generate_series(0, $2::int - 1) p on conflict do nothing"""
_ADD_PUBLISHED: Final = _ADD_HEADS.replace("outbox_heads", "outbox_published")
_ADD_POSITIONS: Final = _ADD_HEADS.replace("outbox_heads", "positions")


async def declare_topics(connection: Connection, consumed: Sequence[str], owned: Sequence[str]) -> None:
    """Make the rows of positions and heads that a service will lock; nothing happens to those that exist."""
    async with connection.transaction():
        await add_positions(connection, consumed)
        await add_heads(connection, owned)


async def add_positions(connection: Connection, topics: Sequence[str]) -> None:
    """The positions of topics that are consumed, where they are missing."""
    await connection.execute(_ADD_POSITIONS, topics, PARTITIONS)


async def add_heads(connection: Connection, topics: Sequence[str]) -> None:
    """The heads of topics that are written, where they are missing."""
    await connection.execute(_ADD_HEADS, topics, PARTITIONS)
    await connection.execute(_ADD_PUBLISHED, topics, PARTITIONS)
