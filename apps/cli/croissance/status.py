"""`croissance status`: what runs, on this machine or as a system of one's own, and how far each service is."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer
from rich.table import Table

from croissance.addresses import Bootstrap, Dsn, Http, doors_of
from croissance.console import DEFAULT_DATA, AsJson, Data, print_json, say
from croissance.output import one_line, out
from embedded import inbox
from embedded.state import state_of


def status(
    *,
    data: Data = Path(DEFAULT_DATA),
    bootstrap: Bootstrap = "",
    dsn: Dsn = "",
    http: Http = None,
    as_json: AsJson = False,
) -> None:
    """Dit ce qui tourne: adresses, processus, redémarrages, retard de chaque service, file d'envoi, lettres mortes.

    Un processus qui n’est pas prêt dit pourquoi: base absente, numéro manquant dans une partition, journal de Kafka
    amputé…

    Sans système démarré sur --data, le vôtre est regardé: son courtier et sa base, que --bootstrap et --dsn ou
    l’environnement nomment, et les processus que --http nomme.
    """
    state = state_of(data)
    if state is None and bootstrap and dsn:
        look_from_outside(bootstrap, dsn, doors_of(http), as_json=as_json)
        return
    if state is None:
        if as_json:
            print_json({"status": "down", "data": str(data)})
        else:
            say(f"Rien ne tourne sur {data}. Pour démarrer: croissance up")
            say("Pour regarder le vôtre: --bootstrap HÔTE:PORT --dsn postgresql://…")
        raise typer.Exit(1)
    from croissance import survey  # noqa: PLC0415  the clients of broker and database: not where nothing runs

    asyncio.run(survey.look(state))
    state["mails"] = inbox.count(Path(state["inbox"]))
    if as_json:
        print_json(state)
    else:
        show(state)


def look_from_outside(bootstrap: str, dsn: str, doors: Mapping[str, tuple[str, ...]], *, as_json: bool) -> None:
    """Show a system that no supervisor of this machine runs; of its database the address is told, not the account."""
    from common.process.app import installed_services  # noqa: PLC0415  as above
    from croissance import survey  # noqa: PLC0415

    def instances(name: str) -> list[dict[str, Any]]:
        urls = enumerate(doors.get(name, ()), 1)
        return [{"instance": f"{name}-{n}", "http_url": url, "pid": None, "restarts": None} for n, url in urls]

    services = {name: {"instances": instances(name)} for name in installed_services()}
    state: dict[str, Any] = {"status": "elsewhere", "bootstrap_servers": bootstrap, "dsn": dsn, "services": services}
    asyncio.run(survey.look(state))
    state["dsn"] = dsn.rpartition("@")[2]
    if as_json:
        print_json(state)
    else:
        show(state)


def show(state: dict[str, Any]) -> None:
    """What runs, for people: the addresses, a line a process, and what keeps one from being ready."""
    out.print(f"Kafka       {state['bootstrap_servers']}")
    out.print(
        f"PostgreSQL  {state['dsn'].rpartition('@')[2]}  {'(adresse complète: --json)' if 'inbox' in state else ''}",
    )
    if "inbox" in state:
        out.print(f"Courriels   {state['smtp_url']}  {state['mails']} reçus dans {state['inbox']}")
    table = Table("Processus", "HTTP", "PID", "Redémarrages", "Retard", "À publier", "Lettres mortes", box=None)
    for name, service in state["services"].items():
        if not service["instances"]:
            table.add_row(name, "", "", "", *figures_of(service))
        for index, instance in enumerate(service["instances"]):
            shared = figures_of(service) if index == 0 else [""] * 3
            where = [instance["instance"], instance["http_url"]]
            alive = [str(instance["pid"] or "arrêté"), str(instance["restarts"])] if "inbox" in state else ["", ""]
            table.add_row(*where, *alive, *shared)
    out.print(table)
    for problem in state["problems"]:
        out.print(one_line(f"✘ {problem}"), soft_wrap=True)
    for service in state["services"].values():
        for instance in service["instances"]:
            for problem in instance["problems"]:
                out.print(one_line(f"✘ {instance['instance']}: {problem}"), soft_wrap=True)


def figures_of(service: Mapping[str, Any]) -> list[str]:
    """Lag, what waits to be published, dead letters of a service; "?" where the database did not say."""
    return [str(service.get(field, "?")) for field in ("lag", "unpublished", "dead_letters")]
