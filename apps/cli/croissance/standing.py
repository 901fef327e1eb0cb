"""What stands and where: broker, database and processes of a system, each asked within seconds."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import httpx
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from common.kafka.client import raised
from common.kafka.topics import Topic, topics_of
from common.process.app import installed_services
from croissance.addresses import Addresses
from croissance.console import say
from croissance.login import broker_options

PATIENCE: Final = 4.0
"""Seconds that a part has to answer."""

NO_DATABASE: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What is raised where the database does not answer."""

AFTER: Final = 20.0
"""Seconds without any movement after which people are told what stands: with the answers, within half a minute."""

AGAIN: Final = 30.0
"""Seconds until they are told again."""


async def complaints(url: str) -> list[str]:
    """Why a process is not ready, and what else is wrong, as it says itself."""
    try:
        async with httpx.AsyncClient(timeout=3, trust_env=False) as client:
            answer = (await client.get(f"{url}/health/ready")).json()
        return [*answer["problems"], *answer.get("remarks", ())]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        return [f"ne répond pas ({type(error).__name__})"]


async def topics_there(bootstrap: str, services: Iterable[str], namespace: str = "") -> dict[str, Topic | None]:
    """The topics that these services write as the broker has them; None: missing.

    Raises:
        KafkaError, TimeoutError: the broker does not answer.
    """
    known = installed_services()
    written = [known[name] for name in services if name in known]
    names = [namespace + name for each in written for name in (*each.outputs, each.dead_letter_topic)]
    admin = AIOKafkaAdminClient(**broker_options(bootstrap), request_timeout_ms=int(PATIENCE * 1000))
    try:
        async with asyncio.timeout(PATIENCE):
            await admin.start()
            there = await topics_of(admin, names)
    finally:
        await admin.close()
    return {name: there.get(name) for name in names}


async def broker_faults(bootstrap: str, services: Iterable[str], namespace: str = "") -> list[str]:
    """What is wrong with the broker and the topics of these services, for people."""
    if not bootstrap:
        return []
    try:
        found = await topics_there(bootstrap, services, namespace)
    except (KafkaError, OSError, TimeoutError) as error:
        return [f"le courtier ne répond pas ({bootstrap}, {type(error).__name__})"]
    missing = [f"le topic {name} n’existe pas" for name, topic in sorted(found.items()) if topic is None]
    return missing + [
        told for name, topic in sorted(found.items()) if topic and (told := raised(name, topic.partitions))
    ]


async def database_faults(dsn: str) -> list[str]:
    """What is wrong with the database, for people."""
    if not dsn:
        return []
    try:
        async with asyncio.timeout(PATIENCE):
            connection: Any = await asyncpg.connect(dsn)
            await connection.fetchval("select 1")
            connection.terminate()
    except NO_DATABASE as error:
        return [no_database(dsn, error)]
    return []


def no_database(dsn: str, error: BaseException) -> str:
    """What is said of a database that does not answer: where it is (without a password) and what happened."""
    return f"la base ne répond pas ({dsn.rpartition('@')[2]}, {type(error).__name__})"


async def standing(here: Addresses) -> list[str]:
    """Everything that stands, for people; empty when all parts say that they are well."""
    urls = [(name, url) for name, of_service in here.doors.items() for url in of_service]
    broker, database, *processes = await asyncio.gather(
        broker_faults(here.bootstrap, here.doors, here.namespace),
        database_faults(here.dsn),
        *(complaints(url) for _, url in urls),
    )
    told = [f"{name} ({url}) : {why}" for (name, url), whys in zip(urls, processes, strict=True) for why in whys]
    return [*broker, *database, *told]


@asynccontextmanager
async def watched(
    moved: Callable[[], object], here: Callable[[], Addresses], *, after: float = AFTER, again: float = AGAIN
) -> AsyncGenerator[None]:
    """While the block runs, tell people what stands whenever `moved` has given the same for `after` seconds."""
    task = asyncio.create_task(_watch(moved, here, after, again))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _watch(moved: Callable[[], object], here: Callable[[], Addresses], after: float, again: float) -> None:
    loop = asyncio.get_running_loop()
    seen, since, told_at = moved(), loop.time(), 0.0
    while True:
        await asyncio.sleep(after / 10)
        if (now := moved()) != seen:
            seen, since, told_at = now, loop.time(), 0.0
        elif loop.time() - since >= after and loop.time() - told_at >= again:
            told_at = loop.time()
            tell(round(loop.time() - since), await standing(here()))


def tell(seconds: int, faults: Iterable[str]) -> None:
    """Say that nothing moves, and why."""
    known = "\n".join(f"  ✘ {fault}" for fault in faults)
    say(f"Rien n’avance depuis {seconds} s :\n{known}" if known else f"Rien n’avance depuis {seconds} s ; tout répond.")
