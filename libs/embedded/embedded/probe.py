"""Does a door on loopback answer? Small enough to be asked many times a second."""

import asyncio
from contextlib import suppress


async def http_status(port: int, path: str, patience: float = 3.0) -> int | None:
    """The HTTP status of `GET path` on a port of the loopback; None when nobody answers in time."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode("ascii"))
            _, code, *_ = (await reader.readline()).split()
            return int(code)
    except (OSError, ValueError):
        return None
    finally:
        if writer is not None:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
