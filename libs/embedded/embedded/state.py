"""A data directory: who holds it, and what its supervisor wrote of what runs there."""

import fcntl
import json
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import psutil

from embedded.leftovers import stop_stale
from embedded.progress import Say
from embedded.supervisor import Child

STATE, DESIRED = "stack.json", "desired.json"


class BusyError(RuntimeError):
    """Another supervisor already runs on this data directory."""


def recorded_state(data: Path) -> dict[str, Any]:
    """What the last supervisor of a data directory wrote, be it alive or not; empty when there is nothing to read."""
    with suppress(OSError, ValueError):
        state: Any = json.loads((data / STATE).read_text("utf-8"))
        if isinstance(state, dict):
            return state  # pyright: ignore[reportUnknownVariableType]  JSON
    return {}


def state_of(data: Path) -> dict[str, Any] | None:
    """What runs on a data directory as its supervisor last wrote it; None when no supervisor lives there."""
    state = recorded_state(data)
    try:
        process = psutil.Process(state["supervisor"]["pid"])
        alive = abs(process.create_time() - state["supervisor"]["created"]) < 0.05
    except (KeyError, TypeError, psutil.Error):
        return None
    return state if alive else None


def stop_leftovers(data: Path, say: Say) -> int:
    """Stop the children that a killed supervisor left behind on a data directory; returns how many."""
    children = recorded_state(data).get("children", {})
    return stop_stale(children, say) if isinstance(children, dict) else 0  # pyright: ignore[reportUnknownArgumentType]


def lock_of(data: Path) -> tuple[Path, IO[str]]:
    """Make the data directory and hold its lock; returns its absolute path and the file to close in the end."""
    data = data.absolute()
    data.mkdir(parents=True, exist_ok=True)
    file = (data / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        text = f"un système tourne déjà sur {data}: `croissance status`, ou `croissance down` d'abord"
        raise BusyError(text) from None
    return data, file


def instance_of(name: str, url: str, child: Child | None) -> dict[str, Any]:
    """One process of a service, as `stack.json` shows it."""
    return {
        "instance": name,
        "http_url": url,
        "pid": child.pid if child else None,
        "restarts": child.restarts if child else 0,
    }
