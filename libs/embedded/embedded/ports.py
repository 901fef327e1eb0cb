"""Free ports on loopback, remembered so that a restart keeps its addresses."""

import json
import socket
from pathlib import Path


def is_free(port: int) -> bool:
    """Whether nobody listens on a port of the loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


class Ports:
    """The ports of one installation, by name, kept in a file of its data directory."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, int] = json.loads(file.read_text("utf-8")) if file.exists() else {}

    def get(self, name: str) -> int:
        """The port of `name`: the remembered one while it is free, else a new one."""
        port = self._known.get(name)
        if port is None or not is_free(port):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            self._known[name] = port
            self._file.write_text(json.dumps(self._known, indent=1), "utf-8")
        return port
