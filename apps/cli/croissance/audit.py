"""`croissance audit`: proves that nothing was lost, doubled, reordered or overspent."""

import asyncio
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from croissance.addresses import Bootstrap, Dsn, Namespace, find
from croissance.console import DEFAULT_DATA, AsJson, Data, print_json, say
from croissance.output import out
from croissance.proof.findings import KINDS, Findings, Kind
from croissance.proof.run import Unreachable, Where
from croissance.proof.run import audit as run_audit
from france.typography import number

UNREACHABLE = 2
"""Exit status when the broker or the database cannot be read: nothing is proved either way."""


def audit(
    *,
    data: Data = Path(DEFAULT_DATA),
    bootstrap: Bootstrap = "",
    dsn: Dsn = "",
    namespace: Namespace = "",
    wait: Annotated[
        float, typer.Option(min=0, max=3600, help="Secondes d’attente que tout ce qui est en cours soit appliqué.")
    ] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Vérifie tout le système, hors des services: rien de perdu, doublé ou désordonné, au centime près.

    L’audit lit lui-même Kafka et PostgreSQL, sans le code des services, et vérifie que: les numéros de chaque partition
    se suivent (1, 2, 3…); chaque événement publié est dans la file d’envoi de son service, à l’identique, et
    réciproquement; chaque événement a eu son effet une fois chez chacun de ses lecteurs, dans l’ordre de l’entreprise;
    chaque diagnostic a sa réponse, chaque fait son message; les comptes du chèque tombent juste et ne sont jamais
    descendus sous zéro; aucune cohorte de labels ne dépasse son plafond.

    Il ne modifie rien et peut tourner sur un système en marche: il attend d’abord --wait secondes que ce qui est en
    cours soit appliqué.

    \b
    Exemples:
      croissance audit
      croissance audit --json | jq .ok
      croissance audit --bootstrap kafka:9092 --dsn postgresql://croissance@base/croissance

    Code de sortie: 0 tout est juste; 1 une faute, ou du travail encore en cours; 2 courtier ou base injoignable.
    """  # noqa: D301  \b keeps the lines of the examples apart
    here = find(data, bootstrap, dsn, namespace=namespace)
    began = time.monotonic()
    try:
        findings = asyncio.run(run_audit(Where(here.bootstrap, here.dsn, here.namespace), wait))
    except Unreachable as error:
        say(f"Erreur: courtier ou base injoignable ({type(error).__name__}: {error})")
        raise typer.Exit(UNREACHABLE) from None
    seconds = time.monotonic() - began
    if as_json:
        print_json(findings.as_json(seconds))
    else:
        show(findings, seconds)
    if not findings.ok:
        raise typer.Exit(1)


def line(findings: Findings, seconds: float) -> str:
    """The result in one line."""
    faults = findings.faults
    counts = (
        f"{faults['lost']} perdu, {faults['duplicated']} doublé, {faults['out_of_order']} désordonné, "
        f"{faults['gaps']} trou, {faults['overspent_cents']} centime de trop"
    )
    rarer: tuple[Kind, ...] = ("cut", "altered", "over_cap", "over_capacity", "unbalanced")
    others = [f"{faults[kind]} {KINDS[kind].partition(' : ')[0]}" for kind in rarer if faults[kind]]
    others += [f"{findings.pending} en cours"] if findings.pending else []
    others += [f"{findings.held} mis de côté"] if findings.held else []
    mark = "✔" if findings.ok else "✘"
    events = number(findings.checked["events"])
    return f"Audit {mark} {', '.join([counts, *others])} — {events} événements vérifiés en {seconds:.1f} s"


def show(findings: Findings, seconds: float) -> None:
    """The result for people: one line, and what is wrong if anything is."""
    out.print(line(findings, seconds), soft_wrap=True)
    if findings.examples:
        table = Table("Faute", "Nombre", "Où", "Quoi", title="Ce qui ne va pas", title_justify="left")
        for example in findings.examples:
            count: Any = findings.faults[example.kind]
            table.add_row(KINDS[example.kind].partition(" : ")[0], str(count), example.where, example.what)
        out.print(table)
    for note in findings.notes:
        say(f"Note: {note}")
