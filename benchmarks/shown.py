"""How a result is shown: one JSON document on the output, or one table; talk goes to the error stream."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar

import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.results import keep

Result = TypeVar("Result", bound="Shown")


class Shown(Protocol):
    """A result that can be shown."""

    def document(self) -> dict[str, Any]:
        """The result as JSON."""
        ...

    def table(self) -> Table:
        """The result for people."""
        ...


def say(text: str) -> None:
    """Tell people one line of progress."""
    print(text, file=sys.stderr)


def measured(work: Callable[[], Coroutine[Any, Any, Result]], *, as_json: bool) -> Result:
    """Run a benchmark and show its result, with the load of the machine while it was measured."""
    before = os.getloadavg()[0]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(_until_told(work()))
    machine = {"cores": os.cpu_count(), "load_before": round(before, 2), "load_after": round(os.getloadavg()[0], 2)}
    keep(type(result).__module__.rpartition(".")[2], result.document() | {"machine": machine})
    if as_json:
        print(json.dumps(result.document() | {"machine": machine}, ensure_ascii=False, indent=2))
    else:
        Console(highlight=False, width=None if sys.stdout.isatty() else 150).print(result.table())
        say("machine: " + ", ".join(f"{name} {value}" for name, value in machine.items()))
    return result


async def _until_told(work: Coroutine[Any, Any, Result]) -> Result:
    """The result; SIGTERM ends the work as Ctrl-C does, so that what it started and wrote is gone afterwards."""
    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise SystemExit(128 + signal.SIGTERM) from None


def grid(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], caption: str = "") -> Table:
    """A table whose first column is text and whose others are figures."""
    width = min(100, max(len(title), len(caption)) + 4)
    table = Table(title=title, caption=caption or None, title_justify="left", caption_justify="left", min_width=width)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    return table
