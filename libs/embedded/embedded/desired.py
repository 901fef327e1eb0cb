"""What `croissance scale` asks of a running system: a file that its supervisor reads."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Container
from contextlib import suppress
from pathlib import Path

from embedded.progress import Say
from embedded.state import DESIRED
from embedded.supervisor import StartError

Scale = Callable[[str, int], Awaitable[None]]


async def follow(data: Path, services: Container[str], scale: Scale, say: Say) -> None:
    """Apply what is asked for, until cancelled.

    Args:
        data: the data directory.
        services: those of this system.
        scale: brings a service to a number of processes.
        say: tells people what happens.
    """
    file, seen = data / DESIRED, ""
    while True:
        await asyncio.sleep(0.5)
        with suppress(OSError):
            text = file.read_text("utf-8")
            if text != seen:
                seen = text
                await apply(text, services, scale, say)


async def apply(text: str, services: Container[str], scale: Scale, say: Say) -> None:
    """One request: a JSON object of service → number of processes. What cannot be done is said and left."""
    try:
        counts = {str(name): int(count) for name, count in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError) as error:
        say(f"{DESIRED} n'est pas lisible: {error}")
        return
    for service, count in counts.items():
        if service not in services or count < 0:
            say(f"{service}={count}: pas un service de ce système")
            continue
        say(f"{service}: {count} processus demandés")
        try:
            await scale(service, count)
        except StartError as error:
            say(str(error))
