"""The first module of a service process: it hears signals before anything else is loaded.

The first process of a container has no default actions: a signal that nobody handles yet is lost, and whoever sent it
waits in vain.
"""

import signal
import sys
from importlib import import_module
from types import FrameType

STOPPING = (signal.SIGTERM, signal.SIGINT)
"""What asks a process to stop."""


def start(module: str) -> None:
    """Run the `APP` of a module as a process, from its imports to its exit code."""
    for number in STOPPING:
        signal.signal(number, _leave)
    run = import_module("common.process.main").main
    run(import_module(module).APP)


def _leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    """Nothing is under way yet."""
    sys.exit(0)
