"""What people see while a demonstration runs: a live table on a terminal, plain lines elsewhere."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from rich.live import Live
from rich.table import Table

from croissance.api import Doors
from croissance.campaign_tally import Tally
from croissance.console import people, say
from croissance.flow import Flow
from france.typography import number

REFRESH: Final = 0.5
PLAIN_EVERY: Final = 3.0


@asynccontextmanager
async def shown(flow: Flow, tally: Tally, doors: Doors, total: int, *, quiet: bool) -> AsyncGenerator[None]:
    """Show progress while the block runs; `total` is 0 when unknown."""
    watch = (
        _nothing()
        if quiet
        else _live(flow, tally, doors, total)
        if people.is_terminal
        else _lines(flow, tally, doors, total)
    )
    task = asyncio.create_task(watch)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _nothing(*_: object) -> None:
    """Show nothing."""


async def _live(flow: Flow, tally: Tally, doors: Doors, total: int) -> None:
    rates = _Rates(flow)
    with Live(_table(flow, tally, doors, total, rates), console=people, refresh_per_second=4, transient=True) as live:
        while True:
            await asyncio.sleep(REFRESH)
            rates.sample()
            live.update(_table(flow, tally, doors, total, rates))


async def _lines(flow: Flow, tally: Tally, doors: Doors, total: int) -> None:
    rates = _Rates(flow)
    while True:
        await asyncio.sleep(PLAIN_EVERY)
        rates.sample()
        events = sum(flow.events.values())
        say(
            f"{number(tally.companies)}{f'/{number(total)}' if total else ''} inscrites, "
            f"{number(tally.steps['diagnostics'].done)} diagnostics, {number(events)} événements "
            f"({number(rates.total)}/s), retard {number(flow.lag())}"
            + (f", {doors.retries} reprises" if doors.retries else "")
        )


class _Rates:
    """Events a second by type, between the last two samples."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._before: dict[str, int] = dict(flow.events)
        self._at = time.monotonic()
        self.by_type: dict[str, float] = {}

    @property
    def total(self) -> float:
        """Of all types."""
        return sum(self.by_type.values())

    def sample(self) -> None:
        """Take a sample, unless the last one is too fresh to tell."""
        now, events = time.monotonic(), dict(self._flow.events)
        if now - self._at >= 1.0:
            self.by_type = {name: (n - self._before.get(name, 0)) / (now - self._at) for name, n in events.items()}
            self._before, self._at = events, now


def _table(flow: Flow, tally: Tally, doors: Doors, total: int, rates: _Rates) -> Table:
    goal = f" sur {number(total)}" if total else ""
    title = f"{number(tally.companies)} entreprises{goal} — retard {number(flow.lag())}"
    if doors.retries:
        title += f" — {number(doors.retries)} requêtes reprises"
    table = Table("Événement", "Nombre", "Par seconde", title=title, title_justify="left")
    for name, count in sorted(flow.events.items(), key=lambda item: -item[1]):
        table.add_row(name, number(count), number(rates.by_type.get(name, 0)))
    return table
