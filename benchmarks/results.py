"""A result as a table for people and as JSON for programs, with the machine it was measured on."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.machine import Cost
from common.core import clock

FOLDER: Final = Path(__file__).parent / "results"

out = Console()


def machine() -> dict[str, Any]:
    """What a figure depends on."""
    load = os.getloadavg()
    return {
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": round(load[0], 2),
    }


def commit() -> str:
    """The commit that is measured, with a mark when files differ from it."""
    git = shutil.which("git")
    if git is None:
        return ""
    command = [git, "describe", "--always", "--dirty"]
    described = subprocess.run(command, capture_output=True, text=True, check=False, cwd=FOLDER.parent)  # noqa: S603
    return described.stdout.strip()


def keep(name: str, document: Mapping[str, Any]) -> Path:
    """Write a result to `benchmarks/results/`; the two ratios, where there are any, stand first."""
    FOLDER.mkdir(exist_ok=True)
    now = clock.now().astimezone(UTC)
    ratios = {key: document[key] for key in ("ratio_to_skyline", "ratio_to_peer") if key in document}
    whole = {
        **ratios,
        "name": name,
        "at": now.isoformat(timespec="seconds"),
        "command": " ".join(["python -m benchmarks", *sys.argv[1:]]),
        "commit": commit(),
        "machine": machine(),
        **document,
    }
    file = FOLDER / f"{name}-{now:%Y%m%d-%H%M%S}.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(whole)))
    return file


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table."""
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        table.add_row(*map(str, row))
    out.print(table)


def costs(cost: Cost, companies: int) -> dict[str, Any]:
    """CPU seconds for 1,000 companies and most resident MiB, by role."""
    return {
        "cpu_seconds_per_1000": {role: round(1000 * used / companies, 3) for role, used in sorted(cost.cpu.items())},
        "resident_mib": {role: used >> 20 for role, used in sorted(cost.resident.items())},
        "resident_mib_by_decile": {
            role: [used >> 20 for used in row] for role, row in sorted(cost.resident_by_decile.items())
        },
    }
