"""`croissance outbox`: what each service has to publish, and sending a range again."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from aiokafka.errors import KafkaError
from rich.table import Table

from common.kafka.tail import reading
from croissance.addresses import Addresses, Bootstrap, Dsn, Namespace, find
from croissance.console import DEFAULT_DATA, AsJson, Data, fail, print_json, reason, say
from croissance.login import kafka_settings
from croissance.missing import Missing, missing, send_again
from croissance.output import out
from croissance.proof.database import Place, schemas
from croissance.querying import on_database
from france.typography import number

app = typer.Typer(help="Files d’envoi: ce que chaque service a publié.", no_args_is_help=True, rich_markup_mode=None)

STATUS: Final = """select h.topic, sum(h.sequence)::bigint as head, sum(p.published)::bigint as published,
        sum(h.sequence - p.published)::bigint as waiting,
        array_agg(distinct p.owner) filter (where p.leased_until > now()) as owners,
        (select min(o.sealed_at) from "{schema}".outbox_published q
            cross join lateral (select sealed_at from "{schema}".outbox
                where topic = q.topic and partition = q.partition and last > q.published
                order by last limit 1) o
            where q.topic = h.topic) as oldest
    from "{schema}".outbox_heads h join "{schema}".outbox_published p using (topic, partition)
    group by h.topic order by h.topic"""
KEPT: Final = """select min(first), max(last) from "{schema}".outbox where topic = $1 and partition = $2"""
REWIND: Final = """update "{schema}".outbox_published set published = $3
    where topic = $1 and partition = $2 and published > $3 returning published"""


@app.command()
def status(
    *,
    data: Data = Path(DEFAULT_DATA),
    bootstrap: Bootstrap = "",
    dsn: Dsn = "",
    namespace: Namespace = "",
    as_json: AsJson = False,
) -> None:
    """Dit, par service et par topic, combien d’événements sont décidés, publiés, en attente, et qui les publie.

    En attente durablement: le courtier ne répond pas, ou aucun processus du service ne tourne (aucun propriétaire).

    \b
    Exemples:
      croissance outbox status
      croissance outbox status --json | jq '[.[].waiting] | add'
    """  # noqa: D301
    here = find(data, bootstrap, dsn, namespace=namespace)

    async def work(connection: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for name, schema in (await schemas(connection, here.namespace)).items():
            rows = await connection.fetch(STATUS.format(schema=schema.name))
            found += [{"service": name, **dict(row), "owners": row["owners"] or []} for row in rows]
        return found

    lines: list[dict[str, Any]] = on_database(here.dsn, work)
    if as_json:
        print_json(lines)
        return
    table = Table("Service", "Topic", "Décidés", "Publiés", "En attente", "Plus ancien", "Publié par")
    for line in lines:
        counts = [number(line[name]) for name in ("head", "published", "waiting")]
        oldest = "" if line["oldest"] is None else f"{line['oldest']:%H:%M:%S}"
        table.add_row(
            line["service"], line["topic"], *counts, oldest, ", ".join(map(process_of, line["owners"])) or "-"
        )
    out.print(table)


def process_of(owner: str) -> str:
    """The process behind a claim: its instance and process number, without the unique end."""
    return owner.rsplit("-", 5)[0]


@app.command()
def republish(
    topic: Annotated[str, typer.Argument(help="Le topic, par exemple croissance.diagnostic.v1.")] = "",
    partition: Annotated[int, typer.Argument(help="Sa partition, de 0 à 11.", min=-1)] = -1,
    start: Annotated[int, typer.Option("--from", help="Premier numéro (ce_sequence) à renvoyer.", min=0)] = 0,
    *,
    all_missing: Annotated[
        bool, typer.Option("--missing", help="Tout ce qui manque à Kafka, de tous les services ; ou du seul TOPIC.")
    ] = False,
    data: Data = Path(DEFAULT_DATA),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Dire ce qui serait renvoyé, sans rien changer.")] = False,
    bootstrap: Bootstrap = "",
    dsn: Dsn = "",
    namespace: Namespace = "",
) -> None:
    """Renvoie à Kafka les événements d’une partition à partir d’un numéro, ou (--missing) tout ce qui lui manque.

    Utile quand Kafka a perdu des événements qu’il avait acquittés (disque perdu, topic recréé): un lecteur signale
    alors un trou et attend. Le service reprend l’envoi au numéro --from dans la seconde; les lecteurs qui ont déjà
    ces numéros les ignorent, rien n’est compté deux fois. Seul ce que la file d’envoi garde encore peut être renvoyé
    (7 jours par défaut).

    \b
    Exemples:
      croissance outbox republish --missing --dry-run
      croissance outbox republish --missing
      croissance outbox republish croissance.diagnostic.v1 4 --from 1201 --dry-run
      croissance outbox republish croissance.diagnostic.v1 4 --from 1201
    """  # noqa: D301
    if not all_missing and not (topic and partition >= 0 and start):
        raise typer.BadParameter("attendu --missing, ou TOPIC PARTITION --from NUMÉRO")
    here = find(data, bootstrap, dsn, namespace=namespace)
    if all_missing:
        republish_missing(here, topic, dry_run=dry_run)
        return

    place = Place(topic, partition)

    async def work(connection: Any) -> tuple[int, int]:
        services = await schemas(connection, here.namespace)
        schema = next((schema for schema in services.values() if place in schema.heads), None)
        if schema is None:
            fail(f"aucun service ne publie {topic}[{partition}]", "croissance outbox status montre les topics.")
        first, last = await connection.fetchrow(KEPT.format(schema=schema.name), topic, partition)
        if first is None or not first <= start <= last:
            kept = "ne garde rien" if first is None else f"garde les numéros {first} à {last}"
            fail(f"le numéro {start} n’est pas dans la file d’envoi: elle {kept}")
        if not dry_run:
            await connection.fetchval(REWIND.format(schema=schema.name), topic, partition, start - 1)
        return start, schema.published[place]

    first, last = on_database(here.dsn, work, changes=not dry_run)
    verb = "(essai) seraient renvoyés" if dry_run else "sont renvoyés"
    say(f"{topic}[{partition}]: {max(0, last - first + 1)} événements {verb}, du numéro {first} au numéro {last}.")


def republish_missing(here: Addresses, topic: str, *, dry_run: bool) -> None:
    """Send again all that Kafka lacks, of one topic or of all; say what."""
    settings = kafka_settings(here.bootstrap)

    async def work(connection: Any) -> list[Missing]:
        async with reading(settings, "croissance-republish") as consumer:
            found = await missing(consumer, connection, await schemas(connection, here.namespace))
        found = [each for each in found if topic in ("", each.where.topic)]
        if not dry_run:
            await send_again(connection, found)
        return found

    try:
        found = on_database(here.dsn, work, changes=not dry_run)
    except KafkaError as error:
        fail(f"courtier injoignable: {reason(error)}", "croissance status dit si le système tourne.")
    for each in found:
        out.print(f"{each.where.topic}[{each.where.partition}]: {each.first} à {each.last}")
    verb = "(essai) seraient renvoyés" if dry_run else "sont renvoyés"
    total = sum(each.last - each.first + 1 for each in found)
    say(f"{number(total)} événements {verb}, de {len(found)} partitions." if found else "Rien ne manque à Kafka.")
