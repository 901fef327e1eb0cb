"""Does a door on loopback answer, does its process work? Small enough to be asked many times a second."""

import asyncio
from contextlib import suppress
from typing import Literal

import psutil


async def http_answer(port: int, path: str, patience: float = 3.0) -> tuple[int, bytes]:
    """Status and body of `GET path` on a port of the loopback.

    Raises:
        OSError, ValueError: nobody answers HTTP there, or not in time.
    """
    async with asyncio.timeout(patience):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode("ascii"))
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            _, code, *_ = head.split()
            return int(code), body
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def http_status(port: int, path: str, patience: float = 3.0) -> int | None:
    """The HTTP status of `GET path` on a port of the loopback; None when nobody answers in time."""
    try:
        return (await http_answer(port, path, patience))[0]
    except (OSError, ValueError):
        return None


async def readiness(port: int) -> Literal["ready", "behind", "not"]:
    """What a process says of itself; "behind": it is well and waits for `croissance recover`, on a running system."""
    try:
        status, body = await http_answer(port, "/health/ready")
    except (OSError, ValueError):
        return "not"
    return "ready" if status == 200 else "behind" if b"database behind Kafka" in body else "not"


def computed(pid: int) -> float:
    """Seconds of CPU that a process has used; 0 once it is gone."""
    try:
        used = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return used.user + used.system
