"""What broker, database and processes of a running system say about it."""

import asyncio
import json
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from embedded.probe import http_answer

UNREACHABLE: Final = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, RuntimeError)
"""What is raised where the broker or the database does not answer."""

_WAITING = """select coalesce(sum(h.sequence - p.published), 0)::bigint
    from "{schema}".outbox_heads h join "{schema}".outbox_published p using (topic, partition)"""


_POSITIONS = 'select topic, partition, next_offset from "{schema}".positions'


_LETTERS = """select count(*) from "{schema}".dead_letters where status in ('open', 'replay')"""


async def survey(state: dict[str, Any]) -> dict[str, Any]:
    """Lag, unpublished events and dead letters of every service, from Kafka and PostgreSQL themselves."""
    services: dict[str, Any] = {}
    if not state["services"]:
        return services
    connection: Any = await asyncpg.connect(state["dsn"], timeout=5)
    try:
        consumer = AIOKafkaConsumer(bootstrap_servers=state["bootstrap_servers"])
        await consumer.start()
        try:
            for name in state["services"]:
                known = await connection.fetchval("select to_regclass($1) is not null", f"{name}.positions")
                if not known:
                    continue
                positions = {
                    TopicPartition(topic, partition): offset
                    for topic, partition, offset in await connection.fetch(_POSITIONS.format(schema=name))
                }
                ends = await consumer.end_offsets(list(positions)) if positions else {}
                services[name] = {
                    "lag": sum(max(0, ends[where] - offset) for where, offset in positions.items()),
                    "unpublished": await connection.fetchval(_WAITING.format(schema=name)),
                    "dead_letters": await connection.fetchval(_LETTERS.format(schema=name)),
                }
        finally:
            await consumer.stop()
    finally:
        await connection.close()
    return services


async def complaints(url: str) -> list[str]:
    """Why a process is not ready, and what else is wrong, as it says itself."""
    try:
        _, body = await http_answer(urlsplit(url).port or 0, "/health/ready")
        answer = json.loads(body)
        return [*answer["problems"], *answer.get("remarks", ())]
    except (OSError, ValueError, KeyError) as error:
        return [f"ne répond pas ({type(error).__name__})"]


async def ask_all(state: dict[str, Any]) -> None:
    """Add to each process of a state what keeps it from being ready."""
    instances = [instance for service in state["services"].values() for instance in service["instances"]]
    answers = await asyncio.gather(*(complaints(instance["http_url"]) for instance in instances))
    for instance, problems in zip(instances, answers, strict=True):
        instance["problems"] = problems
