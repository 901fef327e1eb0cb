"""What runs once and ends by itself: a program that does not outlive who waits for it, starts that end together."""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any


async def run_once(*command: str, env: Mapping[str, str] | None = None, cwd: str | None = None) -> tuple[int, str]:
    """Run a program to its end; returns its exit code and all it wrote. Whoever is cancelled meanwhile ends it.

    Raises:
        OSError: it cannot be run at all.
    """
    process = await asyncio.create_subprocess_exec(
        *command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, env=env, cwd=cwd
    )
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            process.terminate()  # not killed: PostgreSQL's initdb ends its own children
        await process.communicate()
        raise
    return process.returncode or 0, output.decode(errors="replace")


async def together(starts: Iterable[Any]) -> None:
    """Wait for all; when one fails, the others are given up at once and its error is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for start in starts:
                group.create_task(start)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
