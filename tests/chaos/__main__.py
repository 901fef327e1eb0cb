"""`python -m chaos`: the long run by hand. See `make chaos`."""

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table
from stamina.instrumentation import set_on_retry_hooks

from chaos.run import TARGET, Report, run
from chaos.schedule import SHAPES, schedule

RESULTS = Path(__file__).parent / "results"
"""Where each run leaves its result; not under version control."""

EXAMPLES = """exemples:
  make chaos                          deux minutes
  make chaos SEED=7 MINUTES=10        une autre suite de pannes, plus longue
  python -m chaos --list --seed 7     la suite de pannes, sans la vivre

Code de sortie: 0 tout est juste et chaque reprise tient dans la limite; 1 sinon."""


def arguments() -> argparse.Namespace:
    """What is asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m chaos",
        description="Fait subir des pannes à tout le système, sous charge, mesure chaque reprise, puis audite.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1, help="graine: la même donne les mêmes pannes (1)")
    parser.add_argument(
        "--minutes", type=float, default=2, help="durée visée; chaque panne vient au moins une fois (2)"
    )
    parser.add_argument("--limit", type=float, default=TARGET, help="secondes qu’une reprise peut prendre (10)")
    parser.add_argument("--data", type=Path, help="dossier des données, gardé; sinon un dossier provisoire")
    parser.add_argument("--json", action="store_true", help="résultat en JSON sur la sortie standard")
    parser.add_argument("--list", action="store_true", help="montrer la suite de pannes, et rien d’autre")
    return parser.parse_args()


def main() -> None:
    """Exit with 1 when anything is wrong."""
    asked, people, began = arguments(), Console(stderr=True, highlight=False), time.monotonic()
    faults = schedule(asked.seed, asked.minutes)
    if asked.list:
        for fault in faults:
            print(f"{fault.pause:5.1f} s  {fault.kind:17} {fault.victim:14} {fault.seconds:5.1f} s")  # noqa: T201
        return

    set_on_retry_hooks([])  # the load tries again all the time
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))  # both end the run in order

    def say(text: str) -> None:
        people.print(f"[{time.monotonic() - began:6.1f} s] {text}", markup=False, soft_wrap=True)

    with tempfile.TemporaryDirectory(prefix="croissance-chaos-") as scratch:
        data = (asked.data or Path(scratch)).absolute()
        data.mkdir(parents=True, exist_ok=True)
        report = uvloop.run(run(data, asked.seed, faults, say))
    document = report.document(asked.limit)
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(document, ensure_ascii=False, indent=1)
    (RESULTS / f"seed-{asked.seed}-minutes-{asked.minutes:g}.json").write_text(text, "utf-8")
    if asked.json:
        sys.stdout.write(text + "\n")
    show(report, document, people)
    sys.exit(0 if document["ok"] else 1)


def show(report: Report, document: dict[str, Any], people: Console) -> None:
    """The table of recovery times and what is wrong, for people."""
    table = Table("Panne", "Fois", "Reprise médiane", "Reprise la plus longue", box=None)
    for kind, times in report.by_kind().items():
        known = sorted(seconds for seconds in times if seconds is not None)
        middle = f"{known[len(known) // 2]:.1f} s" if known else "-"
        worst = f"{known[-1]:.1f} s" if len(known) == len(times) else "jamais"
        table.add_row(SHAPES[kind].title, str(len(times)), middle, worst)
    people.print(table)
    audit = report.audit
    counts = ", ".join(f"{what} {audit[what]}" for what in ("lost", "duplicated", "out_of_order", "gaps"))
    people.print(f"{report.companies} entreprises, graine {report.seed}; audit: {counts}, ok {audit['ok']}")
    for text in document["wrong"]:
        people.print(f"✘ {text}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
