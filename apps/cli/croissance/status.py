"""`croissance status`: what runs on this machine, and how far each service is."""

import asyncio
from pathlib import Path
from typing import Any

import typer
from rich.table import Table

from croissance.console import DEFAULT_DATA, AsJson, Data, print_json, say
from croissance.output import out
from embedded import inbox
from embedded.state import state_of


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
    from croissance import survey  # noqa: PLC0415  the clients of broker and database: not where nothing runs

    asyncio.run(survey.look(state))
    state["mails"] = inbox.count(Path(state["inbox"]))
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
    for problem in state["problems"]:
        out.print(f"✘ {problem}", markup=False, soft_wrap=True)
    for service in state["services"].values():
        for instance in service["instances"]:
            for problem in instance["problems"]:
                out.print(f"✘ {instance['instance']}: {problem}", markup=False, soft_wrap=True)
