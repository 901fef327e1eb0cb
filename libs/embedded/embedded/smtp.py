"""The inbox of an installation: a real SMTP server on loopback that keeps every mail in one append-only mbox file."""

import argparse
import asyncio
import signal
from pathlib import Path
from typing import IO, Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from embedded.inbox import FROM_LINE


class Inbox:
    """Appends what arrives to an mbox; each mail is written, in one piece, before it is acknowledged."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        """Keep one mail."""
        content: bytes | str | None = envelope.content
        body = content if isinstance(content, bytes) else (content or "").encode()
        lines = body.replace(b"\r\n", b"\n").replace(b"\nFrom ", b"\n>From ")
        self._file.write(FROM_LINE + lines + b"\n")
        return "250 OK"


async def serve(path: Path, port: int) -> None:
    """Receive mail until SIGTERM."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with _append(path) as file:
        inbox = Inbox(file)

        def session() -> Any:
            return SMTP(inbox, hostname="localhost", enable_SMTPUTF8=True, data_size_limit=2**22, loop=loop)

        async with await loop.create_server(session, "127.0.0.1", port):
            await stop.wait()


def _append(path: Path) -> IO[bytes]:
    return path.open("ab", buffering=0)


async def answers(port: int) -> bool:
    """Whether the server greets."""
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), 2)
        greeting = await asyncio.wait_for(reader.readline(), 2)
        writer.close()
    except (OSError, TimeoutError):
        return False
    return greeting.startswith(b"220")


def main() -> None:
    """The command line of the inbox process."""
    parser = argparse.ArgumentParser(prog="python -m embedded.smtp", description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("port", type=int)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.path, arguments.port))


if __name__ == "__main__":
    main()
