"""The embedded database is backed up while it works, lost, and put back: to the backup, or with the log since."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from embedded import postgres
from embedded.backups import BackupError, back_up, backups, restore
from embedded.ports import free_port
from embedded.progress import quiet
from embedded.state import BusyError, lock_of
from embedded.supervisor import Spec, Supervisor

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


class Database:
    """A server of our own on a data directory."""

    def __init__(self, data: Path) -> None:
        self.data, self.port, self.supervisor, self.dsn = data, free_port(), Supervisor(data / "logs", quiet), ""

    async def start(self) -> None:
        command, self.dsn = await postgres.prepare(self.data / "postgres", self.port)
        ready = lambda: postgres.answers(self.dsn)  # noqa: E731
        spec = Spec("postgres", command, ready, stop_signal=postgres.STOP, death_signal=postgres.DEATH)
        await self.supervisor.start(spec)

    async def stop(self) -> None:
        await self.supervisor.stop()

    async def ask(self, query: str) -> Any:
        connection: Any = await asyncpg.connect(self.dsn)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    async def add(self, number: int) -> None:
        await self.ask(f"insert into kept values ({number})")

    async def kept(self) -> list[int]:
        return await self.ask("select array_agg(number order by number) from kept")

    async def lose(self) -> None:
        await self.stop()
        shutil.rmtree(self.data / "postgres" / "data")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(tmp_path)
    await made.start()
    await made.ask("create table kept (number int)")
    yield made
    await made.stop()


async def test_a_lost_database_is_put_back_to_its_backup_or_to_all_of_the_log_that_is_kept(database: Database) -> None:
    data = database.data
    with pytest.raises(BackupError, match="pas de sauvegarde du tout"):
        restore(data)
    await database.add(1)
    name = (await back_up(data, database.dsn)).name
    assert backups(data) == [name]
    await database.add(2)
    await database.ask("select pg_switch_wal()")  # what is in a finished segment is kept
    await database.add(3)
    await database.lose()
    with pytest.raises(BackupError, match="pas de sauvegarde lundi"):
        restore(data, "lundi")
    _, lock = lock_of(data)
    with pytest.raises(BusyError):
        restore(data)
    lock.close()

    restore(data, name, "backup")
    await database.start()
    assert await database.kept() == [1]
    await database.stop()

    former = restore(data)
    assert (former / "PG_VERSION").exists(), "what was there is kept"
    await database.start()
    assert await database.kept() == [1] or await database.kept() == [1, 2]
    await database.add(4)
    assert 4 in await database.kept(), "it takes writes"


async def test_a_backup_that_fails_leaves_nothing_and_says_why(database: Database) -> None:
    with pytest.raises(BackupError, match="password authentication failed"):
        await back_up(database.data, re.sub(r":[^:/@]+@", ":wrong@", database.dsn))
    assert backups(database.data) == []


async def test_a_backup_that_was_killed_leaves_nothing_behind_the_next_one(database: Database) -> None:
    folder = database.data / "backups"
    making = asyncio.create_task(back_up(database.data, database.dsn))
    async with asyncio.timeout(30):
        while not any(folder.glob("*.new")):  # noqa: ASYNC110  another process makes it
            await asyncio.sleep(0.005)
    with pytest.raises(BackupError, match="en cours"):
        await back_up(database.data, database.dsn)
    await making
    left = folder / "2026-11-28T17-30-00Z.new"
    (left / "base").mkdir(parents=True)
    assert len(backups(database.data)) == 1, "what is not whole is no backup"
    await back_up(database.data, database.dsn)
    assert not any(folder.glob("*.new"))
