"""The drill: the database is lost under load and restored from its backup, while Kafka has gone on; then all is mended.

Backup under load, loss of the database, restore to the end of the backup, start (nothing is written), `croissance
recover`, load again, audit. `python -m chaos.drill` does it on a data directory of its own and prints the figures.
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import uvloop
from stamina.instrumentation import set_on_retry_hooks

from chaos.load import Load, load
from chaos.system import CROISSANCE, CommandError
from croissance.querying import connect
from embedded.probe import http_status, readiness
from embedded.progress import Say
from embedded.state import state_of

HEADS = """select sum(sequence)::bigint from (select sequence from {tables}) heads"""


@dataclass(slots=True)
class Stage:
    """A system of our own on a data directory, driven by the commands that an operator has."""

    data: Path
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def dsn(self) -> str:
        """Of the database."""
        return self.state()["dsn"]

    def state(self) -> dict[str, Any]:
        """What the supervisor last wrote."""
        state = state_of(self.data)
        if state is None:
            raise CommandError("le superviseur est mort")
        return state

    def doors(self) -> dict[str, tuple[str, ...]]:
        """Service → addresses of its processes."""
        return {n: tuple(i["http_url"] for i in each["instances"]) for n, each in self.state()["services"].items()}

    def ports(self) -> list[int]:
        """Of every process."""
        return [urlsplit(url).port or 0 for urls in self.doors().values() for url in urls]

    async def croissance(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run a command, its seconds noted under its name; returns its output.

        Raises:
            CommandError: it ended with another code.
        """
        began = time.monotonic()
        command = (*CROISSANCE, *arguments, "--data", str(self.data))
        process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
        output, errors = await process.communicate()
        if process.returncode not in codes:
            raise CommandError(f"croissance {' '.join(arguments)}: {errors.decode(errors='replace')[-3000:]}")
        self.seconds[" ".join(arguments[:2]).replace(" --json", "")] = round(time.monotonic() - began, 1)
        return output.decode()

    async def waiting(self) -> int:
        """Processes that say that the database is behind Kafka."""
        answers = await asyncio.gather(*(readiness(port) for port in self.ports()))
        return answers.count("behind")

    async def all_ready(self) -> bool:
        """Whether every process is ready."""
        return set(await asyncio.gather(*(http_status(port, "/health/ready") for port in self.ports()))) == {200}

    async def heads(self) -> int:
        """Numbers given, of all services."""
        connection = await connect(self.dsn)
        try:
            tables = [f'"{name}".outbox_heads' for name in self.doors()]
            return await connection.fetchval(HEADS.format(tables=" union all select sequence from ".join(tables)))
        finally:
            await connection.close()

    def lose_database(self) -> None:
        """End the database at once, and everything it had on its disk."""
        server = psutil.Process(self.state()["children"]["postgres"]["pid"])
        server.kill()
        server.wait(30)
        shutil.rmtree(self.data / "postgres" / "data", ignore_errors=True)
        shutil.rmtree(self.data / "postgres" / "data", ignore_errors=True)  # its workers end a moment later


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 180) -> None:
    """Wait for something the system does by itself; fails when it does not."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110  other processes give no event
            await asyncio.sleep(0.2)


@asynccontextmanager
async def stage(data: Path) -> AsyncGenerator[Stage]:
    """A system that is up while the block runs."""
    made = Stage(data)
    await made.croissance("up", "--detach")
    try:
        yield made
    finally:
        await made.croissance("down", codes=(0, 1))


async def companies(flowing: Load, batches: int) -> None:
    """Companies go through every door, until all they led to is applied."""
    for _ in range(batches):
        await flowing.one_batch()
    await flowing.flow.at_rest(ignoring=frozenset({"notifications"}))


async def drill(data: Path, batches: int, seed: int, say: Say) -> dict[str, Any]:
    """Do it all; returns the figures.

    Args:
        data: an empty data directory.
        batches: of thirty companies, before the backup, after it, and after the recovery.
        seed: of the companies.
        say: tells people what happens.
    """
    async with stage(data) as on:
        async with load(on, seed) as flowing:
            await companies(flowing, batches)
            over = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                group.create_task(flowing.flow_steadily(over))
                say("sauvegarde sous charge")
                await on.croissance("backup")
                over.set()
            await companies(flowing, batches)
        before = await on.heads()
        say(f"la base est perdue, à {before} numéros donnés")
        on.lose_database()
        await on.croissance("down", codes=(0, 1))
        await on.croissance("restore", "--to", "backup")
        await on.croissance("up", "--detach")
        restored = await on.heads()
        waiting = await on.waiting()
        say(f"remise à {restored} numéros ; {waiting} processus attendent")
        trial = json.loads(await on.croissance("recover", "--json"))
        unwritten = await on.heads()
        await on.croissance("recover", "--yes", "--json")
        began = time.monotonic()
        await until(on.all_ready)
        on.seconds["ready again"] = round(time.monotonic() - began, 1)
        async with load(on, seed + 1) as flowing:
            await companies(flowing, batches)
        audit = json.loads(await on.croissance("audit", "--json", "--wait", "90", codes=(0, 1)))
        left = json.loads(await on.croissance("recover", "--json"))
        facts = [(name, fact) for name, each in trial["services"].items() for fact in each["facts"]]
        return {
            "numbers": {"before": before, "restored": restored, "written_while_behind": unwritten - restored},
            "processes_waiting": waiting,
            "forgotten": {name: sum(of == name for of, _ in facts) for name in sorted({of for of, _ in facts})},
            "decided_again": sum(fact["again"] for _, fact in facts),
            "known_to_kafka_alone": sum(not fact["again"] for _, fact in facts),
            "left": {name: len(each) for name, each in left["waiting"].items()},
            "seconds": on.seconds,
            "audit": audit,
        }


def main() -> None:
    """Exit with 1 when the audit is not clean."""
    parser = argparse.ArgumentParser(prog="python -m chaos.drill", description=__doc__)
    parser.add_argument("--batches", type=int, default=20, help="de trente entreprises, à chaque étape (20)")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    set_on_retry_hooks([])

    def say(text: str) -> None:
        print(text, file=sys.stderr)  # noqa: T201

    with tempfile.TemporaryDirectory(prefix="croissance-drill-") as folder:
        figures = uvloop.run(drill(Path(folder), asked.batches, asked.seed, say))
    print(json.dumps(figures, ensure_ascii=False, indent=1))  # noqa: T201
    sys.exit(not figures["audit"]["ok"])


if __name__ == "__main__":
    main()
