"""How the stack talks to people: one line at a time, and a bar for what takes long on a terminal."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Say = Callable[[str], None]
"""Tells people one line."""


def quiet(_: str) -> None:
    """Say nothing."""


@contextmanager
def counted(say: Say, text: str, total: int) -> Generator[Callable[[int], None]]:
    """Show how many of `total` are done: a bar on a terminal, a line at each quarter elsewhere.

    Yields:
        The function to call with the number done so far.
    """
    if say is not quiet and sys.stderr.isatty():
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(text, total=total)
            yield lambda done: bar.update(task, completed=min(done, total))
        return
    shown = 0

    def line(done: int) -> None:
        nonlocal shown
        quarter = 4 * min(done, total) // total
        if quarter > shown:
            shown = quarter
            say(f"{text} {min(done, total)}/{total}")

    say(f"{text}…")
    yield line
