"""`croissance status`: what runs on this machine, and how far each service is."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.table import Table

from common.process.app import installed_services
from croissance.console import DEFAULT_DATA, AsJson, Data, print_json, say
from croissance.output import out
from embedded import smtp
from embedded.state import state_of

_WAITING = """select coalesce(sum(h.sequence - p.published), 0)::bigint
    from "{schema}".outbox_heads h join "{schema}".outbox_published p using (topic, partition)"""


_POSITIONS = 'select topic, partition, next_offset from "{schema}".positions'


_LETTERS = """select count(*) from "{schema}".dead_letters where status in ('open', 'replay')"""


async def survey(state: dict[str, Any]) -> dict[str, Any]:
    """Lag, unpublished events and dead letters of every service, from Kafka and PostgreSQL themselves."""
    services: dict[str, Any] = {}
    connection: Any = await asyncpg.connect(state["dsn"], timeout=5)
    consumer = AIOKafkaConsumer(bootstrap_servers=state["bootstrap_servers"])
    await consumer.start()
    try:
        for name in installed_services():
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
        await connection.close()
    return services


async def complaints(url: str) -> list[str]:
    """Why a process is not ready, as it says itself; empty when it is."""
    try:
        async with httpx.AsyncClient(timeout=3, trust_env=False) as client:
            return (await client.get(f"{url}/health/ready")).json()["problems"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        return [f"ne répond pas ({type(error).__name__})"]


async def _ask_all(state: dict[str, Any]) -> None:
    """Add to each process of a state what keeps it from being ready."""
    instances = [instance for service in state["services"].values() for instance in service["instances"]]
    answers = await asyncio.gather(*(complaints(instance["http_url"]) for instance in instances))
    for instance, problems in zip(instances, answers, strict=True):
        instance["problems"] = problems


def status(data: Data = Path(DEFAULT_DATA), as_json: AsJson = False) -> None:
    """Dit ce qui tourne: adresses, processus, redémarrages, retard de chaque service, file d'envoi, lettres mortes.

    Un processus qui n’est pas prêt dit pourquoi: base absente, numéro manquant dans une partition, journal de Kafka
    amputé…
    """
    state = state_of(data)
    if state is None:
        if as_json:
            print_json({"status": "down", "data": str(data)})
        else:
            say(f"Rien ne tourne sur {data}. Pour démarrer: croissance up")
        raise typer.Exit(1)
    try:
        figures = asyncio.run(asyncio.wait_for(survey(state), 20))
    except (OSError, TimeoutError, asyncpg.PostgresError, RuntimeError) as error:
        figures = {}
        say(f"Courtier ou base injoignable: {error}")
    state["services"] = {name: service | figures.get(name, {}) for name, service in state["services"].items()}
    asyncio.run(_ask_all(state))
    state["mails"] = smtp.count(Path(state["inbox"]))
    if as_json:
        print_json(state)
    else:
        show(state)


def show(state: dict[str, Any]) -> None:
    """What runs, for people: the addresses, a line a process, and what keeps one from being ready."""
    out.print(f"Kafka       {state['bootstrap_servers']}", markup=False)
    out.print(f"PostgreSQL  {state['dsn'].rpartition('@')[2]}  (adresse complète: --json)", markup=False)
    out.print(f"Courriels   {state['smtp_url']}  {state['mails']} reçus dans {state['inbox']}", markup=False)
    table = Table("Processus", "HTTP", "PID", "Redémarrages", "Retard", "À publier", "Lettres mortes", box=None)
    for service in state["services"].values():
        for index, instance in enumerate(service["instances"]):
            shared = [
                str(service.get(field, "?")) if index == 0 else "" for field in ("lag", "unpublished", "dead_letters")
            ]
            alive = str(instance["pid"] or "arrêté")
            table.add_row(instance["instance"], instance["http_url"], alive, str(instance["restarts"]), *shared)
    out.print(table)
    for service in state["services"].values():
        for instance in service["instances"]:
            for problem in instance["problems"]:
                out.print(f"✘ {instance['instance']}: {problem}", markup=False, soft_wrap=True)
