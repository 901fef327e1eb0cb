"""Children that a killed supervisor left behind: known by process id and start time, never by name."""

import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import psutil

from embedded.progress import Say


def stale(recorded: Mapping[str, Any]) -> dict[str, psutil.Process]:
    """Children of a former supervisor that still run, by name: known by process id and start time, never by name."""
    found: dict[str, psutil.Process] = {}
    for name, entry in recorded.items():
        with suppress(psutil.Error, KeyError, TypeError, ValueError):
            process = psutil.Process(entry["pid"])
            if abs(process.create_time() - entry["created"]) < 0.05 and process.status() != psutil.STATUS_ZOMBIE:
                found[name] = process
    return found


def stop_stale(recorded: Mapping[str, Any], say: Say, patience: float = 10.0) -> int:
    """Stop the children that a killed supervisor left behind, last started first; returns how many."""
    left = stale(recorded)
    for name, process in reversed(left.items()):
        say(f"{name} (processus {process.pid}) est resté d'une session précédente: arrêt")
        with suppress(psutil.Error):
            process.send_signal(recorded[name].get("stop_signal", signal.SIGTERM))
            process.send_signal(signal.SIGCONT)
        try:
            process.wait(patience)
        except psutil.TimeoutExpired:
            with suppress(psutil.Error):
                process.kill()
                process.wait(patience)
    return len(left)
