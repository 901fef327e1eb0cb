"""`python -m embedded COMMAND …`: run a command with a real broker and database that end with it."""

import asyncio
import sys
import tempfile
from pathlib import Path

from embedded.stack import infrastructure
from embedded.supervisor import StartError


async def run(command: list[str]) -> int:
    """Run `command` with the addresses in its environment; returns its exit code."""
    with tempfile.TemporaryDirectory(prefix="croissance-") as folder:
        async with infrastructure(Path(folder), lambda text: print(text, file=sys.stderr)) as stack:  # noqa: T201
            process = await asyncio.create_subprocess_exec(*command, env=stack.process_environment())
            return await process.wait()


def main() -> None:
    """Exit with the code of the command; 1 when the broker or the database cannot start."""
    if len(sys.argv) < 2:
        sys.exit("usage: python -m embedded COMMAND …")
    try:
        sys.exit(asyncio.run(run(sys.argv[1:])))
    except (StartError, RuntimeError) as error:
        sys.exit(f"the broker or the database cannot start: {error}")


if __name__ == "__main__":
    main()
