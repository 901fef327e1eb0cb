"""The small parts: ports, the inbox, the pid file of a dead server."""

import asyncio
import os
import smtplib
import socket
import sys
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pytest

from embedded import inbox as inbox_file
from embedded import progress, smtp
from embedded.errand import run_once
from embedded.ports import FIRST, LAST, Ports
from embedded.postgres import clear_stale_pid, closed_to
from embedded.probe import http_status


def test_ports_are_remembered_distinct_and_never_lent_by_the_kernel(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    first = {name: Ports(file).get(name) for name in ("kafka", "postgres", "smtp")}
    assert len(set(first.values())) == 3
    assert all(FIRST <= port <= LAST for port in first.values())
    assert {name: Ports(file).get(name) for name in first} == first


async def test_a_busy_port_is_given_time_then_replaced(tmp_path: Path) -> None:
    port = Ports(tmp_path / "ports.json").get("kafka")
    with socket.create_server(("127.0.0.1", port)) as holder:
        waiting = asyncio.create_task(Ports(tmp_path / "ports.json").regained("kafka"))
        await asyncio.sleep(0.2)
        holder.close()
        assert await waiting == port
    with socket.create_server(("127.0.0.1", port)):
        assert await Ports(tmp_path / "ports.json").regained("kafka", 0.2) != port


@pytest.mark.parametrize("distance", range(-3, 4))
def test_mails_are_counted_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, distance: int) -> None:
    inbox = tmp_path / "inbox.mbox"
    assert inbox_file.count(inbox) == 0
    mail = inbox_file.FROM_LINE + b"Subject: x\n\nbody From croissance\n\n"
    inbox.write_bytes(mail * 5)
    monkeypatch.setattr(inbox_file, "BLOCK", len(mail) + distance)
    assert inbox_file.count(inbox) == 5


async def test_every_mail_is_kept(tmp_path: Path) -> None:
    port, inbox = Ports(tmp_path / "ports.json").get("smtp"), tmp_path / "inbox.mbox"
    server = asyncio.create_task(smtp.serve(inbox, port))

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", port) as client:
            for number in range(20):
                text = f"Subject: n° {number}\r\n\r\nFrom here on\r\n.\r\nend"
                client.sendmail("a@example.org", ["b@example.org"], text.encode())

    try:
        async with asyncio.timeout(10):
            while not await smtp.answers(port):  # noqa: ASYNC110  another process, no event
                await asyncio.sleep(0.02)
        await asyncio.to_thread(send)
    finally:
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)
    assert inbox_file.count(inbox) == 20
    assert inbox.read_bytes().count(b"\n>From here on\n.\nend\n") == 20


def test_only_the_pid_file_of_another_process_is_removed(tmp_path: Path) -> None:
    file = tmp_path / "postmaster.pid"
    clear_stale_pid(tmp_path)
    file.write_text(f"{os.getpid()}\n{tmp_path}\n1000000000\n5432\n", "utf-8")
    clear_stale_pid(tmp_path)
    assert not file.exists()


async def test_a_silent_door_has_no_status(tmp_path: Path) -> None:
    port = Ports(tmp_path / "ports.json").get("http")
    assert await http_status(port, "/health/live", 0.5) is None
    with socket.create_server(("127.0.0.1", port)):
        assert await http_status(port, "/health/live", 0.2) is None


class Terminal(StringIO):
    """A stream that people look at."""

    def isatty(self) -> bool:
        return True


def test_what_takes_long_is_counted_by_quarters() -> None:
    said: list[str] = []
    with progress.counted(said.append, "Préparation", 200) as tell:
        for done in (10, 60, 70, 199, 500):
            tell(done)
    assert said == ["Préparation…", "Préparation 60/200", "Préparation 199/200", "Préparation 200/200"]


def test_what_takes_long_is_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, said = Terminal(), list[str]()
    monkeypatch.setattr(sys, "stderr", screen)
    with progress.counted(said.append, "Préparation", 200) as tell:
        tell(150)
    assert "Préparation" in screen.getvalue()
    assert "150/200" in screen.getvalue()
    assert not said


async def test_a_program_that_runs_once_says_all_it_wrote() -> None:
    program = "import sys; print('out', flush=True); sys.exit('err')"
    assert await run_once(sys.executable, "-c", program) == (1, "out\nerr\n")


async def test_a_program_does_not_outlive_who_waits_for_it(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    program = f"import os, time; open({str(file)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    waiting = asyncio.create_task(run_once(sys.executable, "-c", program))
    async with asyncio.timeout(10):
        while not (file.exists() and file.read_text("utf-8")):  # noqa: ASYNC110  another process, no event
            await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not psutil.pid_exists(int(file.read_text("utf-8")))


def test_a_folder_on_the_way_that_another_user_may_not_pass_is_named() -> None:
    """A clone in a private folder of root's: PostgreSQL, another user there, cannot run its programs."""
    with TemporaryDirectory() as name:
        open_one, private = Path(name), Path(name) / "private"
        programs = private / "programs"
        programs.mkdir(parents=True)
        open_one.chmod(0o755)
        private.chmod(0o700)

        assert closed_to(os.getuid() + 1, programs) == private
        assert closed_to(os.getuid(), programs) is None
        private.chmod(0o711)
        assert closed_to(os.getuid() + 1, programs) is None
