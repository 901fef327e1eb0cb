"""`up`, `down`, `status`, `scale`, `doctor`: the system on this machine."""

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.table import Table

from croissance.console import DEFAULT_DATA, Data, fail, people, say
from embedded.stack import Stack, infrastructure, running, service_names
from embedded.state import DESIRED, BusyError, state_of, stop_leftovers
from embedded.supervisor import StartError

DATA = Path(DEFAULT_DATA)


def _counts(values: list[str]) -> dict[str, int]:
    """`matching=3` → {"matching": 3}."""
    counts: dict[str, int] = {}
    for value in values:
        name, _, number = value.partition("=")
        if name not in service_names() or not re.fullmatch("0*([1-9]|1[012])", number):
            raise typer.BadParameter(f"{value}: attendu SERVICE=1..12, SERVICE parmi {', '.join(service_names())}")
        counts[name] = int(number)
    return counts


def up(
    data: Data = DATA,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Rendre la main une fois tout démarré.")] = False,
    scale: Annotated[list[str] | None, typer.Option(help="Nombre de processus: --scale matching=2")] = None,
    only_infrastructure: Annotated[
        bool, typer.Option("--only-infrastructure", help="Le courtier, la base et la boîte aux lettres, sans service.")
    ] = False,
) -> None:
    """Démarre tout le système sur cette machine: Kafka, PostgreSQL, les services, une boîte aux lettres.

    Rien d'autre à installer. La première fois, Kafka est téléchargé (environ 30 secondes). Ctrl-C arrête tout ce qui
    a été démarré, et rien d'autre. Les données restent dans --data et sont reprises au prochain `croissance up`.

    Pour utiliser votre Kafka ou votre PostgreSQL: CROISSANCE_KAFKA__BOOTSTRAP_SERVERS, CROISSANCE_DATABASE__DSN.
    """
    counts = _counts(scale or [])
    if detach:
        start_detached(data, scale or [], only_infrastructure=only_infrastructure)
        return

    async def session() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        began = time.monotonic()
        manager = infrastructure(data, say) if only_infrastructure else running(data, None, counts, say)
        starting = asyncio.ensure_future(manager.__aenter__())
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait([starting, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            say("Arrêt…")
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            return
        stack = await starting
        try:
            if only_infrastructure:
                stack.status = "up"
                stack.write_state()
            say(f"Tout est prêt en {time.monotonic() - began:.0f} s.")
            _show_addresses(stack)
            say(f"État: croissance status --data {data}.")
            say(f"Arrêt: croissance down --data {data}, ou Ctrl-C au premier plan.")
            await stop.wait()
            say("Arrêt…")
        finally:
            await manager.__aexit__(None, None, None)
        say("Tout est arrêté; les données restent.")

    try:
        asyncio.run(session())
    except (BusyError, StartError, RuntimeError) as error:
        fail(str(error), "croissance doctor dit ce qui manque.")


def _show_addresses(stack: Stack) -> None:
    """Where everything answers; the password stays in the state file."""
    table = Table(box=None, show_header=False)
    table.add_row("Kafka", stack.bootstrap_servers)
    table.add_row("PostgreSQL", stack.dsn.rpartition("@")[2])
    table.add_row("Courriels", f"{stack.smtp_url} → {stack.inbox}")
    for instances in stack.http.values():
        for instance, url in instances.items():
            table.add_row(instance, url)
    people.print(table)


def start_detached(data: Path, scale: list[str], *, only_infrastructure: bool = False) -> None:
    """Start `up` as a process of its own and wait until it is up."""
    data.mkdir(parents=True, exist_ok=True)
    if state_of(data) is not None:
        fail(f"un système tourne déjà sur {data}", "croissance status, ou croissance down d'abord.")
    command = [sys.executable, "-m", "croissance", "up", "--data", str(data)]
    command += [part for value in scale for part in ("--scale", value)]
    command += ["--only-infrastructure"] if only_infrastructure else []
    log = data / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  our own command line
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    shown = 0
    while True:
        text = log.read_text("utf-8", errors="replace")
        sys.stderr.write(text[shown:])
        shown = len(text)
        if process.poll() is not None:
            raise typer.Exit(1)
        state = state_of(data)
        if state is not None and state["status"] == "up":
            return
        time.sleep(0.2)


def down(data: Data = DATA) -> None:
    """Arrête le système qui tourne sur --data (et rien d'autre). Les données restent."""
    state = state_of(data)
    if state is None:
        left = stop_leftovers(data, say)
        say("Le ménage est fait." if left else f"Rien ne tourne sur {data}.")
        return
    process = psutil.Process(state["supervisor"]["pid"])
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(60)
    except psutil.TimeoutExpired:
        fail("le système ne s'est pas arrêté en 60 secondes", f"Voir {data}/logs et {data}/up.log.")
    say("Tout est arrêté; les données restent.")


def scale(
    targets: Annotated[list[str], typer.Argument(metavar="SERVICE=N...", help="Par exemple: matching=3 labels=1")],
    data: Data = DATA,
) -> None:
    """Change le nombre de processus d'un service pendant que le système tourne.

    Les partitions passent d'un processus à l'autre sans perte. Exemple: croissance scale matching=3
    """
    counts = _counts(targets)
    if state_of(data) is None:
        fail(f"rien ne tourne sur {data}", "croissance up d'abord.")
    scratch = data / f"{DESIRED}.new"
    scratch.write_text(json.dumps(counts), "utf-8")
    scratch.replace(data / DESIRED)
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline:
        state = state_of(data)
        if state is None:
            fail("le système s'est arrêté")
        if all(len(state["services"][name]["instances"]) == number for name, number in counts.items()):
            say("Fait: " + ", ".join(f"{name}={number}" for name, number in counts.items()))
            return
        time.sleep(0.2)
    fail("les processus ne sont pas prêts après 150 secondes", f"Voir {data}/logs.")


# --- status ----------------------------------------------------------------------------------------------------------


# --- doctor ----------------------------------------------------------------------------------------------------------
