"""What broker, database and processes of a running system say about it."""

import asyncio
from typing import Any

import asyncpg

from croissance.standing import NO_DATABASE, broker_faults, complaints, no_database

PATIENCE = 10.0
"""Seconds that the database has for all its figures."""

_WAITING = """select coalesce(sum(h.sequence - p.published), 0)::bigint
    from "{schema}".outbox_heads h join "{schema}".outbox_published p using (topic, partition)"""


_LAG = """select coalesce(sum(greatest(0, h.sequence - p.sequence)), 0)::bigint
    from "{schema}".positions p join "{owner}".outbox_heads h using (topic, partition)"""
"""By number: what a topic's owner has given and this reader has not applied. Offsets say nothing of a log made anew."""


_LETTERS = """select count(*) from "{schema}".dead_letters where status in ('open', 'replay')"""


async def survey(state: dict[str, Any]) -> dict[str, Any]:
    """Lag, unpublished events and dead letters of every service, from PostgreSQL itself.

    Raises:
        OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: the database does not answer.
    """
    services: dict[str, Any] = {}
    if not state["services"]:
        return services
    connection: Any = await asyncpg.connect(state["dsn"], timeout=5)
    try:
        known = [
            name
            for name in state["services"]
            if await connection.fetchval("select to_regclass($1) is not null", f"{name}.positions")
        ]
        for name in known:
            lags = [await connection.fetchval(_LAG.format(schema=name, owner=owner)) for owner in known]
            services[name] = {
                "lag": sum(lags),
                "unpublished": await connection.fetchval(_WAITING.format(schema=name)),
                "dead_letters": await connection.fetchval(_LETTERS.format(schema=name)),
            }
    finally:
        connection.terminate()
    return services


async def _ask_all(state: dict[str, Any]) -> None:
    """Add to each process of a state what keeps it from being ready."""
    instances = [instance for service in state["services"].values() for instance in service["instances"]]
    answers = await asyncio.gather(*(complaints(instance["http_url"]) for instance in instances))
    for instance, problems in zip(instances, answers, strict=True):
        instance["problems"] = problems


async def look(state: dict[str, Any]) -> None:
    """Ask every part at once; adds to the state the figures, as far as there are any, and what is wrong with whom."""

    async def figures() -> tuple[dict[str, Any], list[str]]:
        try:
            return await asyncio.wait_for(survey(state), PATIENCE), []
        except NO_DATABASE as error:
            return {}, [no_database(state["dsn"], error)]

    (found, database), broker, _ = await asyncio.gather(
        figures(), broker_faults(state["bootstrap_servers"], state["services"]), _ask_all(state)
    )
    state["services"] = {name: service | found.get(name, {}) for name, service in state["services"].items()}
    state["problems"] = [*broker, *database]
