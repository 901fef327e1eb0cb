"""Free ports on loopback, remembered so that a restart keeps its addresses."""

import asyncio
import json
import random
import socket
import time
from pathlib import Path

FIRST, LAST = 20000, 32767
"""Ports lie below those the kernel lends to outgoing connections: a client that retries while its server is down could
otherwise be lent the server's own port, be connected to itself, and keep the server from coming back."""


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of the loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(taken: frozenset[int] = frozenset()) -> int:
    """A free port that is not in `taken`.

    Raises:
        RuntimeError: none was found.
    """
    for port in random.sample(range(FIRST, LAST + 1), 200):
        if port not in taken and is_free(port):
            return port
    raise RuntimeError(f"aucun port libre entre {FIRST} et {LAST}")


class Ports:
    """The ports of one installation, by name, kept in a file of its data directory.

    Args:
        file: where they are kept; whoever runs the installation may edit it to choose ports.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, int] = json.loads(file.read_text("utf-8")) if file.exists() else {}

    async def regained(self, name: str, patience: float = 5.0) -> int:
        """As `get`, but gives a busy port time: a process that was just killed may hold it a little longer."""
        port, deadline = self._known.get(name), time.monotonic() + patience
        while port is not None and not is_free(port) and time.monotonic() < deadline:  # noqa: ASYNC110  no event to wait for
            await asyncio.sleep(0.1)
        return self.get(name)

    def get(self, name: str) -> int:
        """The port of `name`: the remembered one while it is free, else a new one."""
        port = self._known.get(name)
        if port is None or not is_free(port):
            port = free_port(frozenset(self._known.values()))
            self._known[name] = port
            scratch = self._file.with_suffix(".new")
            scratch.write_text(json.dumps(self._known, indent=1), "utf-8")
            scratch.replace(self._file)
        return port
