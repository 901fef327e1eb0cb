"""`croissance dlq`: the records that a service could not apply, and what to do with them."""

import re
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Table

from common.postgres.letters import ALONE, DROP, RELEASE, REPLAY
from croissance.addresses import Addresses, Bootstrap, Dsn, Namespace, find
from croissance.console import DEFAULT_DATA, AsJson, Data, fail, print_json, say
from croissance.output import out
from croissance.proof.database import schemas
from croissance.querying import on_database

app = typer.Typer(
    help="Lettres mortes: les événements qu’un service n’a pas pu appliquer.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Service = Annotated[str, typer.Option("--service", help="Un seul service; tous sinon.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Dire ce qui serait fait, sans rien changer.")]
Ids = Annotated[list[str] | None, typer.Argument(help="Lettres, comme SERVICE/NUMÉRO (matching/12).")]
All = Annotated[bool, typer.Option("--all", help="Toutes les lettres ouvertes (du service nommé, s’il l’est).")]

LIST: Final = """select id, topic, partition, "offset", sequence, key, reason, status, at,
        (select count(*) from "{schema}".parked p where p.key = d.key) as parked
    from "{schema}".dead_letters d where status = any($1::text[]) order by id limit $2"""
SHOW: Final = 'select * from "{schema}".dead_letters where id = $1'
OPEN: Final = """select id from "{schema}".dead_letters where status = 'open' order by id"""
PENDING: Final = ("open", "replay")
EVERY: Final = ("open", "replay", "replayed", "dropped")


@app.command(name="list")
def list_letters(
    *,
    data: Data = Path(DEFAULT_DATA),
    service: Service = "",
    everything: Annotated[bool, typer.Option("--all", help="Aussi celles déjà rejouées ou abandonnées.")] = False,
    limit: Annotated[int, typer.Option(help="Au plus N par service.", min=1)] = 100,
    bootstrap: Bootstrap = "",
    dsn: Dsn = "",
    namespace: Namespace = "",
    as_json: AsJson = False,
) -> None:
    """Liste les lettres mortes: où l’événement était, de quelle entreprise, pourquoi il est mis de côté.

    Les événements suivants de la même entreprise attendent derrière (colonne « attendent »); ceux des autres passent.

    \b
    Exemples:
      croissance dlq list
      croissance dlq list --service matching --json
    """  # noqa: D301
    here = find(data, bootstrap, dsn, namespace=namespace)

    async def work(connection: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for name, schema in (await _services(connection, here, service)).items():
            rows = await connection.fetch(LIST.format(schema=schema), EVERY if everything else PENDING, limit)
            found += [{**dict(row), "id": f"{name}/{row['id']}"} for row in rows]
        return found

    letters = on_database(here.dsn, work)
    if as_json:
        print_json(letters)
        return
    if not letters:
        say("Aucune lettre morte.")
        return
    table = Table("Lettre", "Statut", "Entreprise", "Place", "Attendent", "Raison")
    for letter in letters:
        place = f"{letter['topic']}[{letter['partition']}]@{letter['offset']}"
        values = (letter["id"], letter["status"], letter["key"] or "-", place, str(letter["parked"]), letter["reason"])
        table.add_row(*values)
    out.print(table)


@app.command()
def show(
    letter: Annotated[str, typer.Argument(help="La lettre, comme SERVICE/NUMÉRO (matching/12).")],
    *,
    data: Data = Path(DEFAULT_DATA),
    bootstrap: Bootstrap = "",
    dsn: Dsn = "",
    namespace: Namespace = "",
    as_json: AsJson = False,
) -> None:
    """Montre une lettre morte en entier: en-têtes, contenu, raison.

    \b
    Exemple:
      croissance dlq show matching/12
    """  # noqa: D301
    here = find(data, bootstrap, dsn, namespace=namespace)
    ((service, (number,)),) = parse_letters([letter]).items()

    async def work(connection: Any) -> Any:
        services = await _services(connection, here, service)
        return await connection.fetchrow(SHOW.format(schema=services[service]), number)

    row = on_database(here.dsn, work)
    if row is None:
        fail(f"aucune lettre {letter}", "croissance dlq list --all les montre toutes.")
    shown = {name: row[name] for name in row.keys() if name != "raw_headers"}  # noqa: SIM118  a record is no dict
    shown["value"] = None if row["value"] is None else row["value"].decode(errors="replace")
    if as_json:
        print_json(shown)
        return
    for name, value in shown.items():
        text = str(value).replace("\n", "\n" + " " * 13)  # lines of a value stay under it
        out.print(f"{name:>11}  {text}", soft_wrap=True)


@app.command()
def replay(
    letters: Ids = None,
    *,
    data: Data = Path(DEFAULT_DATA),
    every: All = False,
    service: Service = "",
    dry_run: DryRun = False,
    bootstrap: Bootstrap = "",
    dsn: Dsn = "",
    namespace: Namespace = "",
) -> None:
    """Rejoue des lettres mortes: leur service les reprend dans la seconde, puis ce qui attendait derrière.

    À faire une fois la cause réparée (une version corrigée, une donnée complétée). Une lettre qui échoue encore
    redevient ouverte, avec sa nouvelle raison.

    \b
    Exemples:
      croissance dlq replay matching/12 matching/15
      croissance dlq replay --all --service matching --dry-run
    """  # noqa: D301
    here = find(data, bootstrap, dsn, namespace=namespace)
    _settle(here, REPLAY, "à rejouer", letters, every=every, service=service, dry_run=dry_run)


@app.command()
def drop(
    letters: Ids = None,
    *,
    data: Data = Path(DEFAULT_DATA),
    every: All = False,
    service: Service = "",
    yes: Annotated[bool, typer.Option("--yes", help="Confirmer l’abandon.")] = False,
    dry_run: DryRun = False,
    bootstrap: Bootstrap = "",
    dsn: Dsn = "",
    namespace: Namespace = "",
) -> None:
    """Abandonne des lettres mortes: elles ne seront jamais appliquées. Demande --yes. La lettre reste lisible.

    Ce qui attendait derrière est alors appliqué dans l’ordre, sauf si une autre lettre de l’entreprise est ouverte.

    \b
    Exemples:
      croissance dlq drop matching/12 --dry-run
      croissance dlq drop matching/12 --yes
    """  # noqa: D301
    if not (yes or dry_run):
        raise typer.BadParameter("abandonner est définitif: ajoutez --yes (ou --dry-run pour voir)")
    here = find(data, bootstrap, dsn, namespace=namespace)
    _settle(here, DROP, "abandonnées", letters, every=every, service=service, dry_run=dry_run)


def _settle(
    here: Addresses, statement: str, what: str, letters: list[str] | None, *, every: bool, service: str, dry_run: bool
) -> None:
    """Change the status of the letters named, or of all open ones."""
    if bool(letters) == every:
        raise typer.BadParameter("nommez des lettres (SERVICE/NUMÉRO), ou --all")
    named = parse_letters(letters or [])

    async def work(connection: Any) -> list[str]:
        services = await _services(connection, here, service)
        unknown = named.keys() - services.keys()
        if unknown:
            fail(f"service inconnu: {', '.join(sorted(unknown))}")
        done: list[str] = []
        for name, schema in services.items():
            ids = named.get(name, [])
            if every:
                ids = [row[0] for row in await connection.fetch(OPEN.format(schema=schema))]
            if not dry_run:
                ids = await _change(connection, schema, statement, ids)
            done += [f"{name}/{number}" for number in sorted(ids)]
        return done

    done = on_database(here.dsn, work, changes=not dry_run)
    prefix = "(essai) " if dry_run else ""
    say(f"{prefix}{len(done)} lettre(s) {what}{': ' + ', '.join(done[:20]) if done else ''}")
    if letters and len(done) < len(set(letters)):
        fail("certaines lettres n’existent pas ou sont déjà réglées", "croissance dlq list --all dit où elles en sont.")


async def _change(connection: Any, schema: str, statement: str, ids: list[int]) -> list[int]:
    """Carry out a statement on letters; alone, so that no event of their keys is parked meanwhile."""
    of = f'"{schema}".'
    async with connection.transaction():
        if statement is DROP:
            await connection.execute(ALONE.format(of=of))
        changed = await connection.fetch(statement.format(of=of), ids)
        for key in sorted({row["key"] for row in changed if row["key"] is not None} if statement is DROP else ()):
            await connection.execute(RELEASE.format(of=of), key, "attendait derrière une lettre abandonnée")
    return [row["id"] for row in changed]


def parse_letters(letters: list[str]) -> dict[str, list[int]]:
    """`SERVICE/NUMBER` → service → numbers.

    Raises:
        typer.BadParameter: another form.
    """
    named: dict[str, list[int]] = {}
    for letter in letters:
        service, _, number = letter.partition("/")
        if not service or not re.fullmatch("0*[0-9]{1,18}", number):
            raise typer.BadParameter(f"« {letter} »: attendu SERVICE/NUMÉRO, par exemple matching/12")
        named.setdefault(service, []).append(int(number))
    return named


async def _services(connection: Any, here: Addresses, service: str) -> dict[str, str]:
    """Service → schema, of all services or of the one named."""
    found = {name: schema.name for name, schema in (await schemas(connection, here.namespace)).items()}
    if service and service not in found:
        fail(f"service inconnu: {service}", f"Services: {', '.join(found) or 'aucun'}.")
    return {service: found[service]} if service else found
