"""`croissance recover`: after a database went back in time, its numbers go on where Kafka's end."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import asyncpg
import typer
from aiokafka.errors import KafkaError
from rich.table import Table

from common.kafka.tail import reading
from common.postgres.recovery import Fact, close, left
from croissance.addresses import Addresses, Bootstrap, Dsn, Namespace, find
from croissance.console import DEFAULT_DATA, AsJson, Data, fail, print_json, reason, say
from croissance.login import kafka_settings
from croissance.output import out
from croissance.proof.database import schemas
from croissance.querying import refused
from croissance.recovery import Forgotten, forgotten, take_all_back
from france.typography import number

SHOWN: Final = 20
"""Companies that are named; `--json` names all."""


def recover(
    *,
    data: Data = Path(DEFAULT_DATA),
    yes: Annotated[
        bool, typer.Option("--yes", help="Le faire ; sans cette option, un essai qui ne change rien.")
    ] = False,
    close_all: Annotated[
        bool, typer.Option("--close", help="Ce qui restait à traiter l’a été : ne plus le signaler.")
    ] = False,
    bootstrap: Bootstrap = "",
    dsn: Dsn = "",
    namespace: Namespace = "",
    as_json: AsJson = False,
) -> None:
    """Après une restauration de la base : reprend les numéros là où Kafka en est, et dit ce que la base a oublié.

    Une base restaurée d’une sauvegarde a donné moins de numéros que Kafka n’en porte : les services n’écrivent rien et
    disent « database behind Kafka ». Cette commande remet dans la file d’envoi les événements que Kafka porte au-delà,
    déplace les compteurs, et liste ces faits par service et par entreprise. Un fait dont la cause sera relue est
    décidé de nouveau, reconnu, et n’est pas publié deux fois. Un fait que seul Kafka connaît venait d’une demande
    (HTTP, fichier) perdue avec la base : il faut la refaire, ou en tenir compte à la main.

    Sans --yes rien n’est changé. Sans rien à reprendre, la commande liste ce qui reste à traiter d’une reprise passée.

    \b
    Exemples:
      croissance recover
      croissance recover --yes
      croissance recover --json | jq '.services[].facts[] | select(.again | not)'
      croissance recover --close
    """  # noqa: D301
    here = find(data, bootstrap, dsn, namespace=namespace)
    try:
        found, waiting, closed = asyncio.run(_session(here, yes=yes, close_all=close_all))
    except asyncpg.InsufficientPrivilegeError as error:
        refused(error, changes=yes or close_all)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, KafkaError) as error:
        fail(f"courtier ou base injoignable : {reason(error)}", "croissance status dit ce qui tourne.")
    except ValueError as error:
        fail(f"{error}", "Rien n’a été changé pour ce service ; recommencez.")
    if as_json:
        print_json(_document(found, waiting, applied=yes))
        return
    show(found, applied=yes)
    show_waiting(waiting, closed)


async def _session(
    here: Addresses, *, yes: bool, close_all: bool
) -> tuple[list[Forgotten], dict[str, list[Fact]], int]:
    """Compare, take back if asked to; what is forgotten, what an earlier recovery left, how much was closed."""
    settings = kafka_settings(here.bootstrap)
    connection: Any = await asyncpg.connect(here.dsn, timeout=10)
    try:
        services = await schemas(connection, here.namespace)
        async with reading(settings, "croissance-recover") as consumer:
            found = await forgotten(consumer, connection, services)
        if yes:
            await take_all_back(connection, found)
        waiting: dict[str, list[Fact]] = {}
        closed = 0
        for name, schema in services.items():
            if "recovered" in schema.tables:
                await connection.execute(f'set search_path to "{schema.name}"')
                closed += await close(connection) if close_all else 0
                waiting[name] = await left(connection)
        return found, waiting, closed
    finally:
        await connection.close()


def _document(found: Sequence[Forgotten], waiting: Mapping[str, Sequence[Fact]], *, applied: bool) -> dict[str, Any]:
    """The machine-readable result."""
    return {
        "applied": applied and bool(found),
        "services": {
            each.service: {
                "partitions": [
                    {**where._asdict(), "head": each.heads[where], "last": each.heads[where] + len(records)}
                    for where, records in sorted(each.records.items())
                ],
                "facts": [{**fact._asdict(), "again": each.comes_again(fact)} for fact in each.facts],
            }
            for each in found
        },
        "waiting": {name: [fact._asdict() for fact in facts] for name, facts in waiting.items() if facts},
    }


def show(found: Sequence[Forgotten], *, applied: bool) -> None:
    """What was forgotten, for people."""
    if not found:
        say("La base n’est en retard sur Kafka pour aucun service : il n’y a rien à reprendre.")
        return
    table = Table("Service", "Partition", "Base", "Kafka", "Oubliés", "Décidés de nouveau", "Connus de Kafka seul")
    for each in found:
        again = Counter((fact.topic, fact.partition) for fact in each.facts if each.comes_again(fact))
        for where, records in sorted(each.records.items()):
            head, count = each.heads[where], len(records)
            figures = (head, head + count, count, again[where], count - again[where])
            table.add_row(each.service, f"{where.topic}[{where.partition}]", *map(number, figures))
    out.print(table)
    alone = {each.service: [fact for fact in each.facts if not each.comes_again(fact)] for each in found}
    _companies("Faits que Kafka seul connaît", alone)
    total = sum(len(each.facts) for each in found)
    done = "repris" if applied else "à reprendre (essai : rien n’est changé ; croissance recover --yes)"
    say(f"{number(total)} faits {done}, {number(sum(map(len, alone.values())))} connus de Kafka seul.")


def show_waiting(waiting: Mapping[str, Sequence[Fact]], closed: int) -> None:
    """What a recovery left to people."""
    if closed:
        say(f"{number(closed)} faits sont traités.")
    _companies(
        "Pas encore décidés de nouveau",
        {name: [f for f in facts if f.status == "open"] for name, facts in waiting.items()},
    )
    _companies(
        "Décidés autrement que Kafka ne le porte",
        {name: [f for f in facts if f.status == "otherwise"] for name, facts in waiting.items()},
    )


def _companies(title: str, facts: Mapping[str, Sequence[Fact]]) -> None:
    """Facts by company and service."""
    by_key: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for service, of_service in facts.items():
        for fact in of_service:
            by_key[fact.key, service][fact.type] += 1
    if not by_key:
        return
    table = Table("Entreprise", "Service", "Faits", title=title, title_justify="left")
    for (key, service), types in sorted(by_key.items())[:SHOWN]:
        table.add_row(key, service, ", ".join(f"{n} × {name}" if n > 1 else name for name, n in sorted(types.items())))
    out.print(table)
    if len(by_key) > SHOWN:
        say(f"… et {number(len(by_key) - SHOWN)} autres : --json les nomme tous.")
